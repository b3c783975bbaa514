// SPDX-License-Identifier: GPL-2.0
/*
 * heap-hold: hold buffers of a heap until it is killed, for dma-heap who to find
 *
 *   parent  descriptors of 8 MiB and 1 MiB, the latter twice, and mapped
 *   child   the 8 MiB mapped, without a descriptor; 2 MiB of its own, mapped only
 */
#include <signal.h>
#include <sys/prctl.h>

#include "bench.h"

int main(void)
{
	int heap, shared, own;

	progname = "heap-hold";
	heap = must_open(HEAP_NAME);
	shared = must_alloc(heap, 8 * MIB);
	prctl(PR_SET_NAME, "hold parent");
	if (fork()) {
		must_map(dup(must_alloc(heap, MIB)), MIB);
		pause();
	}
	prctl(PR_SET_NAME, "hold child");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	own = must_alloc(heap, 2 * MIB);
	must_map(shared, 8 * MIB);
	must_map(own, 2 * MIB);
	close(shared);
	close(own);
	close(open("/tmp/held", O_CREAT | O_WRONLY, 0600));
	pause();
	return 0;
}
