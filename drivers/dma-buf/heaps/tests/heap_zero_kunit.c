// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of zeroing in batches: every byte is 0, and a failure is reported
 */
#include "heap_kunit.h"

static const unsigned int zero_orders[] = { 8, 0, 4, 0, 0, 8, 4, 0 };

#define NR_PAGES	ARRAY_SIZE(zero_orders)
#define BASE_PAGES	(2 * LARGE + 2 * MEDIUM + 4)

static void test_vmap(struct kunit *test)
{
	struct page *pages[NR_PAGES], **map;
	unsigned int i, nr;

	map = kunit_kcalloc(test, BASE_PAGES + 1, sizeof(*map), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, map);
	for (nr = 0; nr < NR_PAGES; nr++) {
		pages[nr] = alloc_pages(GFP_HIGHUSER | __GFP_COMP, zero_orders[nr]);
		if (!pages[nr])
			break;
		heap_test_dirty(pages[nr]);
	}
	KUNIT_EXPECT_EQ_MSG(test, NR_PAGES, nr, "memory is fragmented");
	KUNIT_EXPECT_TRUE(test, nr && heap_zero_pages(pages, nr, map));
	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_TRUE_MSG(test, heap_test_is_zero(pages[i]),
				      "page %u is dirty", i);
		__free_pages(pages[i], zero_orders[i]);
	}
	KUNIT_EXPECT_NOT_NULL(test, map[BASE_PAGES - 1]);
	KUNIT_EXPECT_NULL(test, map[BASE_PAGES]);
}

static void *map_nothing(struct page **map, unsigned int nr)
{
	return NULL;
}

static void test_map_fails(struct kunit *test)
{
	struct page *page = ZERO_PAGE(0), *map[1];

	kunit_activate_static_stub(test, heap_zero_map, map_nothing);
	KUNIT_EXPECT_FALSE(test, heap_zero_pages(&page, 1, map));
}

static struct kunit_case heap_zero_cases[] = {
	KUNIT_CASE(test_vmap),
	KUNIT_CASE(test_map_fails),
	{ }
};

static struct kunit_suite heap_zero_suite = {
	.name = "dma_heap_zero",
	.test_cases = heap_zero_cases,
};

kunit_test_suite(heap_zero_suite);
