// SPDX-License-Identifier: GPL-2.0
/*
 * No byte of a previous owner is ever visible.
 *
 * Every buffer these tests get is read from end to end, must be zero, and is
 * filled with a pattern before it is closed. The tests reuse memory in every way
 * that the heap has. The thread zeroes it, an allocation takes it from the queue,
 * or it is freed and allocated again.
 *
 * Where memory must have come from the pool, the hit counter is checked.
 * Otherwise the test would only show that the page allocator clears pages.
 */
#include "heap_test_util.h"

/* Buffers of one order, of several, and of lengths that end within a page */
static void use_all_sizes(struct __test_metadata *_metadata, int heap)
{
	static const struct {
		size_t len;
		int count;
	} sizes[] = {
		{ 4 * KIB, 1 }, { 4 * KIB, 16 }, { 64 * KIB, 16 }, { 100000, 8 },
		{ MIB, 1 }, { MIB, 4 }, { 3 * MIB + 5000, 1 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		hold_and_close(_metadata, heap, sizes[i].len, sizes[i].count);
}

FIXTURE(reuse)
{
	struct heap_params params;
	int heap;
};

FIXTURE_VARIANT(reuse)
{
	const char *method;
};

FIXTURE_VARIANT_ADD(reuse, vmap)
{
	.method = "vmap",
};

FIXTURE_VARIANT_ADD(reuse, direct)
{
	.method = "direct",
};

FIXTURE_SETUP(reuse)
{
	int ret;

	if (!heap_begin(_metadata, &self->params, &self->heap))
		return;
	ret = heap_set_param_text("zero_method", variant->method);
	if (ret == -EOPNOTSUPP)
		SKIP(return, "the module has no zero_method=%s here", variant->method);
	ASSERT_EQ(0, ret);
}

FIXTURE_TEARDOWN(reuse)
{
	heap_end(_metadata, &self->params, self->heap);
}

/* Pages of each order are zeroed, cached, and really taken from the pool */
TEST_F_TIMEOUT(reuse, each_order, 60)
{
	static const unsigned int counts[NR_HEAP_ORDERS] = { 16, 64, 128 };
	struct heap_stats before, after;
	unsigned int i, round;

	for (i = 0; i < NR_HEAP_ORDERS; i++) {
		ASSERT_EQ(0, heap_drain());
		ASSERT_EQ(0, heap_stats_read(&before));
		for (round = 0; round < 3; round++) {
			hold_and_close(_metadata, self->heap,
				       PAGE_BYTES << before.order[i].order, counts[i]);
			after = heap_settle(_metadata);
		}
		EXPECT_LT(before.order[i].hits, after.order[i].hits)
			TH_LOG("no hit at order %u", after.order[i].order);
		EXPECT_EQ(before.zero_failed_bytes, after.zero_failed_bytes);
	}
}

/* Buffers are zeroed, whatever path their memory took */
TEST_F_TIMEOUT(reuse, each_way, 60)
{
	struct heap_stats before, after;
	int round;

	for (round = 0; round < 3; round++) {
		/* The second time, the thread may still be zeroing the first buffers. */
		use_all_sizes(_metadata, self->heap);
		use_all_sizes(_metadata, self->heap);
		/* Let the thread zero the pages, reuse them, then free them. */
		ASSERT_EQ(0, heap_wait_idle());
		use_all_sizes(_metadata, self->heap);
		ASSERT_EQ(0, heap_drain());
	}
	/* When the queue has no room, closing tasks free their buffers. */
	ASSERT_EQ(0, heap_set_param("queue_limit_mb", 2));
	ASSERT_EQ(0, heap_stats_read(&before));
	use_all_sizes(_metadata, self->heap);
	use_all_sizes(_metadata, self->heap);
	ASSERT_EQ(0, heap_stats_read(&after));
	EXPECT_LT(before.refused_bytes, after.refused_bytes);
}

/* With a limit of 0 nothing is cached and nothing is queued */
TEST_F_TIMEOUT(reuse, turned_off, 60)
{
	long long hits = heap_hit_total();
	struct heap_stats st;
	unsigned int i;

	ASSERT_EQ(0, heap_set_param("pool_limit_mb", 0));
	for (i = 0; i < 4; i++) {
		use_all_sizes(_metadata, self->heap);
		ASSERT_EQ(0, heap_stats_read(&st));
		EXPECT_EQ(0, st.pool_bytes);
		EXPECT_EQ(0, st.queue_bytes);
	}
	EXPECT_EQ(hits, heap_hit_total());
}

TEST_HARNESS_MAIN
