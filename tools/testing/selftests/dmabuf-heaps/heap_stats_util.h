/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers to read the system heap's statistics in debugfs, and to wait until
 * they show that all memory is zeroed, or freed.
 *
 * They report failure by return value and never print.
 */
#ifndef HEAP_STATS_UTIL_H
#define HEAP_STATS_UTIL_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dma_heap_util.h"
#include "proc_util.h"

#define HEAP_DEBUGFS	"/sys/kernel/debug/dma_heap/" HEAP_NAME "/"

#define NR_HEAP_ORDERS	3

/* What debugfs tells about one order; all values count pages of that order */
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

static inline long long heap_hits(const struct heap_stats *st)
{
	long long hits = 0;
	int i;

	for (i = 0; i < NR_HEAP_ORDERS; i++)
		hits += st->order[i].hits;
	return hits;
}

/* Bytes that buffers got from the pool */
static inline long long heap_hit_bytes(const struct heap_stats *st)
{
	long long pages = 0;
	int i;

	for (i = 0; i < NR_HEAP_ORDERS; i++)
		pages += st->order[i].hits << st->order[i].order;
	return pages * (long long)PAGE_BYTES;
}

/* Nothing is cached, queued or in use */
static inline bool heap_is_empty(const struct heap_stats *st)
{
	int i;

	for (i = 0; i < NR_HEAP_ORDERS; i++)
		if (st->order[i].cached || st->order[i].inflight)
			return false;
	return !st->pool_bytes && !st->queue_bytes && !st->queue_buffers;
}

/* Wait until the thread has zeroed what was freed, and trimmed the cache */
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

	do {
		if (heap_drain() || heap_stats_read(st))
			return false;
		if (heap_is_empty(st))
			return true;
		usleep(5000);
	} while (seconds() < end);
	return false;
}

/* Bytes of all the pages that buffers were ever made of, or -1 */
static inline long long heap_handed_out(void)
{
	struct heap_stats st;
	long long sum = 0;
	int i;

	if (heap_stats_read(&st))
		return -1;
	for (i = 0; i < NR_HEAP_ORDERS; i++)
		sum += (st.order[i].hits + st.order[i].misses) <<
		       st.order[i].order;
	return sum * sysconf(_SC_PAGESIZE);
}

#endif /* HEAP_STATS_UTIL_H */
