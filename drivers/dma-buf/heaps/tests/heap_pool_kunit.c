// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of the pools of clean pages: whose a page is, that it is clean, and
 * that every count is exact
 */
#include <linux/atomic.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <kunit/test.h>
#include <net/page_pool/types.h>

#include "../heap_pool.h"
#include "heap_kunit.h"

/*
 * @nr: pages a test works with; of order 0 more than page_pool gets in one go, so
 *	that some remain
 */
static const struct pool_param {
	const char *desc;
	unsigned int order;
	unsigned int nr;
} pool_params[] = {
	{ "order 0", 0, PP_ALLOC_CACHE_REFILL + 36 },
	{ "order 4", 4, 20 },
	{ "order 8", 8, 6 },
};

KUNIT_ARRAY_PARAM_DESC(pool, pool_params, desc);

struct ctx {
	struct heap_pool *pool;
	struct scatterlist *sg;
	struct page **pages;
	struct page **more;
	unsigned int size;
	unsigned int order;
	unsigned int nr;
	int nid;
	long reclaimable;
};

static struct heap_pool_stats ctx_stats(struct ctx *ctx)
{
	struct heap_pool_stats stats = { };

	heap_pool_get_stats(ctx->pool, &stats);

	return stats;
}

static void ctx_create(struct kunit *test, unsigned int max)
{
	struct ctx *ctx = test->priv;

	ctx->pool = heap_pool_create(ctx->order, ctx->nid,
				     (unsigned long)max << ctx->order);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ctx->pool);
}

/* Leave what the page allocator will hand out next full of dirt. */
static void ctx_dirty_memory(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	unsigned int i;

	for (i = 0; i < ctx->nr; i++) {
		ctx->pages[i] = alloc_pages_node(ctx->nid, GFP_HIGHUSER | __GFP_COMP,
						 ctx->order);
		if (!ctx->pages[i])
			break;
		heap_kunit_dirty(ctx->pages[i], ctx->order);
	}
	while (i--)
		__free_pages(ctx->pages[i], ctx->order);
}

static unsigned int ctx_take(struct ctx *ctx, struct page **pages,
			     unsigned int nr)
{
	unsigned int i;

	nr = heap_pool_take(ctx->pool, ctx->sg, nr);
	for (i = 0; i < nr; i++)
		pages[i] = sg_page(ctx->sg + i);

	return nr;
}

/* A call gets as much as is to be had at once, which may be less than all. */
static void ctx_fetch(struct kunit *test, unsigned int nr)
{
	struct ctx *ctx = test->priv;
	unsigned int got, done, i;

	for (done = 0; done < nr; done += got) {
		got = heap_pool_fetch(ctx->pool, ctx->sg, nr - done);
		if (!got)
			break;
		for (i = 0; i < got; i++) {
			ctx->pages[done + i] = sg_page(ctx->sg + i);
			KUNIT_EXPECT_EQ(test, ctx->sg[i].length,
					PAGE_SIZE << ctx->order);
		}
	}
	if (done < nr)
		heap_pool_put(ctx->pool, ctx->pages, done);
	KUNIT_ASSERT_EQ_MSG(test, nr, done, "memory is short or fragmented");
}

/* Clean pages of the pool, each of them only once. */
static void ctx_expect_pages(struct kunit *test, struct page **pages,
			     unsigned int nr)
{
	struct ctx *ctx = test->priv;
	unsigned int i, j;

	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_TRUE(test, heap_pool_owns(pages[i]));
		KUNIT_EXPECT_EQ(test, ctx->order, compound_order(pages[i]));
		KUNIT_EXPECT_EQ(test, ctx->nid, page_to_nid(pages[i]));
		KUNIT_EXPECT_EQ(test, 1, page_count(pages[i]));
		KUNIT_EXPECT_TRUE_MSG(test, heap_kunit_clean(pages[i], ctx->order),
				      "page %u is dirty", i);
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_PTR_NE(test, pages[j], pages[i]);
	}
}

static void ctx_expect_counts(struct kunit *test, unsigned long cached,
			      unsigned long inflight)
{
	struct ctx *ctx = test->priv;
	struct heap_pool_stats stats = ctx_stats(ctx);

	KUNIT_EXPECT_EQ(test, cached, heap_pool_cached(ctx->pool));
	KUNIT_EXPECT_EQ(test, cached, stats.cached);
	KUNIT_EXPECT_EQ(test, inflight, stats.inflight);
	KUNIT_EXPECT_TRUE(test, heap_kunit_reclaimable_is(ctx->nid,
							  ctx->reclaimable +
							  (cached << ctx->order)));
}

