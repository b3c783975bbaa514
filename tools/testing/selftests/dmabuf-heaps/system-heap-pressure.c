// SPDX-License-Identifier: GPL-2.0
/*
 * Cached and queued memory stays within its limits, and is freed under memory
 * pressure, before the OOM killer runs. Cached memory counts as reclaimable, so
 * that MemAvailable is right.
 */
#include "heap_test_util.h"
#include "heap_pressure_util.h"

/*
 * Keep the per-CPU lists short: what is on them is free, but not in MemFree.
 * With pages of 64 KiB that can be as much as a test wants from the pool.
 */
#define CPU_LISTS	"/proc/sys/vm/percpu_pagelist_high_fraction"

FIXTURE(pressure)
{
	struct heap_params params;
	long long misc, oom_kills;
	long long fill;		/* what fits into queue and pool */
	char cpu_lists[32];
	int heap;
};

FIXTURE_SETUP(pressure)
{
	if (!heap_begin(_metadata, &self->params, &self->heap))
		return;
	ASSERT_EQ(0, replace_text(CPU_LISTS, "10000", self->cpu_lists,
				  sizeof(self->cpu_lists)));
	self->misc = misc_reclaimable();
	ASSERT_LE(0, self->misc);
	self->oom_kills = vmstat_read("oom_kill");
	self->fill = 96 * MIB;
	if (self->fill > self->params.pool_limit_mb * MIB)
		self->fill = self->params.pool_limit_mb * MIB;
	if (self->fill > self->params.queue_limit_mb * MIB)
		self->fill = self->params.queue_limit_mb * MIB;
}

FIXTURE_TEARDOWN(pressure)
{
	heap_end(_metadata, &self->params, self->heap);
	EXPECT_EQ(0, write_text(CPU_LISTS, self->cpu_lists));
	EXPECT_EQ(self->oom_kills, vmstat_read("oom_kill"));
}

/* Close about @bytes together, in sizes that reach all three orders */
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

/* Fill the pool. Returns what it holds, which must be enough to show anything. */
static long long fill_pool(struct __test_metadata *_metadata, int heap,
			   long long bytes)
{
	struct heap_stats st;

	ASSERT_EQ(0, free_mixed(heap, bytes));
	ASSERT_EQ(0, heap_wait_idle());
	ASSERT_EQ(0, heap_stats_read(&st));
	ASSERT_LT(bytes / 2, st.pool_bytes);
	return st.pool_bytes;
}

TEST_F_TIMEOUT(pressure, counted_as_reclaimable, 60)
{
	long long available, kreclaimable, high, held;
	struct heap_stats st;

	available = meminfo_read("MemAvailable");
	kreclaimable = meminfo_read("KReclaimable");
	high = meminfo_read("HighFree");
	held = fill_pool(_metadata, self->heap, self->fill);
	expect_near(_metadata, "reclaimable", self->misc + held, misc_reclaimable(),
		    512 * KIB);

	/* Slabs are in this one as well: allow them to move */
	kreclaimable = meminfo_read("KReclaimable") - kreclaimable;
	EXPECT_LE(held * 3 / 4, kreclaimable);

	/*
	 * MemAvailable takes off half of what is reclaimable, but no more than
	 * the low watermarks. Were the pool not counted, all of it would go.
	 */
	available -= meminfo_read("MemAvailable");
	EXPECT_GT(held * 3 / 4, available);

	/* Low memory, if it is scarce, is for the rest of the kernel. */
	if (high > 0)
		EXPECT_LE(held - 4 * MIB, high - meminfo_read("HighFree"));

	ASSERT_TRUE(heap_drain_all(&st));
	expect_near(_metadata, "reclaimable", self->misc, misc_reclaimable(), 512 * KIB);
}

