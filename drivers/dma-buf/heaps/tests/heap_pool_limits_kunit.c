// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of how much a pool of clean pages holds: nothing at first, what it is
 * refilled with, no more than its bound, and less when it is shrunk
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <kunit/static_stub.h>
#include <kunit/test-bug.h>
#include <kunit/test.h>

#include "../heap_pool.h"
#include "heap_kunit.h"
#include "heap_pool_fixture.h"

KUNIT_ARRAY_PARAM_DESC(pool, pool_kunit_params, desc);

/* Neither taking nor shrinking gets anything from the page allocator. */
static void test_empty(struct kunit *test)
{
	struct pool_kunit *ctx = test->priv;
	struct heap_pool_stats stats;

	pool_kunit_create(test, 4 * ctx->nr);
	KUNIT_EXPECT_EQ(test, 0U, pool_kunit_take(ctx, ctx->pages, 1));
	KUNIT_EXPECT_EQ(test, 0U, pool_kunit_take(ctx, ctx->pages, ctx->nr));
	KUNIT_EXPECT_EQ(test, 0U, heap_pool_shrink(ctx->pool, 1, false));
	pool_kunit_expect_counts(test, 0, 0);

	stats = pool_kunit_stats(ctx);
	KUNIT_EXPECT_EQ(test, 0UL, stats.hits);
	KUNIT_EXPECT_EQ(test, 0UL, stats.fetched);
	KUNIT_EXPECT_EQ(test, 0UL, stats.refilled);
	KUNIT_EXPECT_EQ(test, 0UL, stats.released);
}

static void test_bound(struct kunit *test)
{
	struct pool_kunit *ctx = test->priv;
	unsigned long rest = pool_kunit_rest(ctx, ctx->nr);
	unsigned int max = ctx->nr - 2;

	pool_kunit_create(test, max);
	pool_kunit_fetch(test, ctx->nr);
	KUNIT_EXPECT_EQ(test, rest, heap_pool_shrink(ctx->pool, rest, false));
	KUNIT_EXPECT_FALSE(test, heap_pool_full(ctx->pool));

	heap_pool_put(ctx->pool, ctx->pages, max - 1);
	KUNIT_EXPECT_FALSE(test, heap_pool_full(ctx->pool));
	heap_pool_put(ctx->pool, ctx->pages + max - 1, 3);
	KUNIT_EXPECT_TRUE(test, heap_pool_full(ctx->pool));
	pool_kunit_expect_counts(test, max, 0);
	KUNIT_EXPECT_EQ(test, rest + 2, pool_kunit_stats(ctx).released);
	KUNIT_EXPECT_EQ(test, max, pool_kunit_stats(ctx).recycled);
}

static void test_shrink(struct kunit *test)
{
	struct pool_kunit *ctx = test->priv;
	unsigned long all = pool_kunit_rest(ctx, ctx->nr) + ctx->nr;

	pool_kunit_create(test, 4 * ctx->nr);
	pool_kunit_fetch(test, ctx->nr);
	heap_pool_put(ctx->pool, ctx->pages, ctx->nr);
	pool_kunit_expect_counts(test, all, 0);

	KUNIT_EXPECT_EQ(test, 0U, heap_pool_shrink(ctx->pool, 0, false));
	KUNIT_EXPECT_EQ(test, 2U, heap_pool_shrink(ctx->pool, 2, false));
	pool_kunit_expect_counts(test, all - 2, 0);
	KUNIT_EXPECT_EQ(test, all - 2, heap_pool_shrink(ctx->pool, all, false));
	pool_kunit_expect_counts(test, 0, 0);
	KUNIT_EXPECT_EQ(test, all, pool_kunit_stats(ctx).released);
}

/* On several CPUs some of these find the lock taken. */
#define BUSY_ROUNDS	200U

struct pool_busy {
	struct heap_pool *pool;
	struct completion started;
};

/* Takes the lock again and again, and changes nothing. */
static int busy_fn(void *data)
{
	struct heap_pool_stats stats;
	struct pool_busy *busy = data;

	complete(&busy->started);
	while (!kthread_should_stop()) {
		heap_pool_get_stats(busy->pool, &stats);
		cond_resched();
	}

	return 0;
}

/* Who waits gets a page while others are busy with the pool, always. */
static void test_shrink_busy(struct kunit *test)
{
	struct pool_kunit *ctx = test->priv;
	struct pool_busy busy = { };
	struct task_struct *task;
	unsigned int round;

	pool_kunit_create(test, 4 * ctx->nr);
	busy.pool = ctx->pool;
	init_completion(&busy.started);
	task = kthread_run(busy_fn, &busy, "heap_pool_busy");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	wait_for_completion(&busy.started);

	for (round = 0; round < BUSY_ROUNDS; round++) {
		heap_pool_refill(ctx->pool, 1, ctx->more, ctx->size);
		if (heap_pool_shrink(ctx->pool, 1, true) != 1)
			break;
	}
	KUNIT_EXPECT_EQ(test, BUSY_ROUNDS, round);
	kthread_stop(task);
}

