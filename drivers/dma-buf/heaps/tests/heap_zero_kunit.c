// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of zeroing in batches: every byte of what counts as zeroed is 0, also
 * when a mapping fails
 */
#include "heap_kunit.h"

/* More than the largest batch; batches end within and between pages. */
static const unsigned int zero_orders[] = {
	8, 0, 4, 0, 0, 8, 4, 0, 8, 4, 0, 8, 8, 0,
};

#define NR_PAGES	ARRAY_SIZE(zero_orders)
#define MAX_BATCH	1024

struct zero_ctx {
	struct page *pages[NR_PAGES];
	struct page *map[MAX_BATCH + 1];
};

/* Mapping number @fail_at fails, before which @expected pages are zeroed. */
static void expect_zeroed(struct kunit *test, unsigned int batch,
			  unsigned int fail_at, unsigned int expected)
{
	struct zero_ctx *ctx = test->priv;
	unsigned int i;

	for (i = 0; i < NR_PAGES; i++)
		heap_test_dirty(ctx->pages[i]);
	heap_test_stub_map(test, fail_at, NULL);
	KUNIT_EXPECT_EQ(test, expected, heap_zero_pages(ctx->pages, NR_PAGES,
							ctx->map, batch));
	for (i = 0; i < expected; i++)
		KUNIT_EXPECT_TRUE_MSG(test, heap_test_is_zero(ctx->pages[i]),
				      "batch %u: page %u is dirty", batch, i);
}

/* None fails, then each in turn, or of many the first and last few. */
static void zero_in_batches(struct kunit *test, unsigned int batch)
{
	unsigned int nr_maps, total = 0, fail_at, end, i;
	struct zero_ctx *ctx = test->priv;

	for (i = 0; i < NR_PAGES; i++)
		total += 1 << zero_orders[i];
	nr_maps = DIV_ROUND_UP(total, batch);

	/* As few mappings as the batch allows, and not past the end of the map. */
	ctx->map[batch] = NULL;
	expect_zeroed(test, batch, 0, NR_PAGES);
	KUNIT_EXPECT_EQ(test, nr_maps, heap_test_maps);
	KUNIT_EXPECT_NULL(test, ctx->map[batch]);

	for (fail_at = 1; fail_at <= nr_maps; fail_at++) {
		if (fail_at == 4)
			fail_at = max(4, nr_maps - 2);
		/* Pages that end within the mappings before it. */
		end = 0;
		for (i = 0; i < NR_PAGES; i++) {
			end += 1 << zero_orders[i];
			if (end > (fail_at - 1) * batch)
				break;
		}
		expect_zeroed(test, batch, fail_at, i);
		KUNIT_EXPECT_EQ_MSG(test, fail_at, heap_test_maps, "it goes on");
	}
}

static void test_vmap(struct kunit *test)
{
	zero_in_batches(test, 16);
	zero_in_batches(test, 17);
	zero_in_batches(test, 512);
	zero_in_batches(test, MAX_BATCH);
}

static void test_direct(struct kunit *test)
{
	struct zero_ctx *ctx = test->priv;
	unsigned int i;

	for (i = 0; i < NR_PAGES; i++) {
		heap_test_dirty(ctx->pages[i]);
		heap_zero_direct(ctx->pages[i]);
		KUNIT_EXPECT_TRUE(test, heap_test_is_zero(ctx->pages[i]));
	}
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
	KUNIT_CASE(test_direct),
	{ }
};

static struct kunit_suite heap_zero_suite = {
	.name = "dma_heap_zero",
	.init = heap_zero_kunit_init,
	.exit = heap_zero_kunit_exit,
	.test_cases = heap_zero_cases,
};

kunit_test_suite(heap_zero_suite);
