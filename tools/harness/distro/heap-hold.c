// SPDX-License-Identifier: GPL-2.0
/*
 * heap-hold: hold buffers of a heap until it is killed, for dma-heap who to find
 *
 *   parent  descriptors of 8 MiB and 1 MiB, the latter twice, and mapped
 *   child   the 8 MiB mapped, without a descriptor; 2 MiB of its own, mapped only
 */
#include <err.h>
#include <signal.h>
#include <sys/prctl.h>

#include "dma_heap_util.h"

/* This also fails if the buffer was not allocated. */
static void map(int buf, size_t len)
{
	if (!buf_map(buf, len))
		err(1, "a buffer of %zu bytes", len);
}

int main(void)
{
	int heap = heap_open(), shared = heap_alloc(heap, 8 * MIB), own;

	prctl(PR_SET_NAME, "hold parent");
	if (fork()) {
		map(dup(heap_alloc(heap, MIB)), MIB);
		pause();
	}
	prctl(PR_SET_NAME, "hold child");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	own = heap_alloc(heap, 2 * MIB);
	map(shared, 8 * MIB);
	map(own, 2 * MIB);
	close(shared);
	close(own);
	close(open("/tmp/held", O_CREAT | O_WRONLY, 0600));
	pause();
	return 0;
}
