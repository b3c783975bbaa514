/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers shared by the tests of the pooled system heap: allocate and check
 * buffers, set the heap's parameters. With it come those that read the heap's
 * statistics and the kernel's.
 *
 * The helpers report failure by return value and never print, so that the
 * EXPECT and ASSERT macros stay in the tests, where they name what broke.
 */
#ifndef DMA_HEAP_UTIL_H
#define DMA_HEAP_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/dma-buf.h>
#include <linux/dma-heap.h>

#include "heap_stats_util.h"
#include "proc_util.h"

#define HEAP_NODE	"/dev/dma_heap/system"
#define HEAP_PARAMS	"/sys/module/system_heap/parameters/"

#define KIB		1024UL
#define MIB		(1024UL * 1024UL)
#define PAGE_BYTES	((size_t)sysconf(_SC_PAGESIZE))

/* Parameters as found, so that a fixture can put them back */
struct heap_params {
	long pool_limit_mb;
	long queue_limit_mb;
	long zero_batch;
	char zero_method[16];
};

/* xorshift: the same sequence on every run, so that a failure repeats */
static inline unsigned int next_random(unsigned int *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* MiB a test may fill: DMA_HEAP_TEST_MB, by default modest */
static inline unsigned long test_budget(void)
{
	const char *env = getenv("DMA_HEAP_TEST_MB");
	unsigned long mb = env ? strtoul(env, NULL, 10) : 0;

	return (mb ? mb : 256) * MIB;
}

static inline long heap_param(const char *name)
{
	char path[128], buf[64];

	snprintf(path, sizeof(path), HEAP_PARAMS "%s", name);
	if (read_text(path, buf, sizeof(buf)) <= 0)
		return -1;
	return strtol(buf, NULL, 10);
}

static inline int heap_set_param_text(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), HEAP_PARAMS "%s", name);
	return write_text(path, value);
}

static inline int heap_set_param(const char *name, long value)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%ld", value);
	return heap_set_param_text(name, buf);
}

static inline int heap_params_save(struct heap_params *p)
{
	char *end;

	p->pool_limit_mb = heap_param("pool_limit_mb");
	p->queue_limit_mb = heap_param("queue_limit_mb");
	p->zero_batch = heap_param("zero_batch");
	if (read_text(HEAP_PARAMS "zero_method", p->zero_method,
		      sizeof(p->zero_method)) <= 0)
		return -1;
	end = strchr(p->zero_method, '\n');
	if (end)
		*end = '\0';
	return p->pool_limit_mb < 0 || p->queue_limit_mb < 0 ||
	       p->zero_batch < 0 ? -1 : 0;
}

static inline int heap_params_restore(const struct heap_params *p)
{
	int ret = 0;

	ret |= heap_set_param("pool_limit_mb", p->pool_limit_mb);
	ret |= heap_set_param("queue_limit_mb", p->queue_limit_mb);
	ret |= heap_set_param("zero_batch", p->zero_batch);
	ret |= heap_set_param_text("zero_method", p->zero_method);
	return ret;
}

/*
 * Why the tests cannot say anything here, or NULL when they can. A kernel
 * without pools, or one booted with pooling off, is no failure.
 */
static inline const char *heap_missing(struct heap_params *p)
{
	struct heap_stats st;

	if (access(HEAP_NODE, R_OK | W_OK))
		return "no " HEAP_NODE;
	if (access(HEAP_DEBUGFS "stats", R_OK))
		return "no " HEAP_DEBUGFS "stats: heap without a pool, or no debugfs";
	if (heap_stats_read(&st))
		return "statistics in a format this test does not know";
	if (heap_params_save(p))
		return "parameters missing in " HEAP_PARAMS;
	if (!p->pool_limit_mb)
		return "pooling is off (pool_limit_mb=0)";
	return NULL;
}

static inline int heap_open(void)
{
	return open(HEAP_NODE, O_RDWR | O_CLOEXEC);
}

/* A dma-buf, or -errno */
static inline int heap_alloc(int heap, size_t len)
{
	struct dma_heap_allocation_data data = {
		.len = len,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};

	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) < 0)
		return -errno;
	return data.fd;
}

/* What the exporter says is the size: @len rounded up to pages */
static inline size_t buf_size(int buf)
{
	off_t size = lseek(buf, 0, SEEK_END);

	return size < 0 ? 0 : size;
}

static inline void *buf_map(int buf, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, buf, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Offset of the first byte of @p that is not zero, or -1 */
static inline long long find_nonzero(const void *p, size_t size)
{
	const unsigned long *w = p;
	size_t i, j;

	for (i = 0; i < size / sizeof(*w); i += 8) {
		if (!(w[i] | w[i + 1] | w[i + 2] | w[i + 3] |
		      w[i + 4] | w[i + 5] | w[i + 6] | w[i + 7]))
			continue;
		for (j = i * sizeof(*w); !((const char *)p)[j]; j++)
			;
		return j;
	}
	return -1;
}

/*
 * Read all of the buffer, the pages past @len that rounding added included,
 * then leave a pattern in every byte of it for the next owner to find.
 *
 * Returns -1 if it was all zero, the offset of the first stale byte, or -2 if
 * it could not be mapped.
 */
static inline long long buf_check_and_soil(int buf)
{
	size_t size = buf_size(buf);
	void *p = size ? buf_map(buf, size) : NULL;
	long long at;

	if (!p)
		return -2;
	at = find_nonzero(p, size);
	memset(p, 0xa5, size);
	munmap(p, size);
	return at;
}

#endif /* DMA_HEAP_UTIL_H */