/* Of order 0 page_pool gets more than it was asked for. */
static unsigned long fetch_rest(unsigned int order, unsigned int nr)
{
	return order ? 0 : round_up(nr, PP_ALLOC_CACHE_REFILL) - nr;
}

static void test_fetch(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	unsigned long rest = fetch_rest(ctx->order, ctx->nr);

	ctx_create(test, 4 * ctx->nr);
	ctx_dirty_memory(test);
	ctx_fetch(test, ctx->nr);
	ctx_expect_pages(test, ctx->pages, ctx->nr);
	ctx_expect_counts(test, rest, ctx->nr);
	KUNIT_EXPECT_EQ(test, ctx->nr, ctx_stats(ctx).fetched);

	/* What remained is as good. */
	KUNIT_ASSERT_EQ(test, rest, ctx_take(ctx, ctx->more, rest));
	ctx_expect_pages(test, ctx->more, rest);
	heap_pool_put(ctx->pool, ctx->more, rest);

	heap_pool_put(ctx->pool, ctx->pages, ctx->nr);
	ctx_expect_counts(test, rest + ctx->nr, 0);
}

/* What was put back is what is taken, and nothing else. */
static void test_recycle(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	unsigned long rest = fetch_rest(ctx->order, ctx->nr);
	unsigned int i, j, got;

	ctx_create(test, 4 * ctx->nr);
	ctx_fetch(test, ctx->nr);
	for (i = 0; i < rest; i++)
		KUNIT_ASSERT_EQ(test, 1U, heap_pool_shrink(ctx->pool, 1));
	ctx_expect_counts(test, 0, ctx->nr);

	heap_pool_put(ctx->pool, ctx->pages, ctx->nr);
	ctx_expect_counts(test, ctx->nr, 0);
	KUNIT_EXPECT_EQ(test, ctx->nr, ctx_stats(ctx).recycled);

	got = ctx_take(ctx, ctx->more, 2);
	KUNIT_EXPECT_EQ(test, 2U, got);
	ctx_expect_counts(test, ctx->nr - 2, 2);
	got += ctx_take(ctx, ctx->more + got, 2 * ctx->nr);
	KUNIT_ASSERT_EQ(test, ctx->nr, got);
	ctx_expect_counts(test, 0, ctx->nr);
	ctx_expect_pages(test, ctx->more, got);
	KUNIT_EXPECT_EQ(test, ctx->nr, ctx_stats(ctx).hits);

	for (i = 0; i < got; i++) {
		for (j = 0; j < got; j++)
			if (ctx->pages[j] == ctx->more[i])
				break;
		KUNIT_EXPECT_LT_MSG(test, j, got, "page %u is new", i);
	}

	heap_pool_put(ctx->pool, ctx->more, got);
}

/* Neither taking nor shrinking gets anything from the page allocator. */
static void test_empty(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	struct heap_pool_stats stats;

	ctx_create(test, 4 * ctx->nr);
	KUNIT_EXPECT_EQ(test, 0U, ctx_take(ctx, ctx->pages, 1));
	KUNIT_EXPECT_EQ(test, 0U, ctx_take(ctx, ctx->pages, ctx->nr));
	KUNIT_EXPECT_EQ(test, 0U, heap_pool_shrink(ctx->pool, 1));
	ctx_expect_counts(test, 0, 0);

	stats = ctx_stats(ctx);
	KUNIT_EXPECT_EQ(test, 0UL, stats.hits);
	KUNIT_EXPECT_EQ(test, 0UL, stats.fetched);
	KUNIT_EXPECT_EQ(test, 0UL, stats.refilled);
	KUNIT_EXPECT_EQ(test, 0UL, stats.released);
}

static void test_bound(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	unsigned long rest = fetch_rest(ctx->order, ctx->nr);
	unsigned int max = ctx->nr - 2;

	ctx_create(test, max);
	ctx_fetch(test, ctx->nr);
	KUNIT_EXPECT_EQ(test, rest, heap_pool_shrink(ctx->pool, rest));
	KUNIT_EXPECT_FALSE(test, heap_pool_full(ctx->pool));

	heap_pool_put(ctx->pool, ctx->pages, max - 1);
	KUNIT_EXPECT_FALSE(test, heap_pool_full(ctx->pool));
	heap_pool_put(ctx->pool, ctx->pages + max - 1, 3);
	KUNIT_EXPECT_TRUE(test, heap_pool_full(ctx->pool));
	ctx_expect_counts(test, max, 0);
	KUNIT_EXPECT_EQ(test, rest + 2, ctx_stats(ctx).released);
	KUNIT_EXPECT_EQ(test, max, ctx_stats(ctx).recycled);
}

