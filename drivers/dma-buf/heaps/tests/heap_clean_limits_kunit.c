// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of what a supply holds: counted to the page in vmstat, never more than
 * its bounds allow, and given back when memory reclaim asks
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <kunit/static_stub.h>
#include <kunit/test-bug.h>
#include <kunit/test.h>

#include "../heap_zero.h"
#include "heap_clean_fixture.h"

/* What is queued and what is pooled is memory that can be had. */
static void test_accounting(struct kunit *test)
{
	struct clean_kunit *ctx = test->priv;

	clean_kunit_stop_helper(test);
	clean_kunit_use(test, 2 * LARGE);
	KUNIT_EXPECT_EQ(test, 2 * LARGE_PAGES + 1, clean_kunit_queued(ctx));
	KUNIT_EXPECT_TRUE(test, clean_kunit_reclaimable_is(ctx, 2 * LARGE_PAGES));

	complete_all(&ctx->go_on);
	KUNIT_ASSERT_TRUE(test, clean_kunit_wait(ctx));
	KUNIT_EXPECT_GE(test, clean_kunit_pooled(ctx), 2 * LARGE_PAGES);
	KUNIT_EXPECT_TRUE(test, clean_kunit_reclaimable_is(ctx,
							   clean_kunit_pooled(ctx)));
	KUNIT_EXPECT_EQ(test, 2 * LARGE_PAGES, atomic_long_read(&ctx->supply->zeroed));
}

static void test_pool_limit(struct kunit *test)
{
	struct clean_kunit *ctx = test->priv;
	struct clean_kunit_buffer *buffer;

	heap_supply_set_limits(ctx->supply, 2 * LARGE_PAGES, QUEUE_PAGES);
	clean_kunit_use(test, 4 * LARGE);
	KUNIT_ASSERT_TRUE(test, clean_kunit_wait(ctx));
	KUNIT_EXPECT_EQ(test, 2 * LARGE_PAGES, clean_kunit_pooled(ctx));

	/* Also when it changes, */
	heap_supply_set_limits(ctx->supply, LARGE_PAGES, QUEUE_PAGES);
	KUNIT_EXPECT_EQ(test, LARGE_PAGES, clean_kunit_pooled(ctx));

	/* and when a page of the pool comes back. */
	buffer = clean_kunit_alloc(test, LARGE);
	KUNIT_EXPECT_EQ(test, 0UL, clean_kunit_pooled(ctx));
	heap_supply_set_limits(ctx->supply, LARGE_PAGES - 1, QUEUE_PAGES);
	clean_kunit_free(buffer);
	KUNIT_ASSERT_TRUE(test, clean_kunit_wait(ctx));
	KUNIT_EXPECT_EQ(test, 0UL, clean_kunit_pooled(ctx));
}

/* No large page goes where a small one does. */
static void test_trim(struct kunit *test)
{
	struct clean_kunit *ctx = test->priv;
	unsigned long pooled;

	clean_kunit_use(test, LARGE + 15 * PAGE_SIZE);
	KUNIT_ASSERT_TRUE(test, clean_kunit_wait(ctx));
	pooled = clean_kunit_pooled(ctx);
	KUNIT_ASSERT_GE(test, pooled, LARGE_PAGES + 15);

	heap_supply_set_limits(ctx->supply, pooled - 7, QUEUE_PAGES);
	KUNIT_EXPECT_EQ(test, pooled - 7, clean_kunit_pooled(ctx));
	heap_supply_set_limits(ctx->supply, LARGE_PAGES - 1, QUEUE_PAGES);
	KUNIT_EXPECT_EQ(test, 0UL, clean_kunit_pooled(ctx));
}

/* Then the heap is what it was without pools. */
static void test_no_pool(struct kunit *test)
{
	struct clean_kunit *ctx = test->priv;
	struct clean_kunit_buffer *before, *after;

	clean_kunit_use(test, 2 * LARGE);
	KUNIT_ASSERT_TRUE(test, clean_kunit_wait(ctx));
	KUNIT_EXPECT_EQ(test, 2 * LARGE_PAGES, clean_kunit_pooled(ctx));
	before = clean_kunit_alloc(test, LARGE);

	heap_supply_set_limits(ctx->supply, 0, QUEUE_PAGES);
	KUNIT_EXPECT_EQ(test, 0UL, clean_kunit_pooled(ctx));
	after = clean_kunit_alloc(test, LARGE + 3 * MEDIUM + PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, heap_pool_owns(sg_page(after->pages.first)));
	KUNIT_EXPECT_EQ(test, 1UL, clean_kunit_stats(ctx).inflight);

	clean_kunit_free(after);
	KUNIT_EXPECT_EQ(test, 0UL, clean_kunit_queued(ctx));
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&ctx->nr_buffers));
	clean_kunit_free(before);
	KUNIT_EXPECT_EQ(test, 0UL, clean_kunit_queued(ctx));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&ctx->nr_buffers));
	KUNIT_EXPECT_EQ(test, 0UL, clean_kunit_stats(ctx).inflight);
	KUNIT_EXPECT_EQ(test, 0UL, clean_kunit_pooled(ctx));
}

