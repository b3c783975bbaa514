// SPDX-License-Identifier: GPL-2.0
/*
 * The benchmark: what allocating and closing a buffer costs, by size, for the
 * pooled heap ("system"), the kernel's original driver ("stock") and a heap
 * that exports nothing ("empty", the floor).
 *
 *   warm   allocate; the thread has caught up and sleeps     op alloc
 *   close  drop the last reference, thread asleep            op close
 *   cold   allocate; pool and queue are empty                op alloc
 *   churn  allocate and close back to back                   op loop, pair
 *   burst  have twelve surfaces; pool and queue are empty    op alloc
 *   filled the same after dma-heap has filled the pool       op alloc
 *
 * "loop" is what the application waits for; "pair" is what the whole machine
 * has done until the queue is empty, the thread's work included.
 */
#include "bench.h"

#define CHURN_BLOCKS	7

#define SURFACES	12
#define SURFACE_LEN	(8 * MIB)
#define BURSTS		5

static void bench_warm(int heap, const char *name, const struct size_plan *p)
{
	static uint64_t closing[MAX_SAMPLES];

	measure_warm(heap, p, closing);
	if (wanted("warm"))
		result("warm", "alloc", name, p->len, p->samples);
	if (wanted("close")) {
		memcpy(samples, closing, sizeof(samples));
		result("close", "close", name, p->len, p->samples);
	}
}

static void bench_cold(int heap, const char *name, const struct size_plan *p)
{
	uint64_t t;
	int i, buf;

	for (i = -2; i < p->cold; i++) {
		drained();
		t = now();
		buf = must_alloc(heap, p->len);
		t = now() - t;
		if (i >= 0)
			samples[i] = t;
		close(buf);
	}
	caught_up();
	result("cold", "alloc", name, p->len, p->cold);
}

static void bench_churn(int heap, const char *name, const struct size_plan *p)
{
	uint64_t loop[CHURN_BLOCKS], elapsed, cpu;
	int block, i;

	for (block = -1; block < CHURN_BLOCKS; block++) {
		caught_up();
		find_kthreads(NULL);
		cpu = -kthreads_ns();
		cpu -= cpu_ns(CLOCK_THREAD_CPUTIME_ID);
		elapsed = now();
		for (i = 0; i < p->pairs; i++)
			close(must_alloc(heap, p->len));
		elapsed = now() - elapsed;
		cpu += cpu_ns(CLOCK_THREAD_CPUTIME_ID);
		caught_up();
		cpu += kthreads_ns();
		if (block < 0)
			continue;
		loop[block] = elapsed / p->pairs;
		samples[block] = cpu * ticks_per_cpu_ns / p->pairs;
	}
	result("churn", "pair", name, p->len, CHURN_BLOCKS);
	memcpy(samples, loop, sizeof(loop));
	result("churn", "loop", name, p->len, CHURN_BLOCKS);
}

static void bench_burst(int heap, const char *name, const char *state)
{
	int surface[SURFACES], burst, i;
	uint64_t t;

	for (burst = 0; burst < BURSTS; burst++) {
		drained();
		if (!strcmp(state, "filled") &&
		    system("exec dma-heap fill 96M -s " HEAP_NAME " >/dev/null"))
			fail("dma-heap fill failed");
		t = now();
		for (i = 0; i < SURFACES; i++)
			surface[i] = must_alloc(heap, SURFACE_LEN);
		samples[burst] = now() - t;
		for (i = 0; i < SURFACES; i++)
			close(surface[i]);
	}
	caught_up();
	result(state, "alloc", name, SURFACE_LEN, BURSTS);
}

static void bench_heap(const char *name)
{
	bool empty = !strcmp(name, "empty");
	unsigned int i;
	int heap;

	heap = bench_heap_open(name);
	if (heap < 0)
		return;

	for (i = 0; i < ARRAY_SIZE(plans); i++) {
		const struct size_plan *p = &plans[i];

		if (!wanted_size(p->len))
			continue;
		/* What another size or case left behind is no part of this */
		drained();
		if (wanted("warm") || wanted("close"))
			bench_warm(heap, name, p);
		if (wanted("cold") && !empty)
			bench_cold(heap, name, p);
		if (wanted("churn"))
			bench_churn(heap, name, p);
	}
	if (wanted("burst") && wanted_size(SURFACE_LEN) && !empty)
		bench_burst(heap, name, "burst");
	if (wanted("filled") && wanted_size(SURFACE_LEN) && pooled)
		bench_burst(heap, name, "filled");
	close(heap);
}

int main(int argc, char **argv)
{
	unsigned int i;

	progname = "heap-bench";
	bench_setup(argc, argv);
	for (i = 0; i < ARRAY_SIZE(bench_heaps); i++)
		bench_heap(bench_heaps[i]);
	return 0;
}
