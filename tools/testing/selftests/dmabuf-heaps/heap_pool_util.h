/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers shared by the tests of the pooled system heap. They access the kernel's text
 * files, the heap's parameters and its statistics in debugfs. They end child processes,
 * and wait until all memory is zeroed or freed.
 *
 * They report failure by return value and never print.
 */
#ifndef HEAP_POOL_UTIL_H
#define HEAP_POOL_UTIL_H

#include <signal.h>
#include <stdbool.h>
#include <time.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "dma_heap_util.h"

#ifndef HEAP_MODULE
#define HEAP_MODULE	"system_heap"
#endif
#define HEAP_PARAMS	"/sys/module/" HEAP_MODULE "/parameters/"
#define HEAP_DEBUGFS	"/sys/kernel/debug/dma_heap/" HEAP_NAME "/"

#define NR_HEAP_ORDERS	3

/* The statistics of one order; all values count pages of that order */
struct heap_order {
	unsigned int order;
	long long cached, hits, misses, inflight;
};

struct heap_stats {
	long long pool_limit_bytes, pool_bytes;
	long long queue_limit_bytes, queue_bytes, queue_buffers;
	long long zeroed_bytes, zero_failed_bytes;
	long long refused_bytes;
	struct heap_order order[NR_HEAP_ORDERS];
};

static inline ssize_t read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n, len = 0;

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
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* Write @text, and return what was there before in @old */
static inline int replace_text(const char *path, const char *text, char *old,
			       size_t size)
{
	ssize_t len = read_text(path, old, size);

	return len < 0 ? len : write_text(path, text);
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

/* A line of /proc/vmstat, after the per-CPU counts were folded in */
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

/* "1" frees page cache, "2" slabs and all else that has a shrinker, "3" both */
static inline int drop_kernel_caches(const char *which)
{
	return write_text("/proc/sys/vm/drop_caches", which);
}

/*
 * Bytes that can be reclaimed and are neither page cache nor slab: the heap's.
 * Other users change this counter little; MISC_TOLERANCE allows for them.
 */
#define MISC_TOLERANCE	(16 * (long long)PAGE_BYTES)

static inline long long misc_reclaimable(void)
{
	return vmstat_read("nr_kernel_misc_reclaimable") * (long long)PAGE_BYTES;
}

/* Like fork(), but the child dies with its parent. */
static inline pid_t fork_child(void)
{
	pid_t pid = fork();

	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* Wait for a child. Returns its exit status, or -1 if a signal ended it. */
static inline int wait_child(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static inline void kill_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static inline double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
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
	st->refused_bytes = text_value(buf, "refused_bytes");

	line = strstr(buf, "\norder ");
	for (i = 0; i < NR_HEAP_ORDERS; i++) {
		struct heap_order *o = &st->order[i];

		line = line ? strchr(line + 1, '\n') : NULL;
		if (!line ||
		    sscanf(line, " %u %lld %lld %lld %lld", &o->order,
			   &o->cached, &o->hits, &o->misses, &o->inflight) != 5)
			return -1;
	}
	return 0;
}

/* Bytes that buffers ever got from the pool, or -1 */
static inline long long heap_hit_total(void)
{
	struct heap_stats st;
	long long pages = 0;
	int i;

	if (heap_stats_read(&st))
		return -1;
	for (i = 0; i < NR_HEAP_ORDERS; i++)
		pages += st.order[i].hits << st.order[i].order;
	return pages * (long long)PAGE_BYTES;
}

/* Bytes cached or queued, or -1 */
static inline long long heap_held(void)
{
	struct heap_stats st;

	return heap_stats_read(&st) ? -1 : st.pool_bytes + st.queue_bytes;
}

/* Wait until the thread has zeroed the queue and trimmed the cache */
static inline int heap_wait_idle(void)
{
	double end = seconds() + 20;
	struct heap_stats st;

	do {
		if (heap_stats_read(&st))
			return -1;
		if (!st.queue_bytes && !st.queue_buffers &&
		    st.pool_bytes <= st.pool_limit_bytes)
			return 0;
		usleep(2000);
	} while (seconds() < end);
	return -1;
}

/* Free everything to the page allocator */
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
	long long left;
	int i;

	do {
		if (heap_drain() || heap_stats_read(st))
			return false;
		left = st->pool_bytes | st->queue_bytes | st->queue_buffers;
		for (i = 0; i < NR_HEAP_ORDERS; i++)
			left |= st->order[i].cached | st->order[i].inflight;
		if (!left)
			return true;
		usleep(5000);
	} while (seconds() < end);
	return false;
}

/* Parameters as found, so that a fixture can put them back */
struct heap_params {
	long pool_limit_mb;
	long queue_limit_mb;
	char zero_method[16];
};

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
	char text[32];

	snprintf(text, sizeof(text), "%ld", value);
	return heap_set_param_text(name, text);
}

/* Both limits in MiB */
static inline int heap_set_limits(long pool, long queue)
{
	return heap_set_param("pool_limit_mb", pool) ?:
	       heap_set_param("queue_limit_mb", queue);
}

static inline int heap_params_save(struct heap_params *p)
{
	p->pool_limit_mb = heap_param("pool_limit_mb");
	p->queue_limit_mb = heap_param("queue_limit_mb");
	if (p->pool_limit_mb < 0 || p->queue_limit_mb < 0 ||
	    read_text(HEAP_PARAMS "zero_method", p->zero_method,
		      sizeof(p->zero_method)) <= 0)
		return -1;
	return 0;
}

static inline int heap_params_restore(const struct heap_params *p)
{
	return heap_set_limits(p->pool_limit_mb, p->queue_limit_mb) |
	       heap_set_param_text("zero_method", p->zero_method);
}

/*
 * Why the tests cannot run here, or NULL if they can. A kernel without pools, or
 * one booted with pooling off, is not a failure.
 */
static inline const char *heap_missing(struct heap_params *p)
{
	struct heap_stats st;
	int heap = heap_open();

	if (heap < 0)
		return "no such heap";
	close(heap);
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

#endif /* HEAP_POOL_UTIL_H */