/* Who closes a buffer that the queue has no room for frees it, uncleaned. */
static void test_queue_limit(struct kunit *test)
{
	struct clean_kunit *ctx = test->priv;

	heap_supply_set_limits(ctx->supply, POOL_PAGES, 2 * LARGE_PAGES + 1);
	clean_kunit_stop_helper(test);
	clean_kunit_use(test, LARGE);
	clean_kunit_use(test, MEDIUM);
	KUNIT_EXPECT_EQ(test, 3, atomic_read(&ctx->nr_buffers));
	KUNIT_EXPECT_EQ(test, 0L, atomic_long_read(&ctx->supply->refused));

	/* Too much, by less than a page of the heap. */
	clean_kunit_use(test, LARGE - MEDIUM + PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, 3, atomic_read(&ctx->nr_buffers));
	KUNIT_EXPECT_EQ(test, LARGE_PAGES + 16 + 1, clean_kunit_queued(ctx));
	KUNIT_EXPECT_EQ(test, LARGE_PAGES - 16 + 1,
			atomic_long_read(&ctx->supply->refused));
	KUNIT_EXPECT_TRUE(test, clean_kunit_reclaimable_is(ctx, LARGE_PAGES + 16 +
							   clean_kunit_pooled(ctx)));

	clean_kunit_use(test, LARGE - MEDIUM);
	KUNIT_EXPECT_EQ(test, 4, atomic_read(&ctx->nr_buffers));
	KUNIT_EXPECT_EQ(test, 2 * LARGE_PAGES + 1, clean_kunit_queued(ctx));
	KUNIT_EXPECT_EQ(test, 0L, atomic_long_read(&ctx->supply->zeroed));
}

/* The queue before the pools, the oldest first, and in pieces. */
static void test_reclaim(struct kunit *test)
{
	struct clean_kunit *ctx = test->priv;
	struct clean_kunit_buffer *large, *small;

	KUNIT_EXPECT_EQ(test, 0UL, clean_kunit_reclaim_count(ctx));
	large = clean_kunit_alloc(test, 2 * LARGE);
	small = clean_kunit_alloc(test, 2 * MEDIUM);
	clean_kunit_use(test, LARGE);
	KUNIT_ASSERT_TRUE(test, clean_kunit_wait(ctx));
	KUNIT_ASSERT_EQ(test, LARGE_PAGES, clean_kunit_pooled(ctx));
	clean_kunit_stop_helper(test);
	clean_kunit_free(large);
	clean_kunit_free(small);
	KUNIT_EXPECT_EQ(test, 3 * LARGE_PAGES + 32, clean_kunit_reclaim_count(ctx));

	KUNIT_EXPECT_EQ(test, LARGE_PAGES, clean_kunit_reclaim(ctx, 1));
	KUNIT_EXPECT_EQ(test, LARGE_PAGES + 32 + 1, clean_kunit_queued(ctx));
	KUNIT_EXPECT_EQ(test, LARGE_PAGES, clean_kunit_pooled(ctx));
	KUNIT_EXPECT_EQ(test, 3, atomic_read(&ctx->nr_buffers));
	KUNIT_EXPECT_TRUE(test, clean_kunit_reclaimable_is(ctx,
							   2 * LARGE_PAGES + 32));

	KUNIT_EXPECT_EQ(test, LARGE_PAGES + 16,
			clean_kunit_reclaim(ctx, LARGE_PAGES + 1));
	KUNIT_EXPECT_EQ(test, 16UL + 1, clean_kunit_queued(ctx));
	KUNIT_EXPECT_EQ(test, LARGE_PAGES, clean_kunit_pooled(ctx));
	KUNIT_EXPECT_EQ(test, 2, atomic_read(&ctx->nr_buffers));

	KUNIT_EXPECT_EQ(test, 16 + LARGE_PAGES, clean_kunit_reclaim(ctx, 17));
	KUNIT_EXPECT_EQ(test, 0UL, clean_kunit_pooled(ctx));
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&ctx->nr_buffers));

	/* The page that is left isn't within reach. */
	KUNIT_EXPECT_EQ(test, 1UL, clean_kunit_queued(ctx));
	KUNIT_EXPECT_EQ(test, 0UL, clean_kunit_reclaim_count(ctx));
	KUNIT_EXPECT_EQ(test, 0UL, clean_kunit_reclaim(ctx, 1));
	KUNIT_EXPECT_EQ(test, 3 * LARGE_PAGES + 32,
			atomic_long_read(&ctx->supply->reclaimed));
	/* None of it was cleaned but what had been before. */
	KUNIT_EXPECT_EQ(test, LARGE_PAGES, atomic_long_read(&ctx->supply->zeroed));
}

