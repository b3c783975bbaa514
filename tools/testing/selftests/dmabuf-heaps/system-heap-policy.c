// SPDX-License-Identifier: GPL-2.0
/*
 * No task can deprive others of the pool, by what it does or did earlier.
 */
#include <pthread.h>

#include "heap_test_util.h"

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

/* Medium pages fill the pool to its limit; then only large buffers are used. */
TEST_F_TIMEOUT(policy, medium_pages_before_large, 60)
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

static pthread_barrier_t start;

static void *allocate(void *arg)
{
	int *fd = arg;

	pthread_barrier_wait(&start);
	*fd = heap_alloc(*fd, TASK_LEN);
	return NULL;
}

/* After tasks allocate in parallel from an empty pool and close, their pages are cached. */
TEST_F_TIMEOUT(policy, parallel_first_allocations, 60)
{
	const long long all = NR_TASKS * TASK_LEN;
	int fds[NR_TASKS], i;	/* of the heap, then of the buffers */
	pthread_t tasks[NR_TASKS];
	long long cached;

	ASSERT_EQ(0, heap_set_limits(2 * all / MIB, 2 * all / MIB));
	ASSERT_EQ(0, pthread_barrier_init(&start, NULL, NR_TASKS));
	for (i = 0; i < NR_TASKS; i++) {
		fds[i] = self->heap;
		ASSERT_EQ(0, pthread_create(&tasks[i], NULL, allocate, &fds[i]));
	}
	for (i = 0; i < NR_TASKS; i++) {
		ASSERT_EQ(0, pthread_join(tasks[i], NULL));
		ASSERT_LE(0, fds[i]);
	}
	for (i = 0; i < NR_TASKS; i++)
		close(fds[i]);
	cached = heap_settle(_metadata).pool_bytes;
	TH_LOG("%lld of %lld MiB are cached", cached / MIB, all / MIB);
	EXPECT_LE(all / 16 * 15, cached);
}

TEST_HARNESS_MAIN
