// SPDX-License-Identifier: GPL-2.0
/*
 * No task can deprive others of the pool, by what it does or did earlier.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include "heap_test_util.h"
#include "heap_pressure_util.h"

#define NR_SURFACES	20
#define SURFACE_LEN	(4 * MIB)
#define NR_TASKS	4
#define TASK_LEN	(32 * MIB)

FIXTURE(policy)
{
	struct heap_params params;
	int heap;
};

FIXTURE_SETUP(policy)
{
	heap_begin(_metadata, &self->params, &self->heap);
}

FIXTURE_TEARDOWN(policy)
{
	heap_end(_metadata, &self->params, self->heap);
}

/* Small pages fill the pool to its limit; then only large buffers are used. */
TEST_F_TIMEOUT(policy, small_pages_before_large, 60)
{
	const long long all = NR_SURFACES * SURFACE_LEN;
	long long hits;
	int i;

	ASSERT_EQ(0, heap_set_limits(32, 64));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, hold_and_drop(self->heap, 40 * MIB, 960 * KIB));
		ASSERT_EQ(0, heap_wait_idle());
	}
	hits = heap_hit_total();
	for (i = 0; i < NR_SURFACES; i++)
		heap_warm(_metadata, self->heap, SURFACE_LEN);
	hits = heap_hit_total() - hits;
	TH_LOG("%lld of %lld MiB came from the pool", hits / MIB, all / MIB);
	EXPECT_LE(all / 10 * 9, hits);
}

struct task {
	pthread_barrier_t *start;
	pthread_t thread;
	int heap, buf;
};

static void *allocate(void *arg)
{
	struct task *task = arg;

	pthread_barrier_wait(task->start);
	task->buf = heap_alloc(task->heap, TASK_LEN);
	return NULL;
}

/* Tasks that allocate at the same time, from an empty pool, fill it at once. */
TEST_F_TIMEOUT(policy, parallel_first_allocations, 60)
{
	const long long all = NR_TASKS * TASK_LEN;
	struct task tasks[NR_TASKS];
	pthread_barrier_t start;
	struct heap_stats st;
	int i;

	ASSERT_EQ(0, heap_set_limits(2 * all / MIB, 2 * all / MIB));
	ASSERT_EQ(0, pthread_barrier_init(&start, NULL, NR_TASKS));
	for (i = 0; i < NR_TASKS; i++) {
		tasks[i].start = &start;
		tasks[i].heap = self->heap;
		ASSERT_EQ(0, pthread_create(&tasks[i].thread, NULL, allocate,
					    &tasks[i]));
	}
	for (i = 0; i < NR_TASKS; i++) {
		ASSERT_EQ(0, pthread_join(tasks[i].thread, NULL));
		ASSERT_LE(0, tasks[i].buf);
	}
	for (i = 0; i < NR_TASKS; i++)
		close(tasks[i].buf);
	ASSERT_EQ(0, heap_wait_idle());
	ASSERT_EQ(0, heap_stats_read(&st));
	TH_LOG("%lld of %lld MiB are cached", st.pool_bytes / MIB, all / MIB);
	EXPECT_LE(all / 16 * 15, st.pool_bytes);
}

/* Single pages are cached, up to what a page_pool holds, and all are used again. */
TEST_F_TIMEOUT(policy, single_pages, 60)
{
	const unsigned int nr = 900;
	const long long all = nr * 60 * KIB;
	struct rlimit files = { 2 * nr, 2 * nr };
	long long cached = 0, hits = 0;
	struct heap_stats before, after;
	struct bufs held = {};
	unsigned int round;
	cpu_set_t here;

	/* A CPU of another node would get none of these pages. */
	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(here), &here));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	ASSERT_EQ(0, heap_set_limits(all / MIB + 32, all / MIB + 32));
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, heap_stats_read(&before));
		ASSERT_EQ(0, hold(self->heap, &held, all, 60 * KIB));
		ASSERT_EQ(0, heap_stats_read(&after));
		drop(&held, 0);
		ASSERT_EQ(0, heap_wait_idle());
		cached = before.pool_bytes;
		hits = heap_hit_bytes(&after) - heap_hit_bytes(&before);
	}
	TH_LOG("%lld of %lld MiB were cached, %lld MiB came from there",
	       cached / MIB, all / MIB, hits / MIB);
	EXPECT_LE(all / 100 * 95, cached);
	EXPECT_LE(all / 100 * 95, hits);
}

TEST_HARNESS_MAIN
