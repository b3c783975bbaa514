// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit test of zeroing in batches: a failure is reported. The suite of the pool checks
 * every byte of zeroed pages.
 */
#include "heap_kunit.h"

static void *map_nothing(struct page **pages, unsigned int nr)
{
	return NULL;
}

static void test_map_fails(struct kunit *test)
{
	struct page *page = ZERO_PAGE(0);

	kunit_activate_static_stub(test, heap_zero_map, map_nothing);
	KUNIT_EXPECT_FALSE(test, heap_zero_pages(&page, 1));
}

static struct kunit_case heap_zero_cases[] = {
	KUNIT_CASE(test_map_fails),
	{ }
};

static struct kunit_suite heap_zero_suite = {
	.name = "dma_heap_zero",
	.test_cases = heap_zero_cases,
};

kunit_test_suite(heap_zero_suite);
