/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the tests of the pooled system heap begin and end, and what they expect
 * of every buffer.
 */
#ifndef HEAP_TEST_UTIL_H
#define HEAP_TEST_UTIL_H

#include "kselftest_harness.h"
#include "heap_pressure_util.h"

/* Reclaimable bytes that are not the heap's; each test has a process of its own */
static long long misc_before;

static inline void expect_near(struct __test_metadata *_metadata, const char *what,
			       long long expected, long long seen,
			       long long tolerance)
{
	EXPECT_GE(tolerance, llabs(seen - expected))
		TH_LOG("%s: %lld instead of %lld", what, seen, expected);
}

/* Wait until the thread has zeroed the queue and trimmed the cache; get statistics */
static inline struct heap_stats heap_settle(struct __test_metadata *_metadata)
{
	struct heap_stats st;

	ASSERT_EQ(0, heap_wait_idle());
	ASSERT_EQ(0, heap_stats_read(&st));
	return st;
}

/* Open the heap, save its parameters, and empty it. False if the test is skipped */
static inline bool heap_begin(struct __test_metadata *_metadata,
			      struct heap_params *params, int *heap)
{
	const char *missing = heap_missing(params);
	struct heap_stats st;

	if (missing)
		SKIP(return false, "%s", missing);
	*heap = heap_open();
	ASSERT_LE(0, *heap);
	ASSERT_TRUE(heap_drain_all(&st));
	misc_before = misc_reclaimable();
	ASSERT_LE(0, misc_before);
	return true;
}

/* The test has closed all buffers: nothing may be left in the heap, or counted. */
static inline void heap_end(struct __test_metadata *_metadata,
			    const struct heap_params *params, int heap)
{
	struct heap_stats st;

	EXPECT_EQ(0, heap_params_restore(params));
	close(heap);
	EXPECT_TRUE(heap_drain_all(&st))
		TH_LOG("%lld bytes cached, %lld queued, %lld, %lld and %lld pages in use",
		       st.pool_bytes, st.queue_bytes, st.order[0].inflight,
		       st.order[1].inflight, st.order[2].inflight);
	expect_near(_metadata, "reclaimable", misc_before, misc_reclaimable(),
		    MISC_TOLERANCE);
}

/* Get a new buffer, check that every byte is zero, and dirty it. */
static inline int heap_get(struct __test_metadata *_metadata, int heap,
			   size_t len)
{
	int buf = heap_alloc(heap, len);

	ASSERT_LE(0, buf)
		TH_LOG("%zu bytes", len);
	ASSERT_EQ(-1, buf_check_and_soil(buf))
		TH_LOG("buffer of %zu bytes", len);
	return buf;
}

/* Hold @count buffers at once, then close them all */
static inline void hold_and_close(struct __test_metadata *_metadata, int heap,
				  size_t len, int count)
{
	struct bufs b = {};

	while (b.nr < count)
		b.fd[b.nr++] = heap_get(_metadata, heap, len);
	drop(&b, 0);
}

/* Cache the pages that a buffer of @len needs */
static inline void heap_warm(struct __test_metadata *_metadata, int heap,
			     size_t len)
{
	int buf = heap_alloc(heap, len);

	ASSERT_LE(0, buf);
	ASSERT_EQ(0, close(buf));
	ASSERT_EQ(0, heap_wait_idle());
}

#endif /* HEAP_TEST_UTIL_H */
