// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation that ALLOC and close() make in the heap can fail, and nothing is
 * lost then.
 *
 * The first allocation in the kernel during a system call is made to fail, then the
 * second, until a call ends before the allocation that would fail. After each,
 * the call has succeeded or failed with ENOMEM, no descriptor is left, and no page of
 * the cache is in use. In the end there is as much free memory as at first. The heap's
 * thread reports its failures to nobody, so the contents of its pages are checked by
 * their next owners.
 */
#include "heap_test_util.h"
#include "heap_guest_util.h"

/* A sweep that has not ended by then would not end */
#define MAX_SITES	2000

FIXTURE(faults)
{
	struct heap_params params;
	long long known;	/* memory before the test */
	int heap, nth, lowest;
};

static int lowest_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

FIXTURE_SETUP(faults)
{
	if (!heap_begin(_metadata, &self->params, &self->heap))
		return;
	if (!faults_available())
		SKIP(return, "no fault injection in this kernel");
	self->nth = fail_nth_open();
	ASSERT_LE(0, self->nth);
	self->lowest = lowest_fd();
	self->known = known_memory();
	ASSERT_EQ(0, faults_on(0));
}

FIXTURE_TEARDOWN(faults)
{
	faults_off();
	close(self->nth);
	heap_end(_metadata, &self->params, self->heap);
	EXPECT_EQ(0, missing_memory(self->known));
}

/* All buffers are closed: no page of the cache may still be in use */
static void expect_nothing_lost(struct __test_metadata *_metadata,
				struct _test_data_faults *self, unsigned int n)
{
	struct heap_stats st;
	long long cached = 0;
	int i;

	EXPECT_EQ(self->lowest, lowest_fd())
		TH_LOG("descriptor left, fault %u", n);
	ASSERT_EQ(0, heap_wait_idle());
	ASSERT_EQ(0, heap_stats_read(&st));
	for (i = 0; i < NR_HEAP_ORDERS; i++) {
		EXPECT_EQ(0, st.order[i].inflight)
			TH_LOG("order %u, fault %u", st.order[i].order, n);
		cached += (st.order[i].cached << st.order[i].order) *
			  PAGE_BYTES;
	}
	EXPECT_EQ(st.pool_bytes, cached);
}

static const size_t sizes[] = {
	4 * KIB, 60 * KIB, 68 * KIB, 252 * KIB, MIB, 8 * MIB, 9 * MIB + 60 * KIB
};

static void sweep_alloc(struct __test_metadata *_metadata,
			struct _test_data_faults *self, size_t len, bool warm)
{
	unsigned int n, failed = 0;
	int injected = 1;

	for (n = 1; injected && n < MAX_SITES; n++) {
		int buf;

		ASSERT_EQ(0, heap_drain());
		if (warm)
			heap_warm(_metadata, self->heap, len);
		ASSERT_EQ(0, fail_nth_set(self->nth, n));
		buf = heap_alloc(self->heap, len);
		injected = fail_nth_end(self->nth);
		ASSERT_LE(0, injected);
		if (buf >= 0) {
			EXPECT_EQ(-1, buf_check_and_soil(buf))
				TH_LOG("%zu bytes, fault %u", len, n);
			close(buf);
		} else {
			EXPECT_EQ(-ENOMEM, buf)
				TH_LOG("%zu bytes, fault %u", len, n);
			EXPECT_EQ(1, injected);
			failed++;
		}
		expect_nothing_lost(_metadata, self, n);
	}
	EXPECT_EQ(0, injected);
	EXPECT_LT(0, failed);
	TH_LOG("ALLOC of %zu bytes, %s: %u sites, %u of them fatal", len,
	       warm ? "warm" : "cold", n - 2, failed);
}

/* Cold: nothing is cached. Warm: as much as is asked for is. */
TEST_F_TIMEOUT(faults, alloc, 240)
{
	unsigned int i;

	for (i = 0; i < 2 * ARRAY_SIZE(sizes); i++)
		sweep_alloc(_metadata, self, sizes[i / 2], i % 2);
}

TEST_F_TIMEOUT(faults, alloc_unpooled, 120)
{
	unsigned int i;

	ASSERT_EQ(0, heap_set_param("pool_limit_mb", 0));
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		sweep_alloc(_metadata, self, sizes[i], false);
}

/* Closing has nobody to report to: it must not need what it may not get */
TEST_F_TIMEOUT(faults, close, 60)
{
	unsigned int i, n, reached;

	for (i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		size_t len = sizes[i / 2];
		int injected = 1, buf;

		/* Even: queued. Odd: freed by the closing task. */
		ASSERT_EQ(0, heap_set_param("queue_limit_mb", i % 2 ? 0 :
					    self->params.queue_limit_mb));
		reached = 0;
		for (n = 1; injected && n < MAX_SITES; n++) {
			buf = heap_get(_metadata, self->heap, len);
			ASSERT_EQ(0, fail_nth_set(self->nth, n));
			EXPECT_EQ(0, close(buf));
			injected = fail_nth_end(self->nth);
			ASSERT_LE(0, injected);
			reached += injected;
			expect_nothing_lost(_metadata, self, n);
		}
		EXPECT_EQ(0, injected);
		TH_LOG("close of %zu bytes, %s: %u sites", len,
		       i % 2 ? "freed at once" : "queued", reached);
	}
}

/* Rounds in which @percent of what the thread allocates fails */
static void rounds(struct __test_metadata *_metadata, int heap, int nr,
		   unsigned int percent)
{
	int bufs[24], round, i;

	ASSERT_EQ(0, faults_on(percent));
	for (round = 0; round < nr; round++) {
		for (i = 0; i < (int)ARRAY_SIZE(bufs); i++)
			bufs[i] = heap_get(_metadata, heap, sizes[i % 6]);
		for (i = 0; i < (int)ARRAY_SIZE(bufs); i++)
			close(bufs[i]);
		/* What the thread could not zero must not be cached */
		ASSERT_EQ(0, heap_wait_idle());
	}
}

TEST_F_TIMEOUT(faults, thread_cannot_map, 120)
{
	static const unsigned int percents[] = { 30, 100 };
	struct heap_stats before, after;
	pid_t thread = heap_thread();
	unsigned int i;

	ASSERT_LT(0, thread);
	ASSERT_EQ(0, heap_set_param_text("zero_method", "vmap"));
	ASSERT_EQ(0, faults_for(thread, true));
	for (i = 0; i < ARRAY_SIZE(percents); i++) {
		ASSERT_EQ(0, heap_stats_read(&before));
		rounds(_metadata, self->heap, 4, percents[i]);
		ASSERT_EQ(0, heap_stats_read(&after));
		EXPECT_LT(before.zero_failed_bytes, after.zero_failed_bytes);
		TH_LOG("%u %% failing: %lld bytes zeroed, %lld bytes freed", percents[i],
		       after.zeroed_bytes - before.zeroed_bytes,
		       after.zero_failed_bytes - before.zero_failed_bytes);
	}
	ASSERT_EQ(0, faults_for(thread, false));
	/*
	 * And afterwards it works as before. If nothing was cached, the first round
	 * has new pages, in place of which the thread fetches others.
	 */
	ASSERT_EQ(0, heap_stats_read(&before));
	rounds(_metadata, self->heap, 2, 0);
	ASSERT_EQ(0, heap_stats_read(&after));
	EXPECT_EQ(before.zero_failed_bytes, after.zero_failed_bytes);
	EXPECT_LT(before.zeroed_bytes, after.zeroed_bytes);
}

TEST_HARNESS_MAIN