TEST_F_TIMEOUT(pressure, limits_hold, 60)
{
	const long long pool_limit = 16 * MIB, queue_limit = 8 * MIB;
	struct bufs held = {};
	struct heap_stats st;
	long long refused, high;
	int round;

	/* The thread frees what is cached beyond a lowered limit */
	fill_pool(_metadata, self->heap, self->fill);
	ASSERT_EQ(0, heap_set_limits(pool_limit / MIB, queue_limit / MIB));
	ASSERT_EQ(0, heap_wait_idle());
	ASSERT_EQ(0, heap_stats_read(&st));
	ASSERT_EQ(pool_limit, st.pool_limit_bytes);
	ASSERT_EQ(queue_limit, st.queue_limit_bytes);
	EXPECT_GE(pool_limit, st.pool_bytes);
	refused = st.refused_bytes;

	for (round = 0; round < test_budget() / (40 * MIB); round++) {
		/* More than either holds; then one that never fits the queue */
		ASSERT_EQ(0, free_mixed(self->heap, 24 * MIB));
		ASSERT_EQ(0, heap_stats_read(&st));
		EXPECT_GE(queue_limit, st.queue_bytes);
		EXPECT_GE(pool_limit, st.pool_bytes);
		ASSERT_EQ(0, hold_and_drop(self->heap, 12 * MIB, 12 * MIB));
		if (round % 2)
			ASSERT_EQ(0, heap_wait_idle());
		ASSERT_EQ(0, heap_stats_read(&st));
		EXPECT_GE(queue_limit, st.queue_bytes);
		EXPECT_GE(pool_limit, st.pool_bytes);
	}
	EXPECT_LT(refused, st.refused_bytes);
	ASSERT_EQ(0, heap_wait_idle());

	/* Piece by piece the queue lets everything through to the pool */
	high = meminfo_read("HighFree");
	ASSERT_EQ(0, hold(self->heap, &held, 3 * pool_limit, 4 * MIB));
	if (high > 0)
		EXPECT_LE(pool_limit, high - meminfo_read("HighFree"));
	while (held.nr) {
		drop(&held, held.nr - 1);
		ASSERT_EQ(0, heap_wait_idle());
		ASSERT_EQ(0, heap_stats_read(&st));
		EXPECT_GE(pool_limit, st.pool_bytes);
	}
	EXPECT_LE(pool_limit / 2, st.pool_bytes);
}

/* An administrator can run the shrinkers with drop_caches */
TEST_F_TIMEOUT(pressure, drop_caches_shrinks_pool, 60)
{
	long long held = fill_pool(_metadata, self->heap, self->fill);
	struct heap_stats st;
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, drop_kernel_caches("2"));
	ASSERT_EQ(0, heap_stats_read(&st));
	EXPECT_GT(held / 4, st.pool_bytes);
	expect_near(_metadata, "reclaimable", self->misc + st.pool_bytes,
		    misc_reclaimable(), 512 * KIB);
}

/*
 * Leave about four times the pool's size as available, the rest in buffers
 * that are held; then let a task take 90 % of what is available. That is more
 * than is free, or with highmem than is free and not reserved for the kernel, so a
 * part of it has to come from the pool.
 */
static void squeeze(struct __test_metadata *_metadata, int heap, bool queued)
{
	long long available, fill, free, touch;
	struct heap_stats before, after;
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
	ASSERT_EQ(0, heap_stats_read(&before));
	available = meminfo_read("MemAvailable");
	free = meminfo_read("MemFree");
	touch = available / 10 * 9;
	if (!queued && meminfo_read("HighTotal") < 0)
		EXPECT_LT(free, touch)
			TH_LOG("the pool is too small to be asked for");

	pid = fork_child();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(touch_memory(touch));
	EXPECT_EQ(0, wait_child(pid))
		TH_LOG("touching %lld of %lld MiB available, %lld MiB free",
		       touch / MIB, available / MIB, free / MIB);

	ASSERT_EQ(0, heap_stats_read(&after));
	EXPECT_GT(before.pool_bytes + before.queue_bytes,
		  after.pool_bytes + after.queue_bytes);
	drop(&held, 0);
}

TEST_F_TIMEOUT(pressure, full_pool_gives_way, 60)
{
	squeeze(_metadata, self->heap, false);
}

TEST_F_TIMEOUT(pressure, full_queue_gives_way, 60)
{
	squeeze(_metadata, self->heap, true);
}

/* A loop that outruns the thread needs no more memory than the limits */
TEST_F_TIMEOUT(pressure, fast_loop_stays_flat, 60)
{
	const long long len = 16 * MIB, slack = 24 * MIB;
	long long least, done, limits;

	limits = (self->params.pool_limit_mb + self->params.queue_limit_mb) * MIB;
	least = meminfo_read("MemFree") - limits - len - slack;
	for (done = 0; done < 4 * test_budget(); done += len) {
		ASSERT_EQ(0, hold_and_drop(self->heap, len, len));
		if (done / len % 8 == 0)
			EXPECT_LT(least, meminfo_read("MemFree"));
	}
}

TEST_HARNESS_MAIN
