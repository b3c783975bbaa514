// SPDX-License-Identifier: GPL-2.0
/*
 * A page has one owner.
 *
 * Workers allocate buffers, write a stamp of their own into every page, hold
 * several buffers for a while and check that all stamps are still theirs. If two
 * buffers got the same page, one of their owners would find the other's stamp,
 * or a new page that is not zero.
 */
#include "heap_test_util.h"

#define NR_WORKERS	4
#define NR_HELD		8
#define RUN_SECONDS	5

static void release(struct __test_metadata *_metadata, struct stamped *s)
{
	unsigned long long foreign = unstamp_buffer(s);

	EXPECT_EQ(0, foreign)
		TH_LOG("%llx in the buffer of %llx", foreign, s->stamp);
}

/* What a worker does, until @end or its first failure */
static void work(struct __test_metadata *_metadata, unsigned long long owner,
		 unsigned int rnd, double end)
{
	static const size_t sizes[] = {
		4 * KIB, 5000, 12 * KIB, 64 * KIB, 70000, 300 * KIB,
		MIB, MIB + 68 * KIB,
	};
	struct stamped held[NR_HELD] = {};
	unsigned long long nr;
	int heap = heap_open(), buf, i;

	for (nr = 1; seconds() < end && !_metadata->exit_code; nr++) {
		i = next_random(&rnd) % NR_HELD;
		release(_metadata, &held[i]);
		buf = heap_alloc(heap, sizes[next_random(&rnd) % ARRAY_SIZE(sizes)]);
		EXPECT_LE(0, buf);
		if (buf >= 0)
			EXPECT_EQ(0, stamp_buffer(&held[i], buf,
						  owner << 56 | nr << 24));
	}
	for (i = 0; i < NR_HELD; i++)
		release(_metadata, &held[i]);
}

static pid_t workers[NR_WORKERS];

static void start(struct __test_metadata *_metadata, unsigned int i,
		  unsigned int rnd, double end)
{
	workers[i] = fork_child();
	ASSERT_LE(0, workers[i]);
	if (workers[i])
		return;
	work(_metadata, i + 1, rnd, end);
	_exit(0);
}

FIXTURE(owner)
{
	struct heap_params params;
	int heap;
};

FIXTURE_VARIANT(owner)
{
	enum { PRESSURE, PARAMETERS, KILLED } disturbance;
};

FIXTURE_VARIANT_ADD(owner, pressure)
{
	.disturbance = PRESSURE,
};

FIXTURE_VARIANT_ADD(owner, parameters)
{
	.disturbance = PARAMETERS,
};

FIXTURE_VARIANT_ADD(owner, killed)
{
	.disturbance = KILLED,
};

FIXTURE_SETUP(owner)
{
	heap_begin(_metadata, &self->params, &self->heap);
}

FIXTURE_TEARDOWN(owner)
{
	heap_end(_metadata, &self->params, self->heap);
}

TEST_F_TIMEOUT(owner, stamps_survive, 60)
{
	long long hits = heap_hit_total();
	double end = seconds() + RUN_SECONDS;
	unsigned int rnd = 99, i;

	for (i = 0; i < NR_WORKERS; i++)
		start(_metadata, i, i + 1, end);
	while (seconds() < end) {
		usleep(20000 + next_random(&rnd) % 50000);
		i = next_random(&rnd);
		switch (variant->disturbance) {
		case PRESSURE:
			EXPECT_EQ(0, i % 2 ? heap_drain() : drop_kernel_caches("2"));
			break;
		case PARAMETERS:
			heap_set_param_text("zero_method", i % 2 ? "vmap" : "direct");
			heap_set_limits(i % 3 ? self->params.pool_limit_mb : i % 5,
					i % 7 < 4 ? self->params.queue_limit_mb : 1);
			break;
		case KILLED:
			/* Kill a worker in the middle of its work; another takes over */
			kill_child(workers[i % NR_WORKERS]);
			start(_metadata, i % NR_WORKERS, i, end);
		}
	}
	for (i = 0; i < NR_WORKERS; i++)
		EXPECT_EQ(0, wait_child(workers[i]));
	EXPECT_LT(hits, heap_hit_total());
}

TEST_HARNESS_MAIN
