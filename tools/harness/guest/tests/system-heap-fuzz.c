// SPDX-License-Identifier: GPL-2.0
/*
 * Nonsense, by the thousand (heap_fuzz_util.h), also with tasks that close what
 * others use. No operation takes long, and afterwards all balances.
 * HEAP_FUZZ_SEED makes a run like another, HEAP_FUZZ_OPS sets its length.
 */
#include <pthread.h>

#include "kselftest_harness.h"
#include "heap_fuzz_util.h"

#define DEFAULT_OPS	25000UL
#define NR_THREADS	4
#define MAX_OP_SECONDS	8.0

struct task {
	struct fuzzer f;
	pthread_t thread;
	unsigned long ops;
};

static void *fuzz(void *arg)
{
	struct task *task = arg;

	while (task->f.done < task->ops)
		fuzz_one(&task->f);
	return NULL;
}

FIXTURE(fuzz)
{
	struct heap_params params;
	struct task tasks[NR_THREADS];
	int slots[NR_FUZZ_SLOTS];
	int first_fd;
};

FIXTURE_SETUP(fuzz)
{
	const char *missing = heap_missing(&self->params);
	unsigned int seed = env_number("HEAP_FUZZ_SEED", 20201203);
	int i;

	if (missing)
		SKIP(return, "%s", missing);
	TH_LOG("HEAP_FUZZ_SEED=%u", seed);
	memset(self->slots, -1, sizeof(self->slots));
	for (i = 0; i < NR_THREADS; i++)
		ASSERT_TRUE(fuzz_init(&self->tasks[i].f, seed + 7919 * i, self->slots));
	self->first_fd = self->tasks[NR_THREADS - 1].f.heap + 1;
}

FIXTURE_TEARDOWN(fuzz)
{
	struct heap_stats st;
	int i;

	/* The buffers, also those that nobody was told of */
	for (i = self->first_fd; i < 1024; i++)
		close(i);
	EXPECT_TRUE(heap_drain_all(&st))
		TH_LOG("%lld bytes pooled, %lld queued", st.pool_bytes,
		       st.queue_bytes);
	EXPECT_EQ(0, heap_params_restore(&self->params));
}

static void judge(struct __test_metadata *_metadata, const struct fuzzer *f)
{
	EXPECT_EQ(NULL, f->wrong)
		TH_LOG("%s; length %llu, errno %d", f->wrong, f->wrong_len,
		       f->wrong_errno);
	EXPECT_GT(MAX_OP_SECONDS, f->slowest);
	EXPECT_LT(0, f->given);
	EXPECT_LT(0, f->refused);
	TH_LOG("%lu operations, %lu buffers, %lu refusals, slowest %.0f ms",
	       f->done, f->given, f->refused, f->slowest * 1e3);
}

TEST_F_TIMEOUT(fuzz, alone, 150)
{
	struct task *task = &self->tasks[0];

	task->ops = env_number("HEAP_FUZZ_OPS", DEFAULT_OPS);
	fuzz(task);
	judge(_metadata, &task->f);
}

TEST_F_TIMEOUT(fuzz, close_against_use, 150)
{
	int i;

	for (i = 0; i < NR_THREADS; i++) {
		struct task *task = &self->tasks[i];

		task->ops = env_number("HEAP_FUZZ_OPS", DEFAULT_OPS) / NR_THREADS;
		task->f.racing = true;
		ASSERT_EQ(0, pthread_create(&task->thread, NULL, fuzz, task));
	}
	for (i = 0; i < NR_THREADS; i++)
		ASSERT_EQ(0, pthread_join(self->tasks[i].thread, NULL));
	for (i = 0; i < NR_THREADS; i++)
		judge(_metadata, &self->tasks[i].f);
}

TEST_HARNESS_MAIN
