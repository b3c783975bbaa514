// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of the pages that go into a pool of clean pages and come out of it:
 * whose a page is, that it is clean, and that nobody else has it
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <kunit/test.h>

#include "../heap_pool.h"
#include "heap_pool_fixture.h"

KUNIT_ARRAY_PARAM_DESC(pool, pool_kunit_params, desc);

static void test_fetch(struct kunit *test)
{
	struct pool_kunit *ctx = test->priv;
	unsigned long rest = pool_kunit_rest(ctx, ctx->nr);

	pool_kunit_create(test, 4 * ctx->nr);
	pool_kunit_dirty_memory(test);
	pool_kunit_fetch(test, ctx->nr);
	pool_kunit_expect_pages(test, ctx->pages, ctx->nr);
	pool_kunit_expect_counts(test, rest, ctx->nr);
	KUNIT_EXPECT_EQ(test, ctx->nr, pool_kunit_stats(ctx).fetched);

	/* What remained is as good. */
	KUNIT_ASSERT_EQ(test, rest, pool_kunit_take(ctx, ctx->more, rest));
	pool_kunit_expect_pages(test, ctx->more, rest);
	heap_pool_put(ctx->pool, ctx->more, rest);

	heap_pool_put(ctx->pool, ctx->pages, ctx->nr);
	pool_kunit_expect_counts(test, rest + ctx->nr, 0);
}

/* What was put back is what is taken, and nothing else. */
static void test_recycle(struct kunit *test)
{
	struct pool_kunit *ctx = test->priv;
	unsigned long rest = pool_kunit_rest(ctx, ctx->nr);
	unsigned int i, j, got;

	pool_kunit_create(test, 4 * ctx->nr);
	pool_kunit_fetch(test, ctx->nr);
	for (i = 0; i < rest; i++)
		KUNIT_ASSERT_EQ(test, 1U, heap_pool_shrink(ctx->pool, 1, false));
	pool_kunit_expect_counts(test, 0, ctx->nr);

	heap_pool_put(ctx->pool, ctx->pages, ctx->nr);
	pool_kunit_expect_counts(test, ctx->nr, 0);
	KUNIT_EXPECT_EQ(test, ctx->nr, pool_kunit_stats(ctx).recycled);

	got = pool_kunit_take(ctx, ctx->more, 2);
	KUNIT_EXPECT_EQ(test, 2U, got);
	pool_kunit_expect_counts(test, ctx->nr - 2, 2);
	got += pool_kunit_take(ctx, ctx->more + got, 2 * ctx->nr);
	KUNIT_ASSERT_EQ(test, ctx->nr, got);
	pool_kunit_expect_counts(test, 0, ctx->nr);
	pool_kunit_expect_pages(test, ctx->more, got);
	KUNIT_EXPECT_EQ(test, ctx->nr, pool_kunit_stats(ctx).hits);

	for (i = 0; i < got; i++) {
		for (j = 0; j < got; j++)
			if (ctx->pages[j] == ctx->more[i])
				break;
		KUNIT_EXPECT_LT_MSG(test, j, got, "page %u is new", i);
	}

	heap_pool_put(ctx->pool, ctx->more, got);
}

/* Everything that leaves is counted, and is the page allocator's again. */
static void test_release(struct kunit *test)
{
	struct pool_kunit *ctx = test->priv;
	unsigned long rest = pool_kunit_rest(ctx, ctx->nr);
	struct page *page;
	unsigned int i;

	pool_kunit_create(test, 4 * ctx->nr);
	pool_kunit_fetch(test, ctx->nr);

	/* A reference keeps the page from being somebody else's meanwhile. */
	page = ctx->pages[0];
	get_page(page);
	heap_pool_release(ctx->pool, page);
	KUNIT_EXPECT_FALSE(test, heap_pool_owns(page));
	KUNIT_EXPECT_EQ(test, 1, page_count(page));
	put_page(page);
	pool_kunit_expect_counts(test, rest, ctx->nr - 1);

	for (i = 1; i < ctx->nr; i++)
		heap_pool_release(ctx->pool, ctx->pages[i]);
	pool_kunit_expect_counts(test, rest, 0);
	KUNIT_EXPECT_EQ(test, ctx->nr, pool_kunit_stats(ctx).released);
}

/*
 * Whoever walks over memory may hold a reference to any page for a moment. Such a
 * page isn't recycled, and must not be counted as if it were.
 */
