// SPDX-License-Identifier: GPL-2.0
/*
 * What using a buffer costs, once it is allocated
 *
 *   mmap     map all of it into a process and unmap it         op mmap
 *   vmap     map it into the kernel and unmap it               op vmap
 *   attach   attach a device, map, unmap, detach               op attach
 *
 * The last two are measured from inside the kernel.
 */
#include "bench.h"
#include "probe.h"

enum use { USE_MMAP, USE_VMAP, USE_ATTACH, NR_USES };

static const char * const uses[NR_USES] = { "mmap", "vmap", "attach" };

static uint64_t use_once(int buf, size_t len, enum use use)
{
	uint64_t t;

	if (use != USE_MMAP)
		return probe_time("%s %d", uses[use], buf);
	t = now();
	munmap(heap_map(buf, len), len);
	return now() - t;
}

static void bench_use(int heap, const char *name, const struct size_plan *p)
{
	int buf, use, i;

	for (use = 0; use < NR_USES; use++) {
		if (!wanted(uses[use]))
			continue;
		drained();
		buf = heap_alloc(heap, p->len);
		for (i = -3; i < p->samples; i++) {
			uint64_t t;

			usleep(1000);
			t = use_once(buf, p->len, use);
			if (i >= 0)
				samples[i] = t;
		}
		close(buf);
		caught_up();
		result(uses[use], uses[use], name, p->len, p->samples);
	}
}

int main(int argc, char **argv)
{
	unsigned int i, j;
	int heap;

	progname = "heap-use";
	bench_setup(argc, argv);
	for (i = 0; i < ARRAY_SIZE(bench_heaps); i++) {
		if (!strcmp(bench_heaps[i], "empty"))
			continue;
		heap = bench_heap_open(bench_heaps[i]);
		if (heap < 0)
			continue;
		for (j = 0; j < ARRAY_SIZE(plans); j++)
			if (wanted_size(plans[j].len))
				bench_use(heap, bench_heaps[i], &plans[j]);
		close(heap);
	}
	return 0;
}
