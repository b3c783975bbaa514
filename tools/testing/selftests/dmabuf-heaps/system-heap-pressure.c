// SPDX-License-Identifier: GPL-2.0
/*
 * Cached and queued memory stays within its limits, and is freed under memory
 * pressure, before the OOM killer runs. Cached memory counts as reclaimable, so
 * that MemAvailable is right.
 */
#include "heap_test_util.h"

/*
 * Keep the per-CPU lists short: what is on them is free, but not in MemFree.
 * With pages of 64 KiB that can be as much as a test wants from the pool.
 */
#define CPU_LISTS	"/proc/sys/vm/percpu_pagelist_high_fraction"

/* What a test puts into the pool, which like the queue may hold 128 MiB */
#define FILL		(96 * MIB)

FIXTURE(pressure)
{
	struct heap_params params;
	long long oom_kills;
	char cpu_lists[32];
	int heap;
};

FIXTURE_SETUP(pressure)
{
	if (!heap_begin(_metadata, &self->params, &self->heap))
		return;
	ASSERT_EQ(0, replace_text(CPU_LISTS, "10000", self->cpu_lists,
				  sizeof(self->cpu_lists)));
	self->oom_kills = vmstat_read("oom_kill");
	ASSERT_EQ(0, heap_set_limits(128, 128));
}

FIXTURE_TEARDOWN(pressure)
{
	heap_end(_metadata, &self->params, self->heap);
	EXPECT_EQ(0, write_text(CPU_LISTS, self->cpu_lists));
	EXPECT_EQ(self->oom_kills, vmstat_read("oom_kill"));
}

/* Allocate about @bytes in sizes that reach all three orders, then close all */
static int free_mixed(int heap, long long bytes)
{
	struct bufs b = {};
	int ret;

	ret = hold(heap, &b, bytes / 2, 4 * MIB) ?:
	      hold(heap, &b, bytes / 4, MIB + 60 * KIB) ?:
	      hold(heap, &b, bytes / 4, 960 * KIB) ?:
	      hold(heap, &b, 64 * 60 * KIB, 60 * KIB);
	drop(&b, 0);
	return ret;
}

/* Fill the pool. Returns the bytes cached, which must be more than half of FILL. */
static long long fill_pool(struct __test_metadata *_metadata, int heap)
{
	long long held;

	ASSERT_EQ(0, free_mixed(heap, FILL));
	held = heap_settle(_metadata).pool_bytes;
	ASSERT_LT(FILL / 2, held);
	return held;
}

TEST_F_TIMEOUT(pressure, counted_as_reclaimable, 60)
{
	long long available, kreclaimable, high, held;

	available = meminfo_read("MemAvailable");
	kreclaimable = meminfo_read("KReclaimable");
	high = meminfo_read("HighFree");
	held = fill_pool(_metadata, self->heap);
	expect_near(_metadata, "reclaimable", misc_before + held, misc_reclaimable(),
		    512 * KIB);

	/* KReclaimable includes slabs as well, so allow for changes in those */
	kreclaimable = meminfo_read("KReclaimable") - kreclaimable;
	EXPECT_LE(held * 3 / 4, kreclaimable);

	/*
	 * MemAvailable takes off half of what is reclaimable, but no more than
	 * the low watermarks. If the pool were not counted, all of it would be missing.
	 */
	available -= meminfo_read("MemAvailable");
	EXPECT_GT(held * 3 / 4, available);

	/* Where there is highmem, the pool must use it. */
	if (high > 0)
		EXPECT_LE(held - 4 * MIB, high - meminfo_read("HighFree"));
}