/* Pages to keep, clean ones, besides those that are kept. */
static void test_refill(struct kunit *test)
{
	struct pool_kunit *ctx = test->priv;
	unsigned long first, second;

	pool_kunit_create(test, ctx->size);
	pool_kunit_dirty_memory(test);
	heap_pool_refill(ctx->pool, 2, ctx->more, ctx->size);
	first = heap_pool_cached(ctx->pool);
	KUNIT_EXPECT_EQ(test, 2 + pool_kunit_rest(ctx, 2), first);
	pool_kunit_expect_counts(test, first, 0);
	KUNIT_EXPECT_EQ(test, first, pool_kunit_stats(ctx).refilled);

	heap_pool_refill(ctx->pool, 3, ctx->more, ctx->size);
	second = heap_pool_cached(ctx->pool);
	KUNIT_EXPECT_EQ(test, first + 3 + pool_kunit_rest(ctx, 3), second);
	pool_kunit_expect_counts(test, second, 0);
	KUNIT_EXPECT_EQ(test, second, pool_kunit_stats(ctx).refilled);

	KUNIT_ASSERT_EQ(test, second, pool_kunit_take(ctx, ctx->pages, ctx->size));
	pool_kunit_expect_pages(test, ctx->pages, second);
	pool_kunit_expect_counts(test, 0, second);
	KUNIT_EXPECT_EQ(test, 0UL, pool_kunit_stats(ctx).fetched);
	heap_pool_put(ctx->pool, ctx->pages, second);
}

/* What does not fit isn't fetched: in the pool, or in the space lent for it. */
static void test_refill_full(struct kunit *test)
{
	struct pool_kunit *ctx = test->priv;

	pool_kunit_create(test, ctx->nr);
	pool_kunit_fetch(test, ctx->nr);
	heap_pool_shrink(ctx->pool, ctx->nr, false);
	heap_pool_put(ctx->pool, ctx->pages, ctx->nr - 1);
	pool_kunit_expect_counts(test, ctx->nr - 1, 1);
	heap_pool_refill(ctx->pool, 1, ctx->more, ctx->nr - 1);
	heap_pool_refill(ctx->pool, 0, ctx->more, ctx->size);
	pool_kunit_expect_counts(test, ctx->nr - 1, 1);

	heap_pool_put(ctx->pool, ctx->pages + ctx->nr - 1, 1);
	heap_pool_refill(ctx->pool, 1, ctx->more, ctx->size);
	pool_kunit_expect_counts(test, ctx->nr, 0);
	KUNIT_EXPECT_EQ(test, 0UL, pool_kunit_stats(ctx).refilled);
}

static struct page *stub_alloc_fails_once(struct heap_pool *pool, gfp_t gfp)
{
	kunit_deactivate_static_stub(kunit_get_current_test(),
				     heap_pool_alloc_page);

	return NULL;
}

/* page_pool refuses a page that it has. The next one it gives is no new one. */
static void test_alloc_fails_once(struct kunit *test)
{
	struct pool_kunit *ctx = test->priv;
	unsigned int got, i;

	pool_kunit_create(test, 4 * ctx->nr);
	pool_kunit_fetch(test, ctx->nr);
	heap_pool_put(ctx->pool, ctx->pages, ctx->nr);

	kunit_activate_static_stub(test, heap_pool_alloc_page,
				   stub_alloc_fails_once);
	got = heap_pool_fetch(ctx->pool, ctx->sg, 3);
	KUNIT_EXPECT_GT(test, got, 0U);
	pool_kunit_expect_counts(test, ctx->nr + pool_kunit_rest(ctx, ctx->nr) -
				       got, got);
	for (i = 0; i < got; i++)
		ctx->pages[i] = sg_page(ctx->sg + i);
	heap_pool_put(ctx->pool, ctx->pages, got);
}

static struct page *stub_alloc_fails(struct heap_pool *pool, gfp_t gfp)
{
	return NULL;
}

/* Nor does it ever give one: what it has goes with it, and is not counted. */
static void test_destroy_alloc_fails(struct kunit *test)
{
	struct pool_kunit *ctx = test->priv;

	pool_kunit_create(test, 4 * ctx->nr);
	pool_kunit_fetch(test, ctx->nr);
	heap_pool_put(ctx->pool, ctx->pages, ctx->nr);

	kunit_activate_static_stub(test, heap_pool_alloc_page, stub_alloc_fails);
	heap_pool_destroy(ctx->pool);
	ctx->pool = NULL;
	KUNIT_EXPECT_TRUE(test, heap_kunit_reclaimable_is(ctx->nid,
							  ctx->reclaimable));
}

static struct kunit_case heap_pool_limits_cases[] = {
	KUNIT_CASE_PARAM(test_empty, pool_gen_params),
	KUNIT_CASE_PARAM(test_bound, pool_gen_params),
	KUNIT_CASE_PARAM(test_shrink, pool_gen_params),
	KUNIT_CASE_PARAM(test_shrink_busy, pool_gen_params),
	KUNIT_CASE_PARAM(test_refill, pool_gen_params),
	KUNIT_CASE_PARAM(test_refill_full, pool_gen_params),
	KUNIT_CASE_PARAM(test_alloc_fails_once, pool_gen_params),
	KUNIT_CASE_PARAM(test_destroy_alloc_fails, pool_gen_params),
	{ }
};

static struct kunit_suite heap_pool_limits_suite = {
	.name = "heap_pool_limits",
	.init = pool_kunit_init,
	.exit = pool_kunit_exit,
	.test_cases = heap_pool_limits_cases,
};

kunit_test_suite(heap_pool_limits_suite);
