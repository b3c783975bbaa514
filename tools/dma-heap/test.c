// SPDX-License-Identifier: GPL-2.0
/*
 * Whether a heap's buffers are zeroed and have one owner; see dma-heap.8
 *
 * Each page of an open buffer is filled with a unique number. A stale page is thus
 * not zero, and a shared page has another buffer's number.
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>

#include "heap.h"

#define NR_BUFFERS	8
#define SECONDS		60

/* After this many steps all buffers are closed, so that the heap can reuse their pages. */
#define ROUND		32

static struct buffer {
	unsigned long long *data;
	size_t len;
	unsigned long long stamp;
	int fd;
} buffers[NR_BUFFERS];

static unsigned long long nr_allocated, nr_bytes, nr_failed, stamps;
static size_t words_of_page;
static char fault[256];

static bool is_right(const struct buffer *b, const char *when)
{
	size_t i, n = b->len / sizeof(*b->data);

	for (i = 0; i < n; i++) {
		unsigned long long want = b->stamp ? b->stamp + i / words_of_page : 0;

		if (b->data[i] == want)
			continue;
		snprintf(fault, sizeof(fault),
			 "%s: the word at byte %zu of %zu is 0x%llx instead of 0x%llx",
			 when, i * sizeof(*b->data), b->len,
			 b->data[i], want);
		return false;
	}
	return true;
}

static bool open_buffer(int heap, struct buffer *b, size_t len)
{
	off_t real_len;
	size_t i;

	b->fd = alloc_buffer(heap, len);
	if (b->fd < 0) {
		b->data = NULL;
		nr_failed++;
		return true;
	}
	real_len = lseek(b->fd, 0, SEEK_END);
	if (real_len != (off_t)len) {
		snprintf(fault, sizeof(fault), "a buffer of %zu bytes is %lld bytes long",
			 len, (long long)real_len);
		return false;
	}
	b->data = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);
	if (b->data == MAP_FAILED) {
		snprintf(fault, sizeof(fault), "mmap of a buffer of %zu bytes: %s",
			 len, strerror(errno));
		return false;
	}
	nr_allocated++;
	nr_bytes += len;
	b->len = len;
	b->stamp = 0;
	if (!is_right(b, "a new buffer is not zeroed"))
		return false;
	b->stamp = stamps + 1;
	stamps += len / sizeof(*b->data) / words_of_page;
	for (i = 0; i < len / sizeof(*b->data); i++)
		b->data[i] = b->stamp + i / words_of_page;
	return true;
}

static bool close_buffer(struct buffer *b)
{
	if (!b->data)
		return true;
	if (!is_right(b, "a buffer has changed"))
		return false;
	munmap(b->data, b->len);
	close(b->fd);
	b->data = NULL;
	return true;
}

/* From a page to 8 MiB, any whole number of pages */
static size_t random_len(size_t page_size)
{
	size_t most = page_size << (random() % 12);

	return most > 8 * MIB ? 8 * MIB : page_size * (1 + random() % (most / page_size));
}

int cmd_test(int argc, char **argv)
{
	unsigned int seconds = SECONDS, round, i;
	size_t page_size = sysconf(_SC_PAGESIZE);
	struct timespec from, to;
	const char *name;
	bool right = true;
	int heap;

	while (next_option(argc, argv, "t:") >= 0)
		seconds = parse_number(optarg, "seconds");
	if (argc != optind)
		usage();
	heap = open_heap(&name);
	words_of_page = page_size / sizeof(*buffers[0].data);
	catch_signals(seconds);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (round = 1; right && !stopped(); round++) {
		struct buffer *b = &buffers[random() % NR_BUFFERS];

		right = b->data ? close_buffer(b) :
			open_buffer(heap, b, random_len(page_size));
		if (round % ROUND)
			continue;
		for (i = 0; right && i < NR_BUFFERS; i++)
			right = close_buffer(&buffers[i]);
		usleep(random() % 50000);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);

	if (json) {
		printf("{\"heap\":");
		print_string(name);
		printf(",\"buffers\":%llu,\"bytes\":%llu,\"failed\":%llu",
		       nr_allocated, nr_bytes, nr_failed);
		printf(",\"seconds\":%ld,\"fault\":", (long)(to.tv_sec - from.tv_sec));
		if (right)
			printf("null");
		else
			print_string(fault);
		puts("}");
	} else {
		printf("%s: %llu buffers, %llu MiB, %llu more could not be allocated\n",
		       name, nr_allocated, nr_bytes / MIB, nr_failed);
		puts(right ? "every byte was zero when allocated, and kept what was written" :
		     fault);
	}
	if (!right)
		return SHORT;
	if (!nr_allocated)
		errx(FAILED, "%s: not one buffer could be allocated", name);
	return DONE;
}
