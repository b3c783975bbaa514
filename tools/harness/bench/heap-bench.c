// SPDX-License-Identifier: GPL-2.0
/*
 * The benchmark: what allocating and closing a buffer costs, by size, for the
 * pooled heap ("system"), the kernel's original driver ("stock") and a heap
 * that exports nothing ("empty", the floor).
 *
 *   warm   allocate; the helper has caught up and sleeps     op alloc
 *   close  drop the last reference, helper asleep            op close
 *   cold   allocate; pool and queue are empty                op alloc
 *   touch  allocate, map, write to every page, warm          op touch
 *   churn  allocate and close back to back                   op loop, pair
 *
 * "loop" is what the application waits for; "pair" is what the whole machine
 * has done until the queue is empty, the helper's work included.
 */
#include <pthread.h>

#include "bench.h"

#define CHURN_BLOCKS	7

static void bench_warm(int heap, const char *name, const struct size_plan *p,
		       bool report_alloc, bool report_close)
{
	static uint64_t closing[MAX_SAMPLES];
	uint64_t t;
	int i, buf;

	for (i = -3; i < p->samples; i++) {
		caught_up();
		t = now();
		buf = heap_alloc(heap, p->len);
		t = now() - t;
		if (i >= 0)
			samples[i] = t;
		/* The allocation may have woken the helper as well */
		usleep(1000);
		t = now();
		close(buf);
		t = now() - t;
		if (i >= 0)
			closing[i] = t;
	}
	caught_up();
	if (report_alloc)
		result("warm", "alloc", name, p->len, p->samples);
	if (report_close) {
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
		buf = heap_alloc(heap, p->len);
		t = now() - t;
		if (i >= 0)
			samples[i] = t;
		close(buf);
	}
	caught_up();
	result("cold", "alloc", name, p->len, p->cold);
}

static void bench_touch(int heap, const char *name, const struct size_plan *p)
{
	long page = sysconf(_SC_PAGESIZE);
	int i, buf, n = p->samples;
	uint64_t t;
	size_t at;
	char *m;

	for (i = -3; i < n; i++) {
		caught_up();
		t = now();
		buf = heap_alloc(heap, p->len);
		m = heap_map(buf, p->len);
		for (at = 0; at < p->len; at += page)
			*(volatile char *)(m + at) = 1;
		t = now() - t;
		if (i >= 0)
			samples[i] = t;
		munmap(m, p->len);
		close(buf);
	}
	caught_up();
	result("touch", "touch", name, p->len, n);
}

struct churner {
	pthread_t thread;
	uint64_t cpu;
	size_t len;
	int heap, pairs;
};

static void *churn(void *arg)
{
	struct churner *c = arg;
	uint64_t start = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	int i;

	for (i = 0; i < c->pairs; i++)
		close(heap_alloc(c->heap, c->len));
	c->cpu = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - start;
	return NULL;
}

/* One block by all tasks; returns the CPU time they used, in ns */
static uint64_t churn_block(int heap, const struct size_plan *p,
			    uint64_t *elapsed)
{
	static struct churner c[MAX_TASKS];
	uint64_t cpu = 0, start;
	int i;

	start = now();
	for (i = 0; i < nr_tasks; i++) {
		c[i].heap = heap;
		c[i].len = p->len;
		c[i].pairs = p->pairs;
		if (nr_tasks == 1)
			churn(&c[i]);
		else if (pthread_create(&c[i].thread, NULL, churn, &c[i]))
			fail("pthread_create");
	}
	for (i = 0; i < nr_tasks; i++) {
		if (nr_tasks > 1)
			pthread_join(c[i].thread, NULL);
		cpu += c[i].cpu;
	}
	*elapsed = now() - start;
	return cpu;
}

static void bench_churn(int heap, const char *name, const struct size_plan *p)
{
	uint64_t loop[CHURN_BLOCKS], elapsed, cpu;
	int i, pairs = p->pairs * nr_tasks;

	for (i = -1; i < CHURN_BLOCKS; i++) {
		caught_up();
		find_kthreads(NULL);
		cpu = kthreads_ns();
		cpu = churn_block(heap, p, &elapsed) - cpu;
		caught_up();
		cpu += kthreads_ns();
		if (i < 0)
			continue;
		loop[i] = elapsed / pairs;
		samples[i] = cpu * ticks_per_cpu_ns / pairs;
	}
	result("churn", "pair", name, p->len, CHURN_BLOCKS);
	memcpy(samples, loop, sizeof(loop));
	result("churn", "loop", name, p->len, CHURN_BLOCKS);
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
			bench_warm(heap, name, p, wanted("warm"),
				   wanted("close"));
		if (wanted("cold") && !empty)
			bench_cold(heap, name, p);
		if (wanted("touch") && !empty)
			bench_touch(heap, name, p);
		if (wanted("churn"))
			bench_churn(heap, name, p);
	}
	close(heap);
}

int main(int argc, char **argv)
{
	unsigned int i;

	progname = "heap-bench";
	bench_setup(argc, argv);
	printf("# churn by %d task%s\n", nr_tasks, nr_tasks == 1 ? "" : "s");
	for (i = 0; i < ARRAY_SIZE(bench_heaps); i++)
		bench_heap(bench_heaps[i]);
	return 0;
}
