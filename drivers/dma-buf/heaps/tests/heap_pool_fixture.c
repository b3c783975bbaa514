// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The pool that each test of the heap_pool suites works on; see heap_pool_fixture.h
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <net/page_pool/types.h>

#include "heap_kunit.h"
#include "heap_pool_fixture.h"

const struct pool_kunit_param pool_kunit_params[3] = {
	{ "order 0", 0, PP_ALLOC_CACHE_REFILL + 36 },
	{ "order 4", 4, 20 },
	{ "order 8", 8, 6 },
};

struct heap_pool_stats pool_kunit_stats(struct pool_kunit *ctx)
{
	struct heap_pool_stats stats = { };

	heap_pool_get_stats(ctx->pool, &stats);

	return stats;
}

void pool_kunit_create(struct kunit *test, unsigned int max)
{
	struct pool_kunit *ctx = test->priv;

	ctx->pool = heap_pool_create(ctx->order, ctx->nid,
				     (unsigned long)max << ctx->order);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ctx->pool);
}

void pool_kunit_dirty_memory(struct kunit *test)
{
	struct pool_kunit *ctx = test->priv;
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

unsigned int pool_kunit_take(struct pool_kunit *ctx, struct page **pages,
			     unsigned int nr)
{
	unsigned int i;

	nr = heap_pool_take(ctx->pool, ctx->sg, nr);
	for (i = 0; i < nr; i++)
		pages[i] = sg_page(ctx->sg + i);

	return nr;
}

/* A call gets as much as is to be had at once, which may be less than all. */
void pool_kunit_fetch(struct kunit *test, unsigned int nr)
{
	struct pool_kunit *ctx = test->priv;
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

void pool_kunit_expect_pages(struct kunit *test, struct page **pages,
			     unsigned int nr)
{
	struct pool_kunit *ctx = test->priv;
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

void pool_kunit_expect_counts(struct kunit *test, unsigned long cached,
			      unsigned long inflight)
{
	struct pool_kunit *ctx = test->priv;
	struct heap_pool_stats stats = pool_kunit_stats(ctx);

	KUNIT_EXPECT_EQ(test, cached, heap_pool_cached(ctx->pool));
	KUNIT_EXPECT_EQ(test, cached, stats.cached);
	KUNIT_EXPECT_EQ(test, inflight, stats.inflight);
	KUNIT_EXPECT_TRUE(test, heap_kunit_reclaimable_is(ctx->nid,
							  ctx->reclaimable +
							  (cached << ctx->order)));
}

unsigned long pool_kunit_rest(const struct pool_kunit *ctx, unsigned int nr)
{
	return ctx->order ? 0 : round_up(nr, PP_ALLOC_CACHE_REFILL) - nr;
}

int pool_kunit_init(struct kunit *test)
{
	const struct pool_kunit_param *param = test->param_value;
	struct pool_kunit *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	unsigned int size = 4 * max(param->nr, PP_ALLOC_CACHE_REFILL);

	if (!ctx)
		return -ENOMEM;
	if (param->order > MAX_PAGE_ORDER)
		kunit_skip(test, "there are no such pages");

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

void pool_kunit_exit(struct kunit *test)
{
	struct pool_kunit *ctx = test->priv;

	if (!ctx || IS_ERR_OR_NULL(ctx->pool))
		return;

	/* A page too many here means that page_pool waits for it forever. */
	KUNIT_EXPECT_EQ(test, 0UL, pool_kunit_stats(ctx).inflight);
	heap_pool_destroy(ctx->pool);
	KUNIT_EXPECT_TRUE(test, heap_kunit_reclaimable_is(ctx->nid,
							  ctx->reclaimable));
}

MODULE_DESCRIPTION("KUnit tests of pools of clean pages");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_LICENSE("Dual MIT/GPL");
