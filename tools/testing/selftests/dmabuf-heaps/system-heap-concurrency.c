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
#include "heap_pressure_util.h"

#define NR_WORKERS	4
#define NR_HELD		8
#define RUN_SECONDS	5

static void release(struct __test_metadata *_metadata, struct stamped *s)
{
	unsigned long long foreign = unstamp_buffer(s);

	EXPECT_EQ(0, foreign)
		TH_LOG("%llx in the buffer of %llx", foreign, s->stamp);
}

/* What a worker does, until it fails */
static void work(struct __test_metadata *_metadata, unsigned long long owner,
		 unsigned int rnd, double end)
{
	static const size_t sizes[] = {
		4 * KIB, 4 * KIB, 12 * KIB, 64 * KIB, 64 * KIB, 300 * KIB,
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

static pid_t start(struct __test_metadata *_metadata, unsigned int owner,
		   unsigned int rnd, double end)
{
	pid_t pid = fork_child();

	if (pid)
		return pid;
	work(_metadata, owner, rnd, end);
	_exit(0);
}

/* Workers die in the middle of whatever they do, and others take over */
static void kill_worker(struct __test_metadata *_metadata, pid_t *pids,
			unsigned int *rnd, double end)
{
	unsigned int i = next_random(rnd) % NR_WORKERS;

	usleep(next_random(rnd) % 100000);
	kill_child(pids[i]);
	pids[i] = start(_metadata, i + 1, next_random(rnd), end);
}

static void free_cached(unsigned int *rnd)
{
	if (next_random(rnd) % 2)
		heap_drain();
	else
		drop_kernel_caches("2");
}

static void change_parameters(const struct heap_params *p, unsigned int *rnd)
{
	heap_set_param_text("zero_method",
			    next_random(rnd) % 2 ? "vmap" : "direct");
	heap_set_limits(next_random(rnd) % 3 ? p->pool_limit_mb :
			next_random(rnd) % 3,
			next_random(rnd) % 3 ? p->queue_limit_mb : 1);
}

FIXTURE(owner)
{
	struct heap_params params;
	int heap;
};

FIXTURE_VARIANT(owner)
{
	bool pressure;
	bool parameters;
	bool killed;
};

FIXTURE_VARIANT_ADD(owner, pressure)
{
	.pressure = true,
};

FIXTURE_VARIANT_ADD(owner, parameters)
{
	.parameters = true,
};

FIXTURE_VARIANT_ADD(owner, killed)
{
	.killed = true,
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
	pid_t pids[NR_WORKERS];
	unsigned int rnd = 99;
	int i;

	for (i = 0; i < NR_WORKERS; i++) {
		pids[i] = start(_metadata, i + 1, i + 1, end);
		ASSERT_LT(0, pids[i]);
	}
	while (seconds() < end) {
		usleep(20000);
		if (variant->pressure)
			free_cached(&rnd);
		if (variant->parameters)
			change_parameters(&self->params, &rnd);
		if (variant->killed)
			kill_worker(_metadata, pids, &rnd, end);
	}
	for (i = 0; i < NR_WORKERS; i++)
		EXPECT_EQ(0, wait_child(pids[i]));
	EXPECT_LT(hits, heap_hit_total());
}

TEST_HARNESS_MAIN
