// SPDX-License-Identifier: GPL-2.0
/*
 * Cached and queued memory is counted, and is freed under memory pressure.
 *
 * It counts as reclaimable, so that MemAvailable is right. It stays within its
 * limits. When memory is needed elsewhere, it is freed before the OOM killer
 * runs.
 */
#include "kselftest_harness.h"
#include "heap_pressure_util.h"

/* Other users of nr_kernel_misc_reclaimable are few and quiet; in bytes */
#define MISC_BYTES	((long long)(512 * KIB))
/*
 * Keep the per-CPU lists short: what is on them is free, but not in MemFree.
 * With pages of 64 KiB that can be as much as a test wants from the pool.
 */
#define CPU_LISTS	"/proc/sys/vm/percpu_pagelist_high_fraction"
/* What may be under way between queue and pool while both are read */
#define MOVING		((long long)(8 * MIB))

/* Close about @bytes at once, in sizes that reach all three orders */
static int free_mixed(int heap, unsigned long bytes)
{
	struct bufs b = {};
	int ret;

	ret = hold(heap, &b, bytes / 2, 4 * MIB);
	if (!ret)
		ret = hold(heap, &b, bytes / 4, MIB + 60 * KIB);
	if (!ret)
		ret = hold(heap, &b, bytes / 4, 960 * KIB);
	if (!ret)
		ret = hold(heap, &b, 64 * 60 * KIB, 60 * KIB);
	drop(&b, 0);
	return ret;
}

static long long misc_bytes(void)
{
	return misc_reclaimable() * (long long)PAGE_BYTES;
}

FIXTURE(pressure)
{
	struct heap_params params;
	long long misc, oom_kills;
	unsigned long fill;	/* what fits into queue and pool */
	char cpu_lists[32];
	int heap;
};

FIXTURE_SETUP(pressure)
{
	const char *missing = heap_missing(&self->params);
	struct heap_stats st;

	if (missing)
		SKIP(return, "%s", missing);
	self->heap = heap_open();
	ASSERT_LE(0, self->heap);
	ASSERT_LT(0, read_text(CPU_LISTS, self->cpu_lists,
			       sizeof(self->cpu_lists)));
	ASSERT_EQ(0, write_text(CPU_LISTS, "10000"));
	ASSERT_TRUE(heap_drain_all(&st));
	self->misc = misc_bytes();
	ASSERT_LE(0, self->misc);
	self->oom_kills = vmstat_read("oom_kill");
	self->fill = 96 * MIB;
	if (self->fill > (unsigned long)st.pool_limit_bytes)
		self->fill = st.pool_limit_bytes;
	if (self->fill > (unsigned long)st.queue_limit_bytes)
		self->fill = st.queue_limit_bytes;
}

FIXTURE_TEARDOWN(pressure)
{
	EXPECT_EQ(0, heap_params_restore(&self->params));
	EXPECT_EQ(0, write_text(CPU_LISTS, self->cpu_lists));
	EXPECT_EQ(0, heap_drain());
	EXPECT_EQ(self->oom_kills, vmstat_read("oom_kill"));
	close(self->heap);
}

/* Fill the pool; what it then holds must be enough to show anything */
static void fill_pool(struct __test_metadata *_metadata, int heap,
		      unsigned long bytes, struct heap_stats *st)
{
	ASSERT_EQ(0, free_mixed(heap, bytes));
	ASSERT_EQ(0, heap_wait_idle());
	ASSERT_EQ(0, heap_stats_read(st));
	ASSERT_LT((long long)bytes / 2, st->pool_bytes);
}

TEST_F_TIMEOUT(pressure, counted_as_reclaimable, 60)
{
	long long available, kreclaimable, misc, held;
	struct heap_stats st;

	available = meminfo_read("MemAvailable");
	kreclaimable = meminfo_read("KReclaimable");
	fill_pool(_metadata, self->heap, self->fill, &st);

	misc = misc_bytes() - self->misc;
	EXPECT_LE(st.pool_bytes - MISC_BYTES, misc);
	EXPECT_GE(st.pool_bytes + MISC_BYTES, misc);

	/* Slabs are in this one as well: allow them to move */
	held = st.pool_bytes;
	kreclaimable = meminfo_read("KReclaimable") - kreclaimable;
	EXPECT_LE(held * 3 / 4, kreclaimable);

	/*
	 * MemAvailable takes off half of what is reclaimable, but no more than
	 * the low watermarks. Were the pool not counted, all of it would go.
	 */
	available -= meminfo_read("MemAvailable");
	EXPECT_GT(held * 3 / 4, available);

	ASSERT_TRUE(heap_drain_all(&st));
	misc = misc_bytes() - self->misc;
	EXPECT_GE(MISC_BYTES, misc);
	EXPECT_LE(-MISC_BYTES, misc);
}

