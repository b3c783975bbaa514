// SPDX-License-Identifier: GPL-2.0
/*
 * What zeroing costs through a mapping of many pages at a time, by the size of
 * that batch and the order of the pages, beside the direct map
 *
 * Output: zeroing <method> <order> <batch> <per MiB> <TLB flushes per GiB>,
 * the median of several runs each of which clears VOLUME_MIB, unmapping and
 * flushing included. Flushes are counted since their price is not seen in a
 * count of instructions; each interrupts every processor.
 */
#include "bench.h"
#include "probe.h"

#define VOLUME_MIB	128
#define RUNS		3
#define ORDER_MIXED	9

static void bench_zeroing(const char *name, int method, int order, int batch)
{
	unsigned long long answer[3], flushes = 0;
	int i;

	/* Once for nothing: page tables of the area stay allocated */
	for (i = -1; i < RUNS; i++) {
		if (probe(answer, "zero %d %d %d %d", method, order, batch,
			  VOLUME_MIB) != 3)
			fail("%s: no answer", PROBE);
		if (i < 0)
			continue;
		samples[i] = answer[clock_instructions ? 0 : 1] / VOLUME_MIB;
		flushes += answer[2];
	}
	sort_u64(samples, RUNS);
	printf("zeroing %s %d %d %llu %.1f\n", name, order, batch,
	       (unsigned long long)samples[RUNS / 2],
	       flushes * 1024.0 / VOLUME_MIB / RUNS);
	fflush(stdout);
}

static void map_only(int method, int order, int batch)
{
	static const char * const name[] = { "vm_map_ram", "vmap", "kept" };
	unsigned long long answer[3];
	int i;

	for (i = 0; i < 2; i++)
		if (probe(answer, "map %d %d %d %d", method, order, batch,
			  VOLUME_MIB) != 3)
			fail("%s: no answer", PROBE);
	printf("mapping %s %d %d %llu %llu %llu\n", name[method], order, batch,
	       answer[0] / VOLUME_MIB, answer[1] / VOLUME_MIB,
	       answer[2] / VOLUME_MIB);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const int orders[] = { 0, 4, 8, ORDER_MIXED };
	unsigned int i;
	int batch, method;

	progname = "heap-zeroing";
	bench_setup(argc, argv);
	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		bool mixed = orders[i] == ORDER_MIXED;

		bench_zeroing("direct", 1, orders[i], mixed ? 512 : 16);
		batch = mixed ? 512 : 1 << (orders[i] ?: 4);
		for (; batch <= 2048; batch *= 2) {
			bench_zeroing("vmap", 0, orders[i], batch);
			for (method = 0; method < 3; method++)
				map_only(method, orders[i], batch);
		}
	}
	return 0;
}
