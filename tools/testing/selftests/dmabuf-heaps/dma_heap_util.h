/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers shared by the tests of the system heap: allocate, map and check buffers
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

/* A heap that was loaded as a module may have another name. */
#ifndef HEAP_NAME
#define HEAP_NAME	"system"
#endif

#define KIB		1024LL
#define MIB		(1024 * KIB)
#define PAGE_BYTES	((size_t)sysconf(_SC_PAGESIZE))

/* xorshift: the same sequence on every run, so that a failure repeats */
static inline unsigned int next_random(unsigned int *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static inline int heap_open_name(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/dma_heap/%s", name);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* DMA_HEAP names another heap to test. */
static inline int heap_open(void)
{
	return heap_open_name(getenv("DMA_HEAP") ?: HEAP_NAME);
}

/* A dma-buf, or -errno */
static inline int heap_alloc_args(int heap, __u64 len, __u32 fd, __u32 fd_flags,
				  __u64 heap_flags)
{
	struct dma_heap_allocation_data data = {
		.len = len,
		.fd = fd,
		.fd_flags = fd_flags,
		.heap_flags = heap_flags,
	};

	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) < 0)
		return -errno;
	return data.fd;
}

static inline int heap_alloc(int heap, size_t len)
{
	return heap_alloc_args(heap, len, 0, O_RDWR | O_CLOEXEC, 0);
}

/* The size that the exporter reports: the length rounded up to pages */
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

/* Offset of the first word that is not zero, or -1 */
static inline long long find_nonzero(const void *p, size_t size)
{
	const unsigned long *words = p;
	size_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		if (words[i])
			return i * sizeof(*words);
	return -1;
}

/*
 * Read all of the buffer, including the padding to whole pages. Then fill it with
 * a pattern for the next owner to find.
 *
 * Returns -1 if it was all zero, the offset of the first stale word, or -2 if
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
