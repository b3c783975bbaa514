/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Allocating and closing buffers of one size: one at a time while the helper
 * sleeps, and back to back. What the machine's state is, is for the caller.
 */
#ifndef TOOLS_BENCH_CHURN_H
#define TOOLS_BENCH_CHURN_H

#include <pthread.h>

#include "bench.h"

#define CHURN_BLOCKS	7

/* What allocations take, into samples, and what closes take */
static inline void measure_warm(int heap, const struct size_plan *p,
				uint64_t closing[MAX_SAMPLES])
{
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
}

struct churner {
	pthread_t thread;
	uint64_t cpu;
	size_t len;
	int heap, pairs;
};

static inline void *churn(void *arg)
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
static inline uint64_t churn_block(int heap, const struct size_plan *p,
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

static inline void bench_churn(int heap, const char *state, const char *name,
			       const struct size_plan *p)
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
	result(state, "pair", name, p->len, CHURN_BLOCKS);
	memcpy(samples, loop, sizeof(loop));
	result(state, "loop", name, p->len, CHURN_BLOCKS);
}

#endif /* TOOLS_BENCH_CHURN_H */