TEST_F_TIMEOUT(pressure, limits_hold, 60)
{
	const long long pool_limit = 16 * MIB, queue_limit = 8 * MIB;
	struct bufs held = {};
	struct heap_stats st;
	long long refused, least, high;
	int round;

	/* The thread frees what is cached beyond a lowered limit */
	fill_pool(_metadata, self->heap);
	ASSERT_EQ(0, heap_set_limits(pool_limit / MIB, queue_limit / MIB));
	st = heap_settle(_metadata);
	ASSERT_EQ(pool_limit, st.pool_limit_bytes);
	ASSERT_EQ(queue_limit, st.queue_limit_bytes);
	EXPECT_GE(pool_limit, st.pool_bytes);
	refused = st.refused_bytes;

	/* A loop that outruns the thread needs no more memory than the limits */
	least = meminfo_read("MemFree") - pool_limit - queue_limit - 64 * MIB;
	for (round = 0; round < 24; round++) {
		/* Close more than the pool or queue may hold, or a buffer larger than the queue */
		ASSERT_EQ(0, round % 2 ? hold_and_drop(self->heap, 12 * MIB, 12 * MIB) :
			     free_mixed(self->heap, 24 * MIB));
		if (round % 4 == 3)
			ASSERT_EQ(0, heap_wait_idle());
		ASSERT_EQ(0, heap_stats_read(&st));
		EXPECT_GE(queue_limit, st.queue_bytes);
		EXPECT_GE(pool_limit, st.pool_bytes);
		EXPECT_LT(least, meminfo_read("MemFree"));
	}
	EXPECT_LT(refused, st.refused_bytes);

	/* Buffers closed one by one go through the queue and fill the pool */
	high = meminfo_read("HighFree");
	ASSERT_EQ(0, hold(self->heap, &held, 3 * pool_limit, 4 * MIB));
	if (high > 0)
		EXPECT_LE(pool_limit, high - meminfo_read("HighFree"));
	while (held.nr) {
		drop(&held, held.nr - 1);
		st = heap_settle(_metadata);
		EXPECT_GE(pool_limit, st.pool_bytes);
	}
	EXPECT_LE(pool_limit / 2, st.pool_bytes);
}

/* An administrator can run the shrinkers with drop_caches */
TEST_F_TIMEOUT(pressure, drop_caches_shrinks_pool, 60)
{
	long long held = fill_pool(_metadata, self->heap);
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, drop_kernel_caches("2"));
	EXPECT_GT(held / 4, heap_held());
}

/*
 * Leave about four times the pool's size available and hold the rest in
 * buffers. Then let a task take 90 % of what is available, and more than is free, so
 * that a part must come from the pool. With highmem, it cannot use all free memory.
 */
static void squeeze(struct __test_metadata *_metadata, int heap, bool queued)
{
	long long available, fill, free, touch, before;
	struct bufs held = {};
	pid_t pid;

	/* The pool must exceed what watermarks take off MemAvailable */
	drop_kernel_caches("3");
	available = meminfo_read("MemAvailable");
	fill = available / 5 < 256 * MIB ? available / 5 : 256 * MIB;
	ASSERT_EQ(0, heap_set_limits(fill / MIB + 1, fill / MIB + 1));
	ASSERT_EQ(0, hold(heap, &held, available - 4 * fill, 8 * MIB));

	ASSERT_EQ(0, free_mixed(heap, fill));
	if (!queued)
		ASSERT_EQ(0, heap_wait_idle());
	before = heap_held();
	available = meminfo_read("MemAvailable");
	free = meminfo_read("MemFree");
	touch = available / 10 * 9;
	/* If watermarks are high, more than that is free. */
	if (!queued && meminfo_read("HighTotal") < 0 && touch <= free)
		touch = free + before / 4;

	pid = fork_child();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(touch_memory(touch));
	EXPECT_EQ(0, wait_child(pid))
		TH_LOG("touching %lld of %lld MiB available, %lld MiB free",
		       touch / MIB, available / MIB, free / MIB);

	EXPECT_GT(before, heap_held());
	drop(&held, 0);
}

TEST_F_TIMEOUT(pressure, full_pool_gives_way, 120)
{
	squeeze(_metadata, self->heap, false);
}

TEST_F_TIMEOUT(pressure, full_queue_gives_way, 120)
{
	squeeze(_metadata, self->heap, true);
}

TEST_HARNESS_MAIN
