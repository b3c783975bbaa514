// SPDX-License-Identifier: GPL-2.0
/*
 * What the commands of dma-heap share: numbers, files, heaps and signals
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include <linux/dma-heap.h>
#include <linux/magic.h>

#include "heap.h"

unsigned int parse_number(const char *text, const char *what)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (!isdigit(*text) || *end || errno || !value || value > 1000000000)
		errx(FAILED, "%s %s: a whole number from 1 to 1000000000 is needed",
		     what, text);
	return value;
}

unsigned long long parse_size(const char *text, const char *what)
{
	static const char units[] = "KMGT";
	unsigned long long value;
	unsigned int shift = 0;
	const char *unit;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	unit = *end ? strchr(units, toupper(*end)) : NULL;
	if (unit) {
		shift = 10 * (unit - units + 1);
		end++;
	}
	if (!isdigit(*text) || *end || errno || !value || value >> (62 - shift))
		errx(FAILED, "%s %s: a number of bytes is needed, or one with K, M, G or T",
		     what, text);
	return value << shift;
}

bool read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error;
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return false;
	while ((n = read(fd, buf + len, size - 1 - len)) > 0)
		len += n;
	error = errno;
	close(fd);
	errno = error;
	buf[len] = '\0';
	return n >= 0;
}

bool find_value(const char *text, const char *key, unsigned long long *value)
{
	size_t len = strlen(key);

	while (strncmp(text, key, len) || !strchr(": \t", text[len])) {
		text = strchr(text, '\n');
		if (!text++)
			return false;
	}
	*value = strtoull(text + len + 1, NULL, 10);
	return true;
}

unsigned long long file_value(const char *path, const char *key)
{
	unsigned long long value;
	char buf[16384];

	if (!read_file(path, buf, sizeof(buf)))
		err(FAILED, "%s", path);
	if (!find_value(buf, key, &value))
		errx(FAILED, "%s: no line %s", path, key);
	return value;
}

void print_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		/* Bytes that are not ASCII need not be UTF-8. */
		if (isprint((unsigned char)*text))
			putchar(*text);
		else
			printf("\\u%04x", (unsigned char)*text);
	}
	putchar('"');
}

const char *no_stats(void)
{
	struct statfs fs;

	if (errno == EACCES || errno == EPERM)
		return "only root may read it";
	if (!strncmp(stats_dir, DEBUGFS "/", strlen(DEBUGFS "/")) &&
	    (statfs(DEBUGFS, &fs) || fs.f_type != DEBUGFS_MAGIC))
		return "no debugfs; mount -t debugfs none " DEBUGFS;
	return "no heap of this kernel has statistics";
}

int open_heap(const char **name)
{
	const char *heap = wanted_heap ?: "system";
	const char *slash = strrchr(heap, '/');
	char path[4096];
	int fd;

	*name = slash ? slash + 1 : heap;
	snprintf(path, sizeof(path), "%s%s", slash ? "" : HEAPS "/", heap);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (errno == EACCES || errno == EPERM)
		errx(FAILED, "%s: only root or its group may use it",
		     path);
	if (errno == ENOENT && !slash && access(HEAPS, F_OK))
		errx(FAILED, "%s: this kernel has no DMA-BUF heaps", path);
	if (errno == ENOENT)
		errx(FAILED, "%s: no heap of that name; see " HEAPS, path);
	err(FAILED, "%s", path);
}

int alloc_buffer(int heap, unsigned long long len)
{
	struct dma_heap_allocation_data data = {
		.len = len,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};

	if (!ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data))
		return data.fd;
	if (errno == ENOTTY)
		errx(FAILED, "%s: not a DMA-BUF heap", wanted_heap ?: "system");
	return -1;
}

static int stop;

static void caught(int signo)
{
	__atomic_store_n(&stop, signo, __ATOMIC_RELAXED);
}

int stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

/* A second signal of the same kind ends the program at once. */
void catch_signals(unsigned int seconds)
{
	struct sigaction action = {
		.sa_handler = caught,
		.sa_flags = SA_RESETHAND,
	};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	alarm(seconds);
}
