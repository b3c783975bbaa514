// SPDX-License-Identifier: GPL-2.0
/*
 * Many tasks at once: what an allocation and a close cost the whole machine
 * when 1, 2, 4 or 8 processes do it at the same time, warm, sizes mixed
 *
 * Output:
 *   tasks <alloc|close> <heap> <tasks> <buffers> <per operation>
 *     the median of several rounds
 *   waits <heap> <tasks> <operations> <waits> <p50> <p99> <longest>
 *     how often a lock was not had at once, by anyone, and the time until it was
 */
#define _GNU_SOURCE
#include "tasks.h"
#include "lock-trace.h"

static int nr_waits;

static void note_wait(const char *lock, uint64_t took)
{
	if (nr_waits < MAX_SAMPLES)
		samples[nr_waits] = took;
	nr_waits++;
}

static void report_waits(const char *heap, int nr)
{
	int n;

	nr_waits = 0;
	lock_trace_read("contention_begin", "contention_end", note_wait);
	n = nr_waits < MAX_SAMPLES ? nr_waits : MAX_SAMPLES;
	sort_u64(samples, n);
	printf("waits %s %d %d %d %llu %llu %llu\n", heap, nr,
	       2 * nr_buffers / nr * nr * (ROUNDS + 1), nr_waits,
	       n ? (unsigned long long)percentile(samples, n, 50) : 0ULL,
	       n ? (unsigned long long)percentile(samples, n, 99) : 0ULL,
	       n ? (unsigned long long)samples[n - 1] : 0ULL);
}

static void bench_tasks(const char *heap, int nr)
{
	static const char * const op[] = { "alloc", "close" };
	uint64_t cost[2], meeting[2];
	int i, buffers = nr_buffers / nr * nr;

	drained();
	stir(true);
	rounds(heap, nr, true, meeting);
	rounds(heap, nr, false, cost);
	for (i = 0; i < 2; i++) {
		if (cost[i] < meeting[i])
			meeting[i] = cost[i];
		printf("tasks %s %s %d %d %llu\n", op[i], heap, nr, buffers,
		       (unsigned long long)(cost[i] - meeting[i]) / buffers);
	}
	if (lock_trace_start("contention_begin", "contention_end", "0")) {
		rounds(heap, nr, false, cost);
		report_waits(heap, nr);
	}
	stir(false);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	unsigned int i;
	int nr;

	progname = "heap-tasks";
	tasks_setup(argc, argv);
	/* Many, as the meeting costs what it costs, and a queue that takes them */
	nr_buffers = MAX_BUFFERS;
	write_text(HEAP_PARAMS "queue_limit_mb", "256");
	for (i = 0; i < ARRAY_SIZE(bench_heaps); i++) {
		if (only_heap && !in_list(only_heap, bench_heaps[i]))
			continue;
		pooled = !strcmp(bench_heaps[i], "system");
		for (nr = 1; nr <= 8; nr *= 2)
			bench_tasks(bench_heaps[i], nr);
	}
	return 0;
}
