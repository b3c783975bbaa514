/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the tests of the pooled system heap begin and end, and what they expect
 * of every buffer.
 */
#ifndef HEAP_TEST_UTIL_H
#define HEAP_TEST_UTIL_H

#include "kselftest_harness.h"
#include "heap_pool_util.h"

static inline void expect_near(struct __test_metadata *_metadata, const char *what,
			       long long expected, long long seen,
			       long long tolerance)
{
	EXPECT_GE(tolerance, llabs(seen - expected))
		TH_LOG("%s: %lld instead of %lld", what, seen, expected);
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
	return true;
}

/* The test has closed all buffers, so nothing may be left in the heap. */
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
}

/* A new buffer. Every byte of it was zero, and is not any more. */
static inline int heap_get(struct __test_metadata *_metadata, int heap,
			   size_t len)
{
	int buf = heap_alloc(heap, len);

	ASSERT_LE(0, buf)
		TH_LOG("%zu bytes", len);
	ASSERT_EQ(-1, buf_check_and_soil(buf))
		TH_LOG("of %zu bytes", len);
	return buf;
}

/* Cache what a buffer of @len needs */
static inline void heap_warm(struct __test_metadata *_metadata, int heap,
			     size_t len)
{
	int buf = heap_alloc(heap, len);

	ASSERT_LE(0, buf);
	ASSERT_EQ(0, close(buf));
	ASSERT_EQ(0, heap_wait_idle());
}

#endif /* HEAP_TEST_UTIL_H */
