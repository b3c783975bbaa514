// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of zeroing in batches: every byte of what counts as clean is 0, also
 * when a mapping fails
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <kunit/static_stub.h>
#include <kunit/test-bug.h>
#include <kunit/test.h>

#include "../heap_zero.h"
#include "heap_kunit.h"

/* More than the largest batch in all; batches end within and between pages. */
static const unsigned int page_orders[] = {
	8, 0, 4, 0, 0, 8, 4, 0, 8, 4, 0, 8, 8, 0,
};

#define NR_PAGES	ARRAY_SIZE(page_orders)

static const struct batch_param {
	const char *desc;
	unsigned int batch;
} batch_params[] = {
	{ "batch 16", HEAP_ZERO_BATCH_MIN },
	{ "batch 17", 17 },
	{ "batch 256", HEAP_ZERO_BATCH_DEFAULT },
	{ "batch 1024", HEAP_ZERO_BATCH_MAX },
};

KUNIT_ARRAY_PARAM_DESC(batch, batch_params, desc);

struct ctx {
	struct page *pages[NR_PAGES];
	struct page *map[HEAP_ZERO_BATCH_MAX + 1];
	/* Mappings made, the largest, and which one is to fail. */
	unsigned int nr_maps;
	unsigned int max_mapped;
	unsigned int fail_at;
};

static void ctx_dirty(struct ctx *ctx)
{
	unsigned int i;

	for (i = 0; i < NR_PAGES; i++)
		heap_kunit_dirty(ctx->pages[i], page_orders[i]);
}

static void ctx_expect_clean(struct kunit *test, unsigned int nr)
{
	struct ctx *ctx = test->priv;
	unsigned int i;

	for (i = 0; i < nr; i++)
		KUNIT_EXPECT_TRUE_MSG(test, heap_kunit_clean(ctx->pages[i],
							     page_orders[i]),
				      "page %u of order %u is dirty", i,
				      page_orders[i]);
}

/* Return: how many pages end within the first @mapped pages of PAGE_SIZE. */
static unsigned int pages_within(unsigned long mapped)
{
	unsigned long end = 0;
	unsigned int i;

	for (i = 0; i < NR_PAGES; i++) {
		end += 1UL << page_orders[i];
		if (end > mapped)
			break;
	}

	return i;
}

static unsigned int nr_mappings(unsigned int batch)
{
	unsigned long total = 0;
	unsigned int i;

	for (i = 0; i < NR_PAGES; i++)
		total += 1UL << page_orders[i];

	return DIV_ROUND_UP(total, batch);
}

static bool stub_map(struct page **map, unsigned int nr)
{
	struct kunit *test = kunit_get_current_test();
	struct ctx *ctx = test->priv;
	bool ret;

	ctx->max_mapped = max(ctx->max_mapped, nr);
	if (++ctx->nr_maps == ctx->fail_at)
		return false;

	kunit_deactivate_static_stub(test, heap_zero_map);
	ret = heap_zero_map(map, nr);
	kunit_activate_static_stub(test, heap_zero_map, stub_map);

	return ret;
}

static unsigned int ctx_zero(struct kunit *test, unsigned int batch,
			     unsigned int fail_at)
{
	struct ctx *ctx = test->priv;
	unsigned int nr;

	ctx->nr_maps = 0;
	ctx->max_mapped = 0;
	ctx->fail_at = fail_at;
	ctx->map[batch] = NULL;
	kunit_activate_static_stub(test, heap_zero_map, stub_map);
	nr = heap_zero_pages(ctx->pages, NR_PAGES, HEAP_ZERO_VMAP, ctx->map,
			     batch);
	kunit_deactivate_static_stub(test, heap_zero_map);
	KUNIT_EXPECT_NULL_MSG(test, ctx->map[batch], "past the end of the map");

	return nr;
}

static void test_vmap(struct kunit *test)
{
	const struct batch_param *param = test->param_value;
	struct ctx *ctx = test->priv;

	ctx_dirty(ctx);
	KUNIT_EXPECT_EQ(test, NR_PAGES, ctx_zero(test, param->batch, 0));
	ctx_expect_clean(test, NR_PAGES);

	/* In as few mappings as the batch allows. */
	KUNIT_EXPECT_EQ(test, nr_mappings(param->batch), ctx->nr_maps);
	KUNIT_EXPECT_EQ(test, param->batch, ctx->max_mapped);
}

