// SPDX-License-Identifier: GPL-2.0
/*
 * dma-heap: look at DMA-BUF heaps, fill and test them; see dma-heap.8
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <getopt.h>

#include "heap.h"

bool json;
const char *wanted_heap;
const char *stats_dir = DEBUGFS "/dma_heap";

static const struct command {
	const char *name;
	const char *arguments;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "stat", "[-o] [-s HEAP] [-d DIR] [INTERVAL [COUNT]]", cmd_stat },
	{ "fill", "SIZE [-b BUFFER_SIZE] [-t SECONDS] [-n] [-s HEAP] [-d DIR]",
	  cmd_fill },
	{ "who", "[-s HEAP]", cmd_who },
	{ "test", "[-t SECONDS] [-s HEAP]", cmd_test },
};

static const struct command *command;

static void print_usage(FILE *to)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!command || command == &commands[i])
			fprintf(to, "usage: dma-heap %s [--json] %s\n",
				commands[i].name, commands[i].arguments);
}

void usage(void)
{
	print_usage(stderr);
	exit(FAILED);
}

int next_option(int argc, char **argv, const char *own)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	char all[32];
	int opt;

	snprintf(all, sizeof(all), "jhs:d:%s", own);
	opterr = 0;
	while ((opt = getopt_long(argc, argv, all, options, NULL)) >= 0) {
		if (opt == 'j') {
			json = true;
		} else if (opt == 's') {
			wanted_heap = optarg;
		} else if (opt == 'd') {
			stats_dir = optarg;
		} else if (opt == 'h') {
			print_usage(stdout);
			exit(DONE);
		} else if (opt == '?') {
			usage();
		} else {
			return opt;
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(argv[1], commands[i].name)) {
			command = &commands[i];
			return command->run(argc - 1, argv + 1);
		}
	}
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		print_usage(stdout);
		return DONE;
	}
	usage();
}
