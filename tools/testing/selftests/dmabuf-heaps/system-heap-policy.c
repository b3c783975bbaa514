// SPDX-License-Identifier: GPL-2.0
/*
 * No task can deprive others of the pool, by what it does or did earlier.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include "kselftest_harness.h"
#include "heap_pressure_util.h"

#define NR_TASKS	4
#define TASK_LEN	(32 * MIB)

FIXTURE(policy)
{
	struct heap_params params;
	int heap;
};

FIXTURE_SETUP(policy)
{
	const char *missing = heap_missing(&self->params);
	struct heap_stats st;

	if (missing)
		SKIP(return, "%s", missing);
	self->heap = heap_open();
	ASSERT_LE(0, self->heap);
	ASSERT_TRUE(heap_drain_all(&st));
}

FIXTURE_TEARDOWN(policy)
{
	EXPECT_EQ(0, heap_params_restore(&self->params));
	EXPECT_EQ(0, heap_drain());
	close(self->heap);
}

/* Small pages fill the pool to its limit; then only large buffers are used. */
TEST_F_TIMEOUT(policy, small_pages_before_large, 60)
{
	long long hits;

	ASSERT_EQ(0, squat(self->heap, 960 * KIB));
	hits = surface_hits(self->heap);
	TH_LOG("%lld of %lld MiB came from the pool", hits / (long long)MIB,
	       SURFACES / (long long)MIB);
	EXPECT_LE(SURFACES / 10 * 9, hits);
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
	const long long all = NR_TASKS * (long long)TASK_LEN;
	struct task tasks[NR_TASKS];
	pthread_barrier_t start;
	struct heap_stats st;
	int i;

	ASSERT_EQ(0, heap_set_param("pool_limit_mb", 2 * all / MIB));
	ASSERT_EQ(0, heap_set_param("queue_limit_mb", 2 * all / MIB));
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
	TH_LOG("%lld of %lld MiB are cached", st.pool_bytes / (long long)MIB,
	       all / (long long)MIB);
	EXPECT_LE(all / 16 * 15, st.pool_bytes);
}

/* Single pages are cached, up to what a page_pool holds, and all are used again. */
TEST_F_TIMEOUT(policy, single_pages, 60)
{
	const unsigned int nr = 900;
	const long long all = nr * 60LL * KIB;
	struct heap_stats before, after;
	struct rlimit files = { 2 * nr, 2 * nr };
	int *bufs = calloc(nr, sizeof(*bufs));
	unsigned int round, i;
	cpu_set_t here;

	/* A CPU of another node would get none of these pages. */
	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(here), &here));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	ASSERT_EQ(0, heap_set_param("pool_limit_mb", all / MIB + 32));
	ASSERT_EQ(0, heap_set_param("queue_limit_mb", all / MIB + 32));
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, heap_stats_read(&before));
		for (i = 0; i < nr; i++) {
			bufs[i] = heap_alloc(self->heap, 60 * KIB);
			ASSERT_LE(0, bufs[i]);
		}
		ASSERT_EQ(0, heap_stats_read(&after));
		for (i = 0; i < nr; i++)
			close(bufs[i]);
		ASSERT_EQ(0, heap_wait_idle());
	}
	TH_LOG("%lld of %lld MiB were cached, %lld MiB came from there",
	       before.pool_bytes / (long long)MIB, all / (long long)MIB,
	       (heap_hit_bytes(&after) - heap_hit_bytes(&before)) / (long long)MIB);
	EXPECT_LE(all / 100 * 95, before.pool_bytes);
	EXPECT_LE(all / 100 * 95, heap_hit_bytes(&after) - heap_hit_bytes(&before));
	free(bufs);
}

TEST_HARNESS_MAIN