/* Everything that leaves is counted, and is the page allocator's again. */
static void test_release(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	unsigned long rest = fetch_rest(ctx->order, ctx->nr);
	struct page *page;
	unsigned int i;

	ctx_create(test, 4 * ctx->nr);
	ctx_fetch(test, ctx->nr);

	/* A reference keeps the page from being somebody else's meanwhile. */
	page = ctx->pages[0];
	get_page(page);
	heap_pool_release(ctx->pool, page);
	KUNIT_EXPECT_FALSE(test, heap_pool_owns(page));
	KUNIT_EXPECT_EQ(test, 1, page_count(page));
	put_page(page);
	ctx_expect_counts(test, rest, ctx->nr - 1);

	for (i = 1; i < ctx->nr; i++)
		heap_pool_release(ctx->pool, ctx->pages[i]);
	ctx_expect_counts(test, rest, 0);
	KUNIT_EXPECT_EQ(test, ctx->nr, ctx_stats(ctx).released);
}

static void test_shrink(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	unsigned long all = fetch_rest(ctx->order, ctx->nr) + ctx->nr;

	ctx_create(test, 4 * ctx->nr);
	ctx_fetch(test, ctx->nr);
	heap_pool_put(ctx->pool, ctx->pages, ctx->nr);
	ctx_expect_counts(test, all, 0);

	KUNIT_EXPECT_EQ(test, 0U, heap_pool_shrink(ctx->pool, 0));
	KUNIT_EXPECT_EQ(test, 2U, heap_pool_shrink(ctx->pool, 2));
	ctx_expect_counts(test, all - 2, 0);
	KUNIT_EXPECT_EQ(test, all - 2, heap_pool_shrink(ctx->pool, all));
	ctx_expect_counts(test, 0, 0);
	KUNIT_EXPECT_EQ(test, all, ctx_stats(ctx).released);
}

/*
 * Whoever walks over memory may hold a reference to any page for a moment. Such a
 * page isn't recycled, and must not be counted as if it were.
 */
static void test_busy_page(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	unsigned long rest = fetch_rest(ctx->order, ctx->nr);
	unsigned int i, got;
	struct page *busy;

	ctx_create(test, 4 * ctx->nr);
	ctx_fetch(test, ctx->nr);
	busy = ctx->pages[1];

	get_page(busy);
	heap_pool_put(ctx->pool, ctx->pages, ctx->nr);
	KUNIT_EXPECT_FALSE(test, heap_pool_owns(busy));
	KUNIT_EXPECT_EQ(test, 1, page_count(busy));
	ctx_expect_counts(test, rest + ctx->nr - 1, 0);
	KUNIT_EXPECT_EQ(test, ctx->nr - 1, ctx_stats(ctx).recycled);

	/* Nor does it come back. */
	got = ctx_take(ctx, ctx->more, ctx->size);
	KUNIT_EXPECT_EQ(test, rest + ctx->nr - 1, got);
	for (i = 0; i < got; i++)
		KUNIT_EXPECT_PTR_NE(test, busy, ctx->more[i]);
	heap_pool_put(ctx->pool, ctx->more, got);

	put_page(busy);
}

/* Pages to keep, clean ones, besides those that are kept. */
static void test_refill(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	unsigned long first, second;

	ctx_create(test, ctx->size);
	ctx_dirty_memory(test);
	heap_pool_refill(ctx->pool, 2, ctx->more, ctx->size);
	first = heap_pool_cached(ctx->pool);
	KUNIT_EXPECT_EQ(test, 2 + fetch_rest(ctx->order, 2), first);
	ctx_expect_counts(test, first, 0);
	KUNIT_EXPECT_EQ(test, first, ctx_stats(ctx).refilled);

	heap_pool_refill(ctx->pool, 3, ctx->more, ctx->size);
	second = heap_pool_cached(ctx->pool);
	KUNIT_EXPECT_EQ(test, first + 3 + fetch_rest(ctx->order, 3), second);
	ctx_expect_counts(test, second, 0);
	KUNIT_EXPECT_EQ(test, second, ctx_stats(ctx).refilled);

	KUNIT_ASSERT_EQ(test, second, ctx_take(ctx, ctx->pages, ctx->size));
	ctx_expect_pages(test, ctx->pages, second);
	ctx_expect_counts(test, 0, second);
	KUNIT_EXPECT_EQ(test, 0UL, ctx_stats(ctx).fetched);
	heap_pool_put(ctx->pool, ctx->pages, second);
}

