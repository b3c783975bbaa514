// SPDX-License-Identifier: GPL-2.0
/*
 * Any allocation that ALLOC and close() make in the heap can fail without losing memory.
 *
 * The first allocation during a system call is made to fail, then the second, and so on,
 * until a call makes fewer allocations. Each time, the call has succeeded or failed with
 * ENOMEM, no descriptor is left, and no page of the cache is in use. At the end there is
 * as much free memory as at first. The heap's thread reports its failures to nobody, so
 * the contents of its pages are checked by their next owners.
 */
#include "heap_test_util.h"
#include "heap_guest_util.h"

/* A sweep that has not ended by then would never end */
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
	self->nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->nth);
	self->lowest = lowest_fd();
	self->known = known_memory();
	ASSERT_EQ(0, faults_on(0));
}

FIXTURE_TEARDOWN(faults)
{
	faults_on(0);
	close(self->nth);
	heap_end(_metadata, &self->params, self->heap);
	EXPECT_EQ(0, missing_memory(self->known));
}

/* Make the @n-th allocation of the following system calls fail */
static void arm(struct __test_metadata *_metadata, int nth, unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	ASSERT_EQ(len, write(nth, text, len));
}

/* No allocation fails any more; returns whether one did */
static bool disarm(struct __test_metadata *_metadata, int nth)
{
	char left[16] = "";

	ASSERT_LT(0, pread(nth, left, sizeof(left) - 1, 0));
	arm(_metadata, nth, 0);
	return atoi(left) == 0;
}

/* All buffers are closed: no page of the cache may still be in use */
static void expect_nothing_lost(struct __test_metadata *_metadata,
				struct _test_data_faults *self, unsigned int n)
{
	struct heap_stats st;
	int i;

	EXPECT_EQ(self->lowest, lowest_fd())
		TH_LOG("descriptor left, fault %u", n);
	st = heap_settle(_metadata);
	for (i = 0; i < NR_HEAP_ORDERS; i++) {
		EXPECT_EQ(0, st.order[i].inflight)
			TH_LOG("order %u, fault %u", st.order[i].order, n);
	}
}

static const size_t sizes[] = {
	4 * KIB, 60 * KIB, 68 * KIB, 252 * KIB, MIB, 8 * MIB, 9 * MIB + 60 * KIB
};

static void sweep_alloc(struct __test_metadata *_metadata,
			struct _test_data_faults *self, size_t len, bool warm)
{
	unsigned int n, failed = 0;
	bool injected = true;
	int buf;

	for (n = 1; injected && n < MAX_SITES; n++) {
		ASSERT_EQ(0, heap_drain());
		if (warm)
			heap_warm(_metadata, self->heap, len);
		arm(_metadata, self->nth, n);
		buf = heap_alloc(self->heap, len);
		injected = disarm(_metadata, self->nth);
		if (buf >= 0) {
			EXPECT_EQ(-1, buf_check_and_soil(buf))
				TH_LOG("%zu bytes, fault %u", len, n);
			close(buf);
		} else {
			EXPECT_EQ(-ENOMEM, buf)
				TH_LOG("%zu bytes, fault %u", len, n);
			EXPECT_TRUE(injected);
			failed++;
		}
		expect_nothing_lost(_metadata, self, n);
	}
	EXPECT_FALSE(injected);
	EXPECT_LT(0, failed);
	TH_LOG("ALLOC of %zu bytes, %s: %u sites, %u of them fatal", len,
	       warm ? "warm" : "cold", n - 2, failed);
}

/* Cold means that no page is cached, warm that all the pages asked for are. */
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

/* close() cannot report a failure, so it must work when allocations fail. */
TEST_F_TIMEOUT(faults, close, 60)
{
	unsigned int i, n;
	bool injected;
	int buf;

	for (i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		/* If @i is even, buffers are queued. If odd, the closing task frees them. */
		ASSERT_EQ(0, heap_set_param("queue_limit_mb", i % 2 ? 0 :
					    self->params.queue_limit_mb));
		injected = true;
		for (n = 1; injected && n < MAX_SITES; n++) {
			buf = heap_get(_metadata, self->heap, sizes[i / 2]);
			arm(_metadata, self->nth, n);
			EXPECT_EQ(0, close(buf));
			injected = disarm(_metadata, self->nth);
			expect_nothing_lost(_metadata, self, n);
		}
		EXPECT_FALSE(injected);
		TH_LOG("close of %zu bytes, %s: %u sites", sizes[i / 2],
		       i % 2 ? "freed at once" : "queued", n - 2);
	}
}

/* Run rounds in which @percent of the thread's allocations fail. Returns statistics. */
static struct heap_stats rounds(struct __test_metadata *_metadata, int heap, int nr,
				unsigned int percent)
{
	struct heap_stats st;
	unsigned int i;

	ASSERT_EQ(0, faults_on(percent));
	while (nr--) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++)
			hold_and_close(_metadata, heap, sizes[i], 4);
		/* Pages that the thread could not zero must not be cached */
		st = heap_settle(_metadata);
	}
	return st;
}

TEST_F_TIMEOUT(faults, thread_cannot_map, 120)
{
	static const unsigned int percents[] = { 30, 100, 0 };
	struct heap_stats before, after;
	pid_t thread = heap_thread();
	unsigned int i;

	ASSERT_LT(0, thread);
	ASSERT_EQ(0, heap_set_param_text("zero_method", "vmap"));
	ASSERT_EQ(0, faults_for(thread, true));
	ASSERT_EQ(0, heap_stats_read(&after));
	for (i = 0; i < ARRAY_SIZE(percents); i++) {
		before = after;
		after = rounds(_metadata, self->heap, 4, percents[i]);
		TH_LOG("%u %% failing: %lld bytes zeroed, %lld bytes freed", percents[i],
		       after.zeroed_bytes - before.zeroed_bytes,
		       after.zero_failed_bytes - before.zero_failed_bytes);
		EXPECT_EQ(percents[i] > 0,
			  after.zero_failed_bytes > before.zero_failed_bytes);
	}
	ASSERT_EQ(0, faults_for(thread, false));
	/* Without failures, the thread zeroes pages again. */
	EXPECT_LT(before.zeroed_bytes, after.zeroed_bytes);
}

TEST_HARNESS_MAIN
