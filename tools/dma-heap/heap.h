/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the commands of dma-heap share
 */
#ifndef TOOLS_DMA_HEAP_H
#define TOOLS_DMA_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdnoreturn.h>

#define DEBUGFS		"/sys/kernel/debug"
#define HEAPS		"/dev/dma_heap"
#define MIB		(1024ULL * 1024)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Exit statuses: done, could not be done, less than asked for or a faulty heap */
enum { DONE, FAILED, SHORT };

/* The options of all commands: --json, -s or NULL, -d */
extern bool json;
extern const char *wanted_heap;
extern const char *stats_dir;

int cmd_stat(int argc, char **argv);
int cmd_fill(int argc, char **argv);
int cmd_who(int argc, char **argv);
int cmd_test(int argc, char **argv);

/* Returns the next of the command's own options, which are in @own, or -1 */
int next_option(int argc, char **argv, const char *own);
noreturn void usage(void);

unsigned int parse_number(const char *text, const char *what);
unsigned long long parse_size(const char *text, const char *what);

/* The start of a file as a string; false and errno if it cannot be read */
bool read_file(const char *path, char *buf, size_t size);
/* The number after @key and a colon or blanks at the start of a line of @text */
bool find_value(const char *text, const char *key, unsigned long long *value);
/* The same from a file; ends the program if it cannot be read or has no such line */
unsigned long long file_value(const char *path, const char *key);

void print_string(const char *text);	/* for JSON, with quotes */

/* Explains, partly from errno, why stats_dir has no statistics */
const char *no_stats(void);
/* The heap that was asked for, or "system"; stops the program if there is none */
int open_heap(const char **name);
/* A buffer's descriptor, or -1 and errno */
int alloc_buffer(int heap, unsigned long long len);

/* Catch SIGINT, SIGTERM and the timeout; a second signal of the same kind ends the program */
void catch_signals(unsigned int seconds);
/* Which of these came, or 0 */
int stopped(void);

#endif /* TOOLS_DMA_HEAP_H */