static bool stub_map_reclaims(struct page **map, unsigned int nr)
{
	struct kunit *test = kunit_get_current_test();
	struct clean_kunit *ctx = test->priv;

	if (!ctx->nr_maps++)
		KUNIT_EXPECT_EQ(test, LARGE_PAGES,
				clean_kunit_reclaim(ctx, LARGE_PAGES));

	/* The pages leave, and nobody sees that they are not clean. */
	return false;
}

/* What is left of a buffer can be had while a batch of it is being cleaned. */
static void test_reclaim_while_cleaning(struct kunit *test)
{
	struct clean_kunit *ctx = test->priv;
	struct clean_kunit_buffer *buffer;

	heap_supply_set_zeroing(ctx->supply, HEAP_ZERO_VMAP, LARGE_PAGES);
	clean_kunit_stop_helper(test);
	clean_kunit_use(test, 3 * LARGE);

	kunit_activate_static_stub(test, heap_zero_map, stub_map_reclaims);
	buffer = clean_kunit_alloc(test, 3 * LARGE);
	kunit_deactivate_static_stub(test, heap_zero_map);

	KUNIT_EXPECT_EQ(test, 2U, ctx->nr_maps);
	KUNIT_EXPECT_EQ(test, 1UL, clean_kunit_queued(ctx));
	KUNIT_EXPECT_EQ(test, LARGE_PAGES,
			atomic_long_read(&ctx->supply->reclaimed));
	clean_kunit_free(buffer);
}

static const struct reclaimer_param {
	const char *desc;
	unsigned int flags;
	unsigned long patience;
} reclaimer_params[] = {
	{ "kswapd", PF_KSWAPD, HZ / 20 },
	{ "direct", 0, HZ },
};

KUNIT_ARRAY_PARAM_DESC(reclaimer, reclaimer_params, desc);

static int reclaimer_fn(void *data)
{
	struct clean_kunit *ctx = data;

	current->flags |= ctx->reclaimer_flags;
	clean_kunit_reclaim(ctx, LARGE_PAGES);
	current->flags &= ~ctx->reclaimer_flags;
	complete(&ctx->done);

	return 0;
}

/* Called with the lock of the pool that has all there is. */
static struct page *stub_alloc_while_reclaimed(struct heap_pool *pool, gfp_t gfp)
{
	struct kunit *test = kunit_get_current_test();
	const struct reclaimer_param *param = test->param_value;
	struct clean_kunit *ctx = test->priv;
	struct task_struct *task;

	kunit_deactivate_static_stub(test, heap_pool_alloc_page);
	ctx->reclaimer_flags = param->flags;
	task = kthread_run(reclaimer_fn, ctx, "heap_reclaimer");
	if (!IS_ERR(task))
		ctx->returned = wait_for_completion_timeout(&ctx->done,
							    param->patience);

	return heap_pool_alloc_page(pool, gfp);
}

/* The owner of a pool's lock may not run for long; reclaim has to go on. */
static void test_reclaim_busy(struct kunit *test)
{
	struct clean_kunit *ctx = test->priv;
	struct clean_kunit_buffer *buffer;

	clean_kunit_use(test, LARGE);
	KUNIT_ASSERT_TRUE(test, clean_kunit_wait(ctx));
	KUNIT_ASSERT_EQ(test, LARGE_PAGES, clean_kunit_pooled(ctx));

	kunit_activate_static_stub(test, heap_pool_alloc_page,
				   stub_alloc_while_reclaimed);
	buffer = clean_kunit_alloc(test, LARGE);
	KUNIT_EXPECT_TRUE(test, ctx->returned);
	clean_kunit_free(buffer);
	if (!ctx->returned)
		wait_for_completion(&ctx->done);
}

static struct kunit_case heap_clean_limits_cases[] = {
	KUNIT_CASE(test_accounting),
	KUNIT_CASE(test_pool_limit),
	KUNIT_CASE(test_trim),
	KUNIT_CASE(test_no_pool),
	KUNIT_CASE(test_queue_limit),
	KUNIT_CASE(test_reclaim),
	KUNIT_CASE(test_reclaim_while_cleaning),
	KUNIT_CASE_PARAM(test_reclaim_busy, reclaimer_gen_params),
	{ }
};

static struct kunit_suite heap_clean_limits_suite = {
	.name = "heap_clean_limits",
	.init = clean_kunit_init,
	.exit = clean_kunit_exit,
	.test_cases = heap_clean_limits_cases,
};

kunit_test_suite(heap_clean_limits_suite);
