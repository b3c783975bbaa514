// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of the pages of a buffer: those that went into the scatterlist come out
 * of it, whatever the number of segments
 *
 * The tests do not access the memory of the pages, so they use struct pages without
 * memory.
 */
#include "heap_kunit.h"

/* Usable entries of a chained segment. */
#define SEGMENT		(SG_MAX_SINGLE_ALLOC - 1)
#define SGL_MAX_PAGES	(8 * SEGMENT)

static const struct sgl_param {
	const char *desc;
	unsigned int first;	/* entries that the buffer was allocated with */
	unsigned int nr;	/* entries it gets */
	bool no_memory;		/* to allocate a page for the next entry */
} sgl_params[] = {
	{ "none", 1, 0 },
	{ "first segment full", HEAP_SGL_FIRST_MAX, HEAP_SGL_FIRST_MAX },
	{ "two segments", HEAP_SGL_FIRST_MAX, HEAP_SGL_FIRST_MAX + 1 },
	{ "two segments full", HEAP_SGL_FIRST_MAX, HEAP_SGL_FIRST_MAX + SEGMENT },
	{ "one expected, many added", 1, SGL_MAX_PAGES },
	{ "one, then no memory", 1, 1, true },
	{ "two segments, then no memory", 1, 1 + SEGMENT, true },
};

KUNIT_ARRAY_PARAM_DESC(sgl, sgl_params, desc);

/* Fill a few entries at a time, of each order, as the heap does. */
static void fill(struct kunit *test, struct heap_sgl *sgl, struct page *pages)
{
	const struct sgl_param *param = test->param_value;
	unsigned int i, n, order;

	for (i = 0; i < param->nr; i += n) {
		if (!sgl->room) {
			KUNIT_ASSERT_EQ(test, 0, heap_sgl_chain(sgl));
			/* The last entry is for another segment. */
			KUNIT_ASSERT_EQ(test, SEGMENT, sgl->room);
		}
		order = heap_orders[i % HEAP_NR_ORDERS];
		for (n = 0; n < min3(50, sgl->room, param->nr - i); n++) {
			set_page_private(pages + i + n, order);
			sg_set_page(sgl->fill + n, pages + i + n,
				    PAGE_SIZE << order, 0);
		}
		heap_sgl_added(sgl, n, order);
	}
	if (param->no_memory && !sgl->room)
		KUNIT_ASSERT_EQ(test, 0, heap_sgl_chain(sgl));
	heap_sgl_end(sgl);
}

static void test_sgl(struct kunit *test)
{
	const struct sgl_param *param = test->param_value;
	struct scatterlist *sg, *last = NULL;
	unsigned long nr_pages = 0;
	struct heap_sgl *sgl;
	struct page *pages;
	unsigned int i;

	pages = kunit_kcalloc(test, SGL_MAX_PAGES, sizeof(*pages), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pages);
	sgl = kunit_kzalloc(test, struct_size(sgl, first, param->first + 1), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sgl);
	heap_sgl_init(sgl, param->first + 1);
	fill(test, sgl, pages);

	/* Devices see all pages, in order. */
	for_each_sgtable_sg(&sgl->table, sg, i) {
		KUNIT_ASSERT_NOT_NULL(test, sg);
		KUNIT_EXPECT_PTR_EQ(test, pages + i, sg_page(sg));
		KUNIT_EXPECT_EQ(test, sg->length, PAGE_SIZE << page_private(pages + i));
		nr_pages += sg->length >> PAGE_SHIFT;
		last = sg;
	}
	KUNIT_EXPECT_EQ(test, param->nr, sgl->table.nents);
	KUNIT_EXPECT_EQ(test, nr_pages, sgl->nr_pages);
	if (last)
		KUNIT_EXPECT_NULL(test, sg_next(last));

	/* The queue takes out the same pages. */
	for (i = 0; i < param->nr; i++)
		KUNIT_EXPECT_PTR_EQ(test, pages + i, heap_sgl_pop(sgl));
	KUNIT_EXPECT_NULL(test, heap_sgl_pop(sgl));

	/* heap_sgl_fini() leaves no segment, and a second call does nothing. */
	KUNIT_EXPECT_EQ(test, param->nr + param->no_memory > param->first,
			sg_is_chain(&sgl->first[param->first]));
	heap_sgl_fini(sgl);
	KUNIT_EXPECT_FALSE(test, sg_is_chain(&sgl->first[param->first]));
	heap_sgl_fini(sgl);
}

static struct kunit_case heap_sgl_cases[] = {
	KUNIT_CASE_PARAM(test_sgl, sgl_gen_params),
	{ }
};

static struct kunit_suite heap_sgl_suite = {
	.name = "dma_heap_sgl",
	.test_cases = heap_sgl_cases,
};

kunit_test_suite(heap_sgl_suite);
