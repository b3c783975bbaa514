// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of zeroing in batches: every byte is 0, and a failure is reported
 */
#include "heap_kunit.h"

static const unsigned int zero_orders[] = { 8, 0, 4, 0, 0, 8, 4, 0 };

#define NR_PAGES	ARRAY_SIZE(zero_orders)
#define BASE_PAGES	(2 * 256 + 2 * 16 + 4)

struct zero_ctx {
	struct page *pages[NR_PAGES];
	struct page *map[BASE_PAGES + 1];
};

static void test_vmap(struct kunit *test)
{
	struct zero_ctx *ctx = test->priv;
	unsigned int i;

	for (i = 0; i < NR_PAGES; i++)
		heap_test_dirty(ctx->pages[i]);
	KUNIT_EXPECT_TRUE(test, heap_zero_pages(ctx->pages, NR_PAGES, ctx->map));
	for (i = 0; i < NR_PAGES; i++)
		KUNIT_EXPECT_TRUE_MSG(test, heap_test_is_zero(ctx->pages[i]),
				      "page %u is dirty", i);
	KUNIT_EXPECT_NOT_NULL(test, ctx->map[BASE_PAGES - 1]);
	KUNIT_EXPECT_NULL(test, ctx->map[BASE_PAGES]);
}

static void *map_nothing(struct page **map, unsigned int nr)
{
	return NULL;
}

static void test_map_fails(struct kunit *test)
{
	struct zero_ctx *ctx = test->priv;

	kunit_activate_static_stub(test, heap_zero_map, map_nothing);
	KUNIT_EXPECT_FALSE(test, heap_zero_pages(ctx->pages, NR_PAGES, ctx->map));
}

static int heap_zero_kunit_init(struct kunit *test)
{
	struct zero_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	test->priv = ctx;
	for (i = 0; i < NR_PAGES; i++) {
		ctx->pages[i] = alloc_pages(GFP_HIGHUSER | __GFP_COMP,
					    zero_orders[i]);
		KUNIT_ASSERT_NOT_NULL(test, ctx->pages[i]);
	}

	return 0;
}

static void heap_zero_kunit_exit(struct kunit *test)
{
	struct zero_ctx *ctx = test->priv;
	unsigned int i;

	for (i = 0; ctx && i < NR_PAGES && ctx->pages[i]; i++)
		__free_pages(ctx->pages[i], zero_orders[i]);
}

static struct kunit_case heap_zero_cases[] = {
	KUNIT_CASE(test_vmap),
	KUNIT_CASE(test_map_fails),
	{ }
};

static struct kunit_suite heap_zero_suite = {
	.name = "dma_heap_zero",
	.init = heap_zero_kunit_init,
	.exit = heap_zero_kunit_exit,
	.test_cases = heap_zero_cases,
};

kunit_test_suite(heap_zero_suite);