/* What does not fit isn't fetched: in the pool, or in the space lent for it. */
static void test_refill_full(struct kunit *test)
{
	struct ctx *ctx = test->priv;

	ctx_create(test, ctx->nr);
	ctx_fetch(test, ctx->nr);
	heap_pool_shrink(ctx->pool, ctx->nr);
	heap_pool_put(ctx->pool, ctx->pages, ctx->nr - 1);
	ctx_expect_counts(test, ctx->nr - 1, 1);
	heap_pool_refill(ctx->pool, 1, ctx->more, ctx->nr - 1);
	heap_pool_refill(ctx->pool, 0, ctx->more, ctx->size);
	ctx_expect_counts(test, ctx->nr - 1, 1);

	heap_pool_put(ctx->pool, ctx->pages + ctx->nr - 1, 1);
	heap_pool_refill(ctx->pool, 1, ctx->more, ctx->size);
	ctx_expect_counts(test, ctx->nr, 0);
	KUNIT_EXPECT_EQ(test, 0UL, ctx_stats(ctx).refilled);
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
	struct scatterlist sg[NR_TAKEN] = { };
	struct page *pages[NR_TAKEN];
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
			heap_pool_shrink(user->pool, 3);
		if (round % 32 == 31 && nr)
			heap_pool_release(user->pool, pages[--nr]);
		heap_pool_put(user->pool, pages, nr);
	}

	return 0;
}

static void test_concurrent(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	atomic_t nr_errors = ATOMIC_INIT(0);
	struct pool_user users[NR_TASKS];
	unsigned int i, started;

	ctx_create(test, NR_TASKS * NR_TAKEN);
	for (started = 0; started < NR_TASKS; started++) {
		users[started] = (struct pool_user) {
			.pool = ctx->pool,
			.stamp = started + 1,
			.order = ctx->order,
			.seed = started,
			.nr_errors = &nr_errors,
		};
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
	KUNIT_EXPECT_GT(test, ctx_stats(ctx).hits, 0UL);
	ctx_expect_counts(test, heap_pool_cached(ctx->pool), 0);
}

static int heap_pool_kunit_init(struct kunit *test)
{
	const struct pool_param *param = test->param_value;
	struct ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	unsigned int size = 4 * max(param->nr, PP_ALLOC_CACHE_REFILL);

	if (!ctx)
		return -ENOMEM;

	ctx->order = param->order;
	ctx->nr = param->nr;
	ctx->nid = first_memory_node;
	ctx->reclaimable = heap_kunit_reclaimable(ctx->nid);
	ctx->size = size;
	ctx->sg = kunit_kcalloc(test, size, sizeof(*ctx->sg), GFP_KERNEL);
	ctx->pages = kunit_kcalloc(test, size, sizeof(*ctx->pages), GFP_KERNEL);
	ctx->more = kunit_kcalloc(test, size, sizeof(*ctx->more), GFP_KERNEL);
	if (!ctx->sg || !ctx->pages || !ctx->more)
		return -ENOMEM;
	test->priv = ctx;

	return 0;
}

static void heap_pool_kunit_exit(struct kunit *test)
{
	struct ctx *ctx = test->priv;

	if (!ctx || IS_ERR_OR_NULL(ctx->pool))
		return;

	/* A page too many here means that page_pool waits for it forever. */
	KUNIT_EXPECT_EQ(test, 0UL, ctx_stats(ctx).inflight);
	heap_pool_destroy(ctx->pool);
	KUNIT_EXPECT_TRUE(test, heap_kunit_reclaimable_is(ctx->nid,
							  ctx->reclaimable));
}

static struct kunit_case heap_pool_kunit_cases[] = {
	KUNIT_CASE_PARAM(test_fetch, pool_gen_params),
	KUNIT_CASE_PARAM(test_recycle, pool_gen_params),
	KUNIT_CASE_PARAM(test_empty, pool_gen_params),
	KUNIT_CASE_PARAM(test_bound, pool_gen_params),
	KUNIT_CASE_PARAM(test_release, pool_gen_params),
	KUNIT_CASE_PARAM(test_shrink, pool_gen_params),
	KUNIT_CASE_PARAM(test_busy_page, pool_gen_params),
	KUNIT_CASE_PARAM(test_refill, pool_gen_params),
	KUNIT_CASE_PARAM(test_refill_full, pool_gen_params),
	KUNIT_CASE_PARAM(test_concurrent, pool_gen_params),
	{ }
};

static struct kunit_suite heap_pool_kunit_suite = {
	.name = "heap_pool",
	.init = heap_pool_kunit_init,
	.exit = heap_pool_kunit_exit,
	.test_cases = heap_pool_kunit_cases,
};

kunit_test_suite(heap_pool_kunit_suite);

MODULE_DESCRIPTION("KUnit tests of pools of clean pages");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_LICENSE("Dual MIT/GPL");