/* Memory is counted from close() on, not only once it is zeroed */
TEST_F_TIMEOUT(pressure, queue_is_counted, 60)
{
	long long misc, low, high;
	struct heap_stats a, b;
	int i, queued = 0;

	for (i = 0; i < 16; i++) {
		if (!queued)
			ASSERT_EQ(0, free_mixed(self->heap, self->fill));
		ASSERT_EQ(0, heap_stats_read(&a));
		misc = misc_bytes() - self->misc;
		ASSERT_EQ(0, heap_stats_read(&b));

		low = a.pool_bytes + a.queue_bytes;
		high = b.pool_bytes + b.queue_bytes;
		if (low > high) {
			long long tmp = low;

			low = high;
			high = tmp;
		}
		EXPECT_LE(low - MOVING, misc);
		EXPECT_GE(high + MOVING, misc);
		/* Enough was queued both before and after vmstat was read */
		if (a.queue_bytes > 2 * MOVING && b.queue_bytes > 2 * MOVING)
			queued++;
		else
			queued = 0;
		if (queued == 3)
			break;
	}
	if (!queued)
		TH_LOG("the thread was too fast to see the queue");
	ASSERT_EQ(0, heap_wait_idle());
}

TEST_F_TIMEOUT(pressure, limits_hold, 60)
{
	const long long pool_limit = 16 * MIB, queue_limit = 8 * MIB;
	long long pool_max = 0, queue_max = 0, refused;
	struct bufs held = {};
	unsigned long done = 0;
	struct heap_stats st;
	int heap = self->heap;

	ASSERT_EQ(0, heap_set_param("pool_limit_mb", pool_limit / MIB));
	ASSERT_EQ(0, heap_set_param("queue_limit_mb", queue_limit / MIB));
	ASSERT_EQ(0, heap_stats_read(&st));
	ASSERT_EQ(pool_limit, st.pool_limit_bytes);
	ASSERT_EQ(queue_limit, st.queue_limit_bytes);
	refused = st.refused_bytes;

	while (done < test_budget()) {
		/* More than either holds; then one that never fits the queue */
		ASSERT_EQ(0, free_mixed(heap, 24 * MIB));
		ASSERT_EQ(0, heap_stats_read(&st));
		EXPECT_GE(queue_limit, st.queue_bytes);
		EXPECT_GE(pool_limit, st.pool_bytes);
		if (st.queue_bytes > queue_max)
			queue_max = st.queue_bytes;
		ASSERT_EQ(0, close(heap_alloc(heap, 12 * MIB)));
		if (done / MIB % 2)
			ASSERT_EQ(0, heap_wait_idle());
		ASSERT_EQ(0, heap_stats_read(&st));
		EXPECT_GE(queue_limit, st.queue_bytes);
		EXPECT_GE(pool_limit, st.pool_bytes);
		if (st.pool_bytes > pool_max)
			pool_max = st.pool_bytes;
		done += 37 * MIB;
	}
	ASSERT_EQ(0, heap_wait_idle());

	/* Piece by piece the queue lets everything through to the pool */
	ASSERT_EQ(0, hold(heap, &held, 3 * pool_limit, 4 * MIB));
	while (held.nr) {
		close(held.fd[--held.nr]);
		ASSERT_EQ(0, heap_wait_idle());
		ASSERT_EQ(0, heap_stats_read(&st));
		EXPECT_GE(pool_limit, st.pool_bytes);
	}
	/* The limits were really reached */
	EXPECT_LT(0, queue_max + pool_max);
	EXPECT_LT(refused, st.refused_bytes);
	EXPECT_LE(pool_limit / 2, st.pool_bytes);
}

/* The thread frees what is cached beyond a lowered limit */
TEST_F_TIMEOUT(pressure, limit_lowered, 60)
{
	struct heap_stats st;

	fill_pool(_metadata, self->heap, self->fill, &st);
	ASSERT_EQ(0, heap_set_param("pool_limit_mb", 8));
	ASSERT_EQ(0, heap_wait_idle());
	ASSERT_EQ(0, heap_stats_read(&st));
	EXPECT_GE((long long)(8 * MIB), st.pool_bytes);
}

