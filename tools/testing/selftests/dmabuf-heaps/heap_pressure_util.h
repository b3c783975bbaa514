/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers to use up memory: buffers that are held, and a task that wants more.
 *
 * They report failure by return value and never print.
 */
#ifndef HEAP_PRESSURE_UTIL_H
#define HEAP_PRESSURE_UTIL_H

#include "heap_pool_util.h"

#define MAX_BUFS	1000

struct bufs {
	int fd[MAX_BUFS];
	int nr;
};

/* Hold about @bytes of buffers of @len. Returns 0, or the error of an allocation */
static inline int hold(int heap, struct bufs *b, long long bytes, size_t len)
{
	long long done;

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

/* Allocate about @bytes in buffers of @len, then close all */
static inline int hold_and_drop(int heap, long long bytes, size_t len)
{
	struct bufs b = {};
	int ret = hold(heap, &b, bytes, len);

	drop(&b, 0);
	return ret;
}

/* A buffer whose pages carry its owner's stamp, in the first word and the last */
struct stamped {
	unsigned long long *map, stamp;
	size_t size;
	int fd;
};

/*
 * Stamp @buf, which must be all zero. Returns -EFAULT if it cannot be mapped,
 * -EILSEQ if it is not zero.
 */
static inline int stamp_buffer(struct stamped *s, int buf,
			       unsigned long long stamp)
{
	size_t words = PAGE_BYTES / sizeof(*s->map), at;
	int ret = 0;

	s->fd = buf;
	s->stamp = stamp;
	s->size = buf_size(buf);
	s->map = s->size ? buf_map(buf, s->size) : NULL;
	if (!s->map) {
		close(buf);
		return -EFAULT;
	}
	if (find_nonzero(s->map, s->size) >= 0)
		ret = -EILSEQ;
	memset(s->map, 0xa5, s->size);
	for (at = 0; at < s->size / sizeof(*s->map); at += words) {
		s->map[at] = stamp + at;
		s->map[at + words - 1] = stamp + at;
	}
	return ret;
}

/*
 * Close a buffer. Returns a stamp that is not its own, or all ones for a page that
 * lost its stamp, or 0 if every stamp is right.
 */
static inline unsigned long long unstamp_buffer(struct stamped *s)
{
	size_t words = PAGE_BYTES / sizeof(*s->map), at;
	unsigned long long foreign = 0;

	if (!s->map)
		return 0;
	for (at = 0; at < s->size / sizeof(*s->map); at += words) {
		if (s->map[at] != s->stamp + at)
			foreign = s->map[at] ?: -1;
		if (s->map[at + words - 1] != s->stamp + at)
			foreign = s->map[at + words - 1] ?: -1;
	}
	munmap(s->map, s->size);
	close(s->fd);
	s->map = NULL;
	return foreign;
}

/*
 * Touch @bytes of memory, in pieces. Call this only in a child forked for it, which
 * becomes the first to be OOM-killed. Returns its exit status, 0 if all was
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
