/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers to use up memory: buffers that are held, and a task that wants more.
 *
 * They report failure by return value and never print.
 */
#ifndef HEAP_PRESSURE_UTIL_H
#define HEAP_PRESSURE_UTIL_H

#include "heap_pool_util.h"

#define MAX_BUFS	1024

struct bufs {
	int fd[MAX_BUFS];
	int nr;
};

/* Hold about @bytes of buffers of @len; 0, or the error of an allocation */
static inline int hold(int heap, struct bufs *b, unsigned long bytes,
		       size_t len)
{
	unsigned long done;

	for (done = 0; done < bytes && b->nr < MAX_BUFS; done += len) {
		int fd = heap_alloc(heap, len);

		if (fd < 0)
			return fd;
		b->fd[b->nr++] = fd;
	}
	return 0;
}

/* Close all but the first @keep */
static inline void drop(struct bufs *b, int keep)
{
	while (b->nr > keep)
		close(b->fd[--b->nr]);
}

/* Fill a pool of 32 MiB with the pages of closed buffers of @len. */
static inline int squat(int heap, size_t len)
{
	struct bufs b = {};
	int ret, round;

	ret = heap_set_param("pool_limit_mb", 32) ?:
	      heap_set_param("queue_limit_mb", 64);
	for (round = 0; round < 2 && !ret; round++) {
		ret = hold(heap, &b, 40 * MIB, len);
		drop(&b, 0);
		ret = ret ?: heap_wait_idle();
	}
	return ret;
}

/* What the buffers of surface_hits() need together */
#define SURFACES	(20 * 4LL * MIB)

/* Use 4 MiB again and again. Returns bytes from the pool, or an error. */
static inline long long surface_hits(int heap)
{
	struct heap_stats before, after;
	long long done;
	int buf;

	if (heap_stats_read(&before))
		return -EIO;
	for (done = 0; done < SURFACES; done += 4 * MIB) {
		buf = heap_alloc(heap, 4 * MIB);
		if (buf < 0)
			return buf;
		close(buf);
		if (heap_wait_idle())
			return -EBUSY;
	}
	if (heap_stats_read(&after))
		return -EIO;
	return heap_hit_bytes(&after) - heap_hit_bytes(&before);
}

/*
 * Touch @bytes of memory, in pieces. Only for a child forked for this: it makes
 * itself the first to be OOM-killed. Returns its exit status, 0 if all was
 * touched.
 */
static inline int touch_memory(long long bytes)
{
	const long long piece = 4 * MIB;
	size_t page = PAGE_BYTES;
	long long done, at;

	if (write_text("/proc/self/oom_score_adj", "1000"))
		return 2;
	for (done = 0; done < bytes; done += piece) {
		char *p = mmap(NULL, piece, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return 3;
		madvise(p, piece, MADV_NOHUGEPAGE);
		for (at = 0; at < piece && done + at < bytes; at += page)
			p[at] = 1;
	}
	return 0;
}

#endif /* HEAP_PRESSURE_UTIL_H */
