/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers shared by the tests of the pooled system heap: allocate and check
 * buffers, read the heap's statistics, set its parameters.
 *
 * The helpers report failure by return value and never print, so that the
 * EXPECT and ASSERT macros stay in the tests, where they name what broke.
 */
#ifndef DMA_HEAP_UTIL_H
#define DMA_HEAP_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>

#include <linux/dma-buf.h>
#include <linux/dma-heap.h>

#define HEAP_NODE	"/dev/dma_heap/system"
#define HEAP_DEBUGFS	"/sys/kernel/debug/dma_heap/system/"
#define HEAP_PARAMS	"/sys/module/system_heap/parameters/"

#define KIB		1024UL
#define MIB		(1024UL * 1024UL)
#define PAGE_BYTES	((size_t)sysconf(_SC_PAGESIZE))

#define NR_HEAP_ORDERS	3

/* What debugfs tells about one order; all values count pages of that order */
struct heap_order {
	unsigned int order;
	long long cached, hits, misses, recycled;
	long long released, refilled, inflight;
};

struct heap_stats {
	long long pool_limit_bytes, pool_bytes;
	long long queue_limit_bytes, queue_bytes, queue_buffers;
	long long zeroed_bytes, zero_failed_bytes;
	long long helped_bytes, refused_bytes;
	struct heap_order order[NR_HEAP_ORDERS];
};

/* Parameters as found, so that a fixture can put them back */
struct heap_params {
	long pool_limit_mb;
	long queue_limit_mb;
	long zero_batch;
	char zero_method[16];
};

static inline double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* xorshift: the same sequence on every run, so that a failure repeats */
static inline unsigned int next_random(unsigned int *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static inline ssize_t read_text(const char *path, char *buf, size_t size)
{
	ssize_t n, len = 0;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf + len, size - 1 - len)) > 0)
		len += n;
	if (n < 0)
		len = -errno;
	close(fd);
	buf[len > 0 ? len : 0] = '\0';
	return len;
}

static inline int write_text(const char *path, const char *text)
{
	int fd, ret = 0;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* The number after @key at the start of a line, as in vmstat and meminfo */
static inline long long text_value(const char *text, const char *key)
{
	size_t len = strlen(key);
	const char *line;

	for (line = text; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (!strncmp(line, key, len) &&
		    (line[len] == ' ' || line[len] == ':'))
			return strtoll(line + len + 1, NULL, 10);
	}
	return -1;
}

static inline long long file_value(const char *path, const char *key)
{
	char buf[16384];

	if (read_text(path, buf, sizeof(buf)) < 0)
		return -1;
	return text_value(buf, key);
}

/* A line of /proc/vmstat, with what the CPUs hold back folded in first */
static inline long long vmstat_read(const char *key)
{
	write_text("/proc/sys/vm/stat_refresh", "1");
	return file_value("/proc/vmstat", key);
}

/* A line of /proc/meminfo in bytes */
static inline long long meminfo_read(const char *key)
{
	long long kib;

	write_text("/proc/sys/vm/stat_refresh", "1");
	kib = file_value("/proc/meminfo", key);
	return kib < 0 ? kib : kib * 1024;
}

/* MiB a test may fill: DMA_HEAP_TEST_MB, by default modest */
static inline unsigned long test_budget(void)
{
	const char *env = getenv("DMA_HEAP_TEST_MB");
	unsigned long mb = env ? strtoul(env, NULL, 10) : 0;

	return (mb ? mb : 256) * MIB;
}

static inline int heap_stats_read(struct heap_stats *st)
{
	const char *line;
	char buf[4096];
	int i;

	memset(st, 0, sizeof(*st));
	if (read_text(HEAP_DEBUGFS "stats", buf, sizeof(buf)) <= 0)
		return -1;

	st->pool_limit_bytes = text_value(buf, "pool_limit_bytes");
	st->pool_bytes = text_value(buf, "pool_bytes");
	st->queue_limit_bytes = text_value(buf, "queue_limit_bytes");
	st->queue_bytes = text_value(buf, "queue_bytes");
	st->queue_buffers = text_value(buf, "queue_buffers");
	st->zeroed_bytes = text_value(buf, "zeroed_bytes");
	st->zero_failed_bytes = text_value(buf, "zero_failed_bytes");
	st->helped_bytes = text_value(buf, "helped_bytes");
	st->refused_bytes = text_value(buf, "refused_bytes");

	line = strstr(buf, "\norder ");
	for (i = 0; i < NR_HEAP_ORDERS; i++) {
		struct heap_order *o = &st->order[i];

		line = line ? strchr(line + 1, '\n') : NULL;
		if (!line ||
		    sscanf(line, " %u %lld %lld %lld %lld %lld %lld %lld",
			   &o->order, &o->cached, &o->hits, &o->misses,
			   &o->recycled, &o->released, &o->refilled,
			   &o->inflight) != 8)
			return -1;
	}
	return 0;
}

static inline long long heap_hits(const struct heap_stats *st)
{
	long long hits = 0;
	int i;

	for (i = 0; i < NR_HEAP_ORDERS; i++)
		hits += st->order[i].hits;
	return hits;
}

/* Nothing cached, queued or lent out */
static inline bool heap_is_empty(const struct heap_stats *st)
{
	int i;

	for (i = 0; i < NR_HEAP_ORDERS; i++)
		if (st->order[i].cached || st->order[i].inflight)
			return false;
	return !st->pool_bytes && !st->queue_bytes && !st->queue_buffers;
}

/* Wait until the helper has cleaned all that was freed */
static inline int heap_wait_idle(void)
{
	double end = seconds() + 20;
	struct heap_stats st;

	do {
		if (heap_stats_read(&st))
			return -1;
		if (!st.queue_bytes && !st.queue_buffers)
			return 0;
		usleep(2000);
	} while (seconds() < end);
	return -1;
}

/* Give everything back to the page allocator */
static inline int heap_drain(void)
{
	return write_text(HEAP_DEBUGFS "drain", "1");
}

/*
 * Drain until nothing is left: a buffer whose last reference went away in
 * another task may reach the heap a moment later. False after 10 seconds.
 */
static inline bool heap_drain_all(struct heap_stats *st)
{
	double end = seconds() + 10;

	do {
		if (heap_drain() || heap_stats_read(st))
			return false;
		if (heap_is_empty(st))
			return true;
		usleep(5000);
	} while (seconds() < end);
	return false;
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
