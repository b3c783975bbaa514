// SPDX-License-Identifier: GPL-2.0
/*
 * A trace like that of a window system, see mix.h
 *
 *   mix    one pass of the trace                             op alloc, pair
 */
#include "mix.h"

int main(int argc, char **argv)
{
	unsigned int i;
	int heap;

	progname = "heap-mix";
	bench_setup(argc, argv);
	if (!wanted("mix") || only_size)
		return 0;
	for (i = 0; i < ARRAY_SIZE(bench_heaps); i++) {
		if (!strcmp(bench_heaps[i], "empty"))
			continue;
		heap = bench_heap_open(bench_heaps[i]);
		if (heap < 0)
			continue;
		drained();
		bench_mix(heap, "mix", bench_heaps[i]);
		close(heap);
	}
	return 0;
}