/* One mapping fails, each of them in turn, or of many the first and last few. */
static void test_vmap_fails(struct kunit *test)
{
	const struct batch_param *param = test->param_value;
	struct ctx *ctx = test->priv;
	unsigned int last = nr_mappings(param->batch);
	unsigned int fail_at, nr;

	for (fail_at = 1; fail_at <= last; fail_at++) {
		if (fail_at == 4)
			fail_at = max(fail_at, last - 2);
		ctx_dirty(ctx);
		nr = ctx_zero(test, param->batch, fail_at);
		KUNIT_EXPECT_EQ_MSG(test, nr,
				    pages_within((fail_at - 1) *
						 (unsigned long)param->batch),
				    "mapping %u of %u fails", fail_at, last);
		ctx_expect_clean(test, nr);
		KUNIT_EXPECT_EQ_MSG(test, fail_at, ctx->nr_maps,
				    "goes on after a failure");
	}
}

static void test_direct(struct kunit *test)
{
	struct ctx *ctx = test->priv;

	ctx_dirty(ctx);
	KUNIT_EXPECT_EQ(test, (unsigned int)NR_PAGES,
			heap_zero_pages(ctx->pages, NR_PAGES, HEAP_ZERO_DIRECT,
					NULL, 0));
	ctx_expect_clean(test, NR_PAGES);
}

/* A page, and not its neighbour: the second half of a page of twice the size. */
static void test_direct_one(struct kunit *test)
{
	struct ctx *ctx = test->priv;

	ctx_dirty(ctx);
	heap_zero_direct(ctx->pages[0], page_orders[0] - 1);
	KUNIT_EXPECT_TRUE(test, heap_kunit_clean(ctx->pages[0],
						 page_orders[0] - 1));
	KUNIT_EXPECT_FALSE(test,
			   heap_kunit_clean(ctx->pages[0] +
					    (1 << (page_orders[0] - 1)), 0));
}

static void test_nothing(struct kunit *test)
{
	struct ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, 0U, heap_zero_pages(ctx->pages, 0, HEAP_ZERO_VMAP,
						  ctx->map, HEAP_ZERO_BATCH_MIN));
	KUNIT_EXPECT_EQ(test, 0U, heap_zero_pages(ctx->pages, 0, HEAP_ZERO_DIRECT,
						  ctx->map, HEAP_ZERO_BATCH_MIN));
}

static int heap_zero_kunit_init(struct kunit *test)
{
	struct ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	unsigned int i;

	if (!ctx)
		return -ENOMEM;

	test->priv = ctx;
	for (i = 0; i < NR_PAGES; i++) {
		ctx->pages[i] = alloc_pages(GFP_HIGHUSER | __GFP_COMP,
					    page_orders[i]);
		if (!ctx->pages[i])
			return -ENOMEM;
	}

	return 0;
}

static void heap_zero_kunit_exit(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	unsigned int i;

	if (!ctx)
		return;

	for (i = 0; i < NR_PAGES && ctx->pages[i]; i++)
		__free_pages(ctx->pages[i], page_orders[i]);
}

static struct kunit_case heap_zero_kunit_cases[] = {
	KUNIT_CASE_PARAM(test_vmap, batch_gen_params),
	KUNIT_CASE_PARAM(test_vmap_fails, batch_gen_params),
	KUNIT_CASE(test_direct),
	KUNIT_CASE(test_direct_one),
	KUNIT_CASE(test_nothing),
	{ }
};

static struct kunit_suite heap_zero_kunit_suite = {
	.name = "heap_zero",
	.init = heap_zero_kunit_init,
	.exit = heap_zero_kunit_exit,
	.test_cases = heap_zero_kunit_cases,
};

kunit_test_suite(heap_zero_kunit_suite);

MODULE_DESCRIPTION("KUnit tests of zeroing pages in batches");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_LICENSE("Dual MIT/GPL");