static void test_busy_page(struct kunit *test)
{
	struct pool_kunit *ctx = test->priv;
	unsigned long rest = pool_kunit_rest(ctx, ctx->nr);
	unsigned int i, got;
	struct page *busy;

	pool_kunit_create(test, 4 * ctx->nr);
	pool_kunit_fetch(test, ctx->nr);
	busy = ctx->pages[1];

	get_page(busy);
	heap_pool_put(ctx->pool, ctx->pages, ctx->nr);
	KUNIT_EXPECT_FALSE(test, heap_pool_owns(busy));
	KUNIT_EXPECT_EQ(test, 1, page_count(busy));
	pool_kunit_expect_counts(test, rest + ctx->nr - 1, 0);
	KUNIT_EXPECT_EQ(test, ctx->nr - 1, pool_kunit_stats(ctx).recycled);

	/* Nor does it come back. */
	got = pool_kunit_take(ctx, ctx->more, ctx->size);
	KUNIT_EXPECT_EQ(test, rest + ctx->nr - 1, got);
	for (i = 0; i < got; i++)
		KUNIT_EXPECT_PTR_NE(test, busy, ctx->more[i]);
	heap_pool_put(ctx->pool, ctx->more, got);

	put_page(busy);
}

#define NR_TASKS	4
#define NR_TAKEN	24U

struct pool_user {
	struct heap_pool *pool;
	unsigned long stamp;
	unsigned int order;
	unsigned int seed;
	atomic_t *nr_errors;
	struct task_struct *task;
	/* Too much for a stack. */
	struct scatterlist sg[NR_TAKEN];
	struct page *pages[NR_TAKEN];
};

/* Return: what was where the stamp is now. */
static unsigned long stamp_page(struct page *page, unsigned int order,
				unsigned long stamp)
{
	unsigned long *vaddr = kmap_local_page(page + (1 << order) - 1);
	unsigned long old = xchg(&vaddr[1], stamp);

	kunmap_local(vaddr);

	return old;
}

/*
 * A page that two tasks own carries the wrong stamp for at least one of them.
 */
static int user_fn(void *data)
{
	struct pool_user *user = data;
	struct scatterlist *sg = user->sg;
	struct page **pages = user->pages;
	unsigned int round, nr, i;

	for (round = 0; !kthread_should_stop(); round++) {
		nr = user->seed++ % NR_TAKEN + 1;
		nr = heap_pool_take(user->pool, sg, nr) ?:
		     heap_pool_fetch(user->pool, sg, nr);
		for (i = 0; i < nr; i++)
			pages[i] = sg_page(sg + i);

		for (i = 0; i < nr; i++)
			if (stamp_page(pages[i], user->order, user->stamp))
				atomic_inc(user->nr_errors);
		cond_resched();
		for (i = 0; i < nr; i++)
			if (stamp_page(pages[i], user->order, 0) != user->stamp)
				atomic_inc(user->nr_errors);

		if (round % 64 == 63)
			heap_pool_shrink(user->pool, 3, false);
		if (round % 32 == 31 && nr)
			heap_pool_release(user->pool, pages[--nr]);
		heap_pool_put(user->pool, pages, nr);
	}

	return 0;
}

static void test_concurrent(struct kunit *test)
{
	struct pool_kunit *ctx = test->priv;
	atomic_t nr_errors = ATOMIC_INIT(0);
	struct pool_user *users;
	unsigned int i, started;

	users = kunit_kcalloc(test, NR_TASKS, sizeof(*users), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, users);
	pool_kunit_create(test, NR_TASKS * NR_TAKEN);
	for (started = 0; started < NR_TASKS; started++) {
		users[started].pool = ctx->pool;
		users[started].stamp = started + 1;
		users[started].order = ctx->order;
		users[started].seed = started;
		users[started].nr_errors = &nr_errors;
		users[started].task = kthread_run(user_fn, &users[started],
						  "heap_pool_user");
		if (IS_ERR(users[started].task))
			break;
	}
	KUNIT_EXPECT_EQ(test, NR_TASKS, started);
	msleep(1000);
	for (i = 0; i < started; i++)
		kthread_stop(users[i].task);

	KUNIT_EXPECT_EQ(test, 0, atomic_read(&nr_errors));
	KUNIT_EXPECT_GT(test, pool_kunit_stats(ctx).hits, 0UL);
	pool_kunit_expect_counts(test, heap_pool_cached(ctx->pool), 0);
}

static struct kunit_case heap_pool_reuse_cases[] = {
	KUNIT_CASE_PARAM(test_fetch, pool_gen_params),
	KUNIT_CASE_PARAM(test_recycle, pool_gen_params),
	KUNIT_CASE_PARAM(test_release, pool_gen_params),
	KUNIT_CASE_PARAM(test_busy_page, pool_gen_params),
	KUNIT_CASE_PARAM(test_concurrent, pool_gen_params),
	{ }
};

static struct kunit_suite heap_pool_reuse_suite = {
	.name = "heap_pool_reuse",
	.init = pool_kunit_init,
	.exit = pool_kunit_exit,
	.test_cases = heap_pool_reuse_cases,
};

kunit_test_suite(heap_pool_reuse_suite);