/* Pages that will not be cached are not zeroed */
TEST_F_TIMEOUT(pressure, full_pool_cleans_nothing, 60)
{
	struct heap_stats before, after;
	struct bufs held = {};

	ASSERT_EQ(0, heap_set_param("pool_limit_mb", 16));
	ASSERT_EQ(0, hold(self->heap, &held, 96 * MIB, 4 * MIB));
	drop(&held, 16);
	ASSERT_EQ(0, heap_wait_idle());
	ASSERT_EQ(0, heap_stats_read(&before));
	EXPECT_EQ(16 * (long long)MIB, before.pool_bytes);
	while (held.nr) {
		close(held.fd[--held.nr]);
		ASSERT_EQ(0, heap_wait_idle());
	}
	ASSERT_EQ(0, heap_stats_read(&after));
	EXPECT_EQ(before.pool_bytes, after.pool_bytes);
	EXPECT_EQ(before.zeroed_bytes, after.zeroed_bytes);
}

/* An administrator can run the shrinkers with drop_caches */
TEST_F_TIMEOUT(pressure, drop_caches_shrinks_pool, 60)
{
	struct heap_stats before, after;
	long long misc;
	int i;

	fill_pool(_metadata, self->heap, self->fill, &before);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, write_text("/proc/sys/vm/drop_caches", "2"));
	ASSERT_EQ(0, heap_stats_read(&after));
	EXPECT_GT(before.pool_bytes / 4, after.pool_bytes);

	misc = misc_bytes() - self->misc;
	EXPECT_GE(after.pool_bytes + MISC_BYTES, misc);
	EXPECT_LE(after.pool_bytes - MISC_BYTES, misc);
}

/*
 * Leave about four times the pool's size as available, the rest in buffers
 * that are held; then let a task take 90 % of what is available. That is more
 * than is free, or with highmem than is free and not reserved for the kernel, so a
 * part of it has to come from the pool.
 */
static void squeeze(struct __test_metadata *_metadata, int heap, bool queued)
{
	long long available, fill, free, ballast, touch;
	struct heap_stats before, after;
	struct bufs held = {};
	int status;
	pid_t pid;

	/* The pool must exceed what watermarks take off MemAvailable */
	write_text("/proc/sys/vm/drop_caches", "3");
	available = meminfo_read("MemAvailable");
	fill = available / 5 < 256 * (long long)MIB ? available / 5 : 256 * MIB;
	ASSERT_EQ(0, heap_set_param("pool_limit_mb", fill / MIB + 1));
	ASSERT_EQ(0, heap_set_param("queue_limit_mb", fill / MIB + 1));
	ballast = available - 4 * fill;
	if (ballast > 0)
		ASSERT_EQ(0, hold(heap, &held, ballast, 8 * MIB));

	if (queued) {
		ASSERT_EQ(0, free_mixed(heap, fill));
		ASSERT_EQ(0, heap_stats_read(&before));
	} else {
		fill_pool(_metadata, heap, fill, &before);
	}
	available = meminfo_read("MemAvailable");
	free = meminfo_read("MemFree");
	touch = available / 10 * 9;
	if (!queued && meminfo_read("HighTotal") < 0)
		EXPECT_LT(free, touch)
			TH_LOG("the pool is too small to be asked for");

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(touch_memory(touch));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status)
		TH_LOG("touching %lld of %lld MiB available, %lld MiB free",
		       touch / (long long)MIB, available / (long long)MIB,
		       free / (long long)MIB);

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
	const long long slack = 24 * MIB;
	long long start, now, bound, lowest;
	unsigned long done;
	struct heap_stats st;
	size_t len = 16 * MIB;

	ASSERT_EQ(0, heap_stats_read(&st));
	bound = st.pool_limit_bytes + st.queue_limit_bytes + len + slack;
	start = meminfo_read("MemFree");
	lowest = start;
	for (done = 0; done < 4 * test_budget(); done += len) {
		int buf = heap_alloc(self->heap, len);

		ASSERT_LE(0, buf);
		ASSERT_EQ(0, close(buf));
		if (done / len % 8)
			continue;
		now = meminfo_read("MemFree");
		if (now < lowest)
			lowest = now;
		ASSERT_EQ(0, heap_stats_read(&st));
		EXPECT_GE(st.queue_limit_bytes, st.queue_bytes);
	}
	EXPECT_LT(start - bound, lowest);
}

TEST_HARNESS_MAIN
