// SPDX-License-Identifier: GPL-2.0
/*
 * Preloaded into a program, this library makes every file a DMA-BUF heap, with buffers
 * that are files in memory. FAKE_HEAP says what is wrong with the heap:
 *
 *   stale    the last byte is not zero
 *   shared   each allocation writes into the buffer before it
 *   short    a page is missing
 *   closed   the buffer cannot be mapped for writing
 *   full     there is no memory
 *   file     the heap is a plain file
 *
 * The machine has been up for 1000 seconds. A process that sleeps finds the file "later"
 * in place of the heap's statistics.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>

#include <linux/dma-heap.h>

static time_t uptime = 1000;

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	*ts = (struct timespec){ .tv_sec = uptime };
	return 0;
}

unsigned int sleep(unsigned int seconds)
{
	uptime += seconds;
	return rename("later", "heaps/system/stats");
}

int ioctl(int fd, unsigned long request, ...)
{
	const char *fault = getenv("FAKE_HEAP");
	struct dma_heap_allocation_data *data;
	static int before = -1;
	va_list ap;

	va_start(ap, request);
	data = va_arg(ap, void *);
	va_end(ap);
	errno = ENOTTY;
	if (request != DMA_HEAP_IOCTL_ALLOC || !strcmp(fault, "file"))
		return -1;
	errno = ENOMEM;
	if (!strcmp(fault, "full"))
		return -1;
	fd = memfd_create("buffer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, data->len))
		return -1;
	if (!strcmp(fault, "stale") && pwrite(fd, "\xa5", 1, data->len - 1) != 1)
		return -1;
	if (!strcmp(fault, "short") && ftruncate(fd, data->len - getpagesize()))
		return -1;
	if (!strcmp(fault, "closed") && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE))
		return -1;
	if (!strcmp(fault, "shared")) {
		if (before >= 0 && (pwrite(before, "\xa5", 1, 0) != 1 || close(before)))
			return -1;
		before = dup(fd);
	}
	data->fd = fd;
	return 0;
}
