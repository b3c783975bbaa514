// SPDX-License-Identifier: GPL-2.0
/*
 * What a burst of allocations costs until the heap is warm: twelve surfaces are
 * opened, closed, and opened again 50 ms later
 *
 *   boot    the first bursts of this heap since boot        op 1st, 2nd, 3rd
 *   burst   pool and queue are empty                        op 1st, 2nd, 3rd
 *   filled  the same, and then dma-heap has filled the pool op 1st, 2nd, 3rd
 *
 * Measured is what the application waits for, to have all twelve.
 */
#include "bench.h"

#define NR_BURSTS	3
#define NR_SURFACES	12
#define SURFACE_BYTES	(8 * MIB)
#define RUNS		5

static uint64_t took[NR_BURSTS][RUNS];

static void bursts(int heap, int run)
{
	int surface[NR_SURFACES], burst, i;
	uint64_t t;

	for (burst = 0; burst < NR_BURSTS; burst++) {
		t = now();
		for (i = 0; i < NR_SURFACES; i++)
			surface[i] = heap_alloc(heap, SURFACE_BYTES);
		took[burst][run] = now() - t;
		usleep(1000);
		for (i = 0; i < NR_SURFACES; i++)
			close(surface[i]);
		usleep(50000);
	}
}

static void report(const char *state, const char *heap, int runs)
{
	static const char * const op[NR_BURSTS] = { "1st", "2nd", "3rd" };
	int burst;

	for (burst = 0; burst < NR_BURSTS; burst++) {
		memcpy(samples, took[burst], sizeof(took[burst]));
		result(state, op[burst], heap, SURFACE_BYTES, runs);
	}
}

/* A heap that was in use before has no first burst */
static void check_unused(void)
{
	struct heap_order o[8];
	int n = heap_orders(o, ARRAY_SIZE(o));

	while (n--)
		if (o[n].hits + o[n].misses)
			fail("the heap was in use since boot; run this first, or --case burst");
}

static void bench_bursts(const char *name)
{
	int heap = bench_heap_open(name), run;

	if (heap < 0)
		return;
	if (wanted("boot")) {
		if (pooled)
			check_unused();
		bursts(heap, 0);
		report("boot", name, 1);
	}
	if (wanted("burst")) {
		for (run = 0; run < RUNS; run++) {
			drained();
			bursts(heap, run);
		}
		report("burst", name, RUNS);
	}
	if (pooled && wanted("filled")) {
		for (run = 0; run < RUNS; run++) {
			drained();
			if (system("exec dma-heap fill 96M -s " HEAP_NAME " >/dev/null"))
				fail("dma-heap fill has failed");
			bursts(heap, run);
		}
		report("filled", name, RUNS);
	}
	close(heap);
}

int main(int argc, char **argv)
{
	progname = "heap-burst";
	bench_setup(argc, argv);
	if (!wanted_size(SURFACE_BYTES))
		return 0;
	bench_bursts("system");
	bench_bursts("stock");
	return 0;
}
