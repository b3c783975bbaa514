// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of the pages of a buffer: what went into the scatterlist comes out of
 * it, in one segment or several
 *
 * Nobody looks at the memory of the pages, so that descriptors without any do.
 */
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm_types.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>
#include <kunit/test.h>
#include <trace/events/kmem.h>

#include "../heap_pages.h"

#define MAX_PAGES	1000

/* Usable entries of a chained segment. */
#define SEGMENT		(SG_MAX_SINGLE_ALLOC - 1)

/* Chained segments of a buffer of MAX_PAGES that was allocated for one. */
#define MAX_SEGMENTS	DIV_ROUND_UP(MAX_PAGES - 1, SEGMENT)

/*
 * @expected: entries that the buffer was allocated for
 * @nr:		entries it gets
 * @reserve_more: room is made for one more, but then there is no page for it
 */
static const struct pages_param {
	const char *desc;
	unsigned int expected;
	unsigned int nr;
	bool reserve_more;
} pages_params[] = {
	{ "none", 1, 0 },
	{ "one", 1, 1 },
	{ "one short of the first segment", HEAP_PAGES_FIRST_MAX,
	  HEAP_PAGES_FIRST_MAX - 1 },
	{ "first segment full", HEAP_PAGES_FIRST_MAX, HEAP_PAGES_FIRST_MAX },
	{ "two segments", HEAP_PAGES_FIRST_MAX + 1, HEAP_PAGES_FIRST_MAX + 1 },
	{ "two segments full", MAX_PAGES, HEAP_PAGES_FIRST_MAX + SEGMENT },
	{ "three segments", MAX_PAGES, HEAP_PAGES_FIRST_MAX + SEGMENT + 1 },
	{ "many segments", MAX_PAGES, MAX_PAGES },
	{ "one expected, two come", 1, 2 },
	{ "one expected, many come", 1, MAX_PAGES },
	{ "one, then no memory", 1, 1, true },
	{ "first segment, then no memory", HEAP_PAGES_FIRST_MAX + 1,
	  HEAP_PAGES_FIRST_MAX, true },
	{ "two segments, then no memory", MAX_PAGES,
	  HEAP_PAGES_FIRST_MAX + SEGMENT, true },
};

KUNIT_ARRAY_PARAM_DESC(pages, pages_params, desc);

struct ctx {
	struct heap_pages *pages;
	struct page *fake;
	unsigned int nr;
};

/* In the order the heap adds them, with some of each size. */
static unsigned int ctx_order(const struct ctx *ctx, unsigned int i)
{
	if (i < ctx->nr / 3)
		return 8;
	return i < ctx->nr / 2 ? 4 : 0;
}

static void ctx_fill(struct kunit *test)
{
	const struct pages_param *param = test->param_value;
	unsigned int slots = heap_pages_slots(param->expected);
	struct ctx *ctx = test->priv;
	unsigned long nr_pages = 0;
	unsigned int i, j, order;

	if (IS_ENABLED(CONFIG_ARCH_NO_SG_CHAIN) && param->nr + param->reserve_more >= slots)
		kunit_skip(test, "scatterlists cannot be chained");

	ctx->nr = param->nr;
	ctx->pages = kunit_kzalloc(test, struct_size(ctx->pages, first, slots),
				   GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ctx->pages);
	heap_pages_init(ctx->pages, slots);

	for (i = 0; i < ctx->nr; i += j) {
		KUNIT_ASSERT_EQ(test, 0, heap_pages_reserve(ctx->pages));
		KUNIT_ASSERT_GT(test, ctx->pages->left, 0U);

		/* As many as there is room for, of one order, but not too many. */
		order = ctx_order(ctx, i);
		for (j = 0; j < 50 && j < ctx->pages->left; j++) {
			if (i + j == ctx->nr || ctx_order(ctx, i + j) != order)
				break;
			sg_set_page(ctx->pages->next + j, ctx->fake + i + j,
				    PAGE_SIZE << order, 0);
		}
		heap_pages_added(ctx->pages, j, order);
		nr_pages += (unsigned long)j << order;
	}
	if (param->reserve_more)
		KUNIT_ASSERT_EQ(test, 0, heap_pages_reserve(ctx->pages));
	heap_pages_end(ctx->pages);

	KUNIT_EXPECT_EQ(test, nr_pages, ctx->pages->nr_pages);
	KUNIT_EXPECT_EQ(test, ctx->nr, ctx->pages->table.orig_nents);
	KUNIT_EXPECT_EQ(test, ctx->nr, ctx->pages->table.nents);
}

/* What devices see. */
static void test_walk(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	struct scatterlist *sg, *last = NULL;
	unsigned int i;

	ctx_fill(test);
	for_each_sgtable_sg(&ctx->pages->table, sg, i) {
		KUNIT_ASSERT_NOT_NULL(test, sg);
		KUNIT_EXPECT_PTR_EQ(test, ctx->fake + i, sg_page(sg));
		KUNIT_EXPECT_EQ(test, 0U, sg->offset);
		KUNIT_EXPECT_EQ(test, (unsigned int)PAGE_SIZE << ctx_order(ctx, i),
				sg->length);
		last = sg;
	}
	KUNIT_EXPECT_EQ(test, ctx->nr, i);
	if (last) {
		KUNIT_ASSERT_NULL(test, sg_next(last));
		KUNIT_EXPECT_EQ(test, (int)ctx->nr,
				sg_nents(ctx->pages->table.sgl));
	}
}

static void ctx_expect_pop(struct kunit *test, unsigned int from, unsigned int to)
{
	struct ctx *ctx = test->priv;
	unsigned int i, order;

	for (i = from; i < to; i++) {
		order = UINT_MAX;
		KUNIT_EXPECT_PTR_EQ(test, ctx->fake + i,
				    heap_pages_pop(ctx->pages, &order));
		KUNIT_EXPECT_EQ(test, ctx_order(ctx, i), order);
		KUNIT_EXPECT_EQ(test, ctx->nr - i - 1, ctx->pages->left);
	}
}

/* What the heap takes out again, a part at a time and as often as it wants. */
static void test_pop(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	unsigned int order;

	ctx_fill(test);
	heap_pages_rewind(ctx->pages);
	ctx_expect_pop(test, 0, ctx->nr / 2);

	heap_pages_rewind(ctx->pages);
	ctx_expect_pop(test, 0, ctx->nr);
	KUNIT_EXPECT_NULL(test, heap_pages_pop(ctx->pages, &order));
	KUNIT_EXPECT_NULL(test, heap_pages_pop(ctx->pages, &order));
}

/* A page that was taken away is passed over: the first, the last, every third. */
static void test_pop_passes_over(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	struct scatterlist *sg;
	unsigned int i, order;

	ctx_fill(test);
	for_each_sgtable_sg(&ctx->pages->table, sg, i)
		if (i % 3 == 0 || i == ctx->nr - 1)
			sg_assign_page(sg, NULL);

	heap_pages_rewind(ctx->pages);
	for (i = 0; i < ctx->nr; i++)
		if (i % 3 && i != ctx->nr - 1)
			KUNIT_EXPECT_PTR_EQ(test, ctx->fake + i,
					    heap_pages_pop(ctx->pages, &order));
	KUNIT_EXPECT_NULL(test, heap_pages_pop(ctx->pages, &order));
}

/* No chained segment is left, and doing it again does nothing. */
static void test_fini(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	struct scatterlist *link;

	ctx_fill(test);
	link = &ctx->pages->first[ctx->pages->nr_first];
	if (ctx->nr > ctx->pages->nr_first)
		KUNIT_EXPECT_TRUE(test, sg_is_chain(link));
	heap_pages_fini(ctx->pages);
	KUNIT_EXPECT_FALSE(test, sg_is_chain(link));
	heap_pages_fini(ctx->pages);
}

struct freed {
	const struct task_struct *task;
	unsigned int nr;
	const void *segments[MAX_SEGMENTS];
	unsigned int count[MAX_SEGMENTS];
};

/* Called for whatever is freed by anybody. */
static void note_freed(void *data, unsigned long call_site, const void *ptr)
{
	struct freed *freed = data;
	unsigned int i;

	/* Another task may get the same address, and be done with it at once. */
	if (current != freed->task || !in_task())
		return;

	for (i = 0; i < freed->nr; i++)
		if (freed->segments[i] == ptr)
			freed->count[i]++;
}

/* Each chained segment is freed, and once. */
static void test_fini_frees(struct kunit *test)
{
	const struct pages_param *param = test->param_value;
	unsigned int nr = param->nr + param->reserve_more, i;
	struct ctx *ctx = test->priv;
	struct scatterlist *link;
	struct freed *freed;

	freed = kunit_kzalloc(test, sizeof(*freed), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, freed);
	freed->task = current;

	ctx_fill(test);
	for (link = &ctx->pages->first[ctx->pages->nr_first]; sg_is_chain(link);
	     link = sg_chain_ptr(link) + SEGMENT) {
		KUNIT_ASSERT_LT(test, freed->nr, MAX_SEGMENTS);
		freed->segments[freed->nr++] = sg_chain_ptr(link);
	}
	nr -= min(nr, ctx->pages->nr_first);
	KUNIT_EXPECT_EQ(test, DIV_ROUND_UP(nr, SEGMENT), freed->nr);

	if (register_trace_kfree(note_freed, freed))
		kunit_skip(test, "a kernel without tracepoints");
	heap_pages_fini(ctx->pages);
	unregister_trace_kfree(note_freed, freed);
	tracepoint_synchronize_unregister();

	for (i = 0; i < freed->nr; i++)
		KUNIT_EXPECT_EQ(test, 1U, freed->count[i]);
}

/* As many entries as were asked for, within reason, and one for a chain. */
static void test_slots(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 2U, heap_pages_slots(1));
	KUNIT_EXPECT_EQ(test, 100U, heap_pages_slots(99));
	KUNIT_EXPECT_EQ(test, (unsigned int)HEAP_PAGES_FIRST_MAX + 1,
			heap_pages_slots(HEAP_PAGES_FIRST_MAX));
	KUNIT_EXPECT_EQ(test, (unsigned int)HEAP_PAGES_FIRST_MAX + 1,
			heap_pages_slots(UINT_MAX));
	KUNIT_EXPECT_LE(test, sizeof(struct scatterlist) *
			heap_pages_slots(UINT_MAX), PAGE_SIZE);
}

static int heap_pages_kunit_init(struct kunit *test)
{
	struct ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	if (IS_ENABLED(CONFIG_ARCH_NO_SG_CHAIN))
		kunit_skip(test, "scatterlists cannot be chained here");

	if (!ctx)
		return -ENOMEM;

	test->priv = ctx;
	ctx->fake = kunit_kcalloc(test, MAX_PAGES, sizeof(*ctx->fake),
				  GFP_KERNEL);

	return ctx->fake ? 0 : -ENOMEM;
}

static void heap_pages_kunit_exit(struct kunit *test)
{
	struct ctx *ctx = test->priv;

	if (ctx && ctx->pages)
		heap_pages_fini(ctx->pages);
}

static struct kunit_case heap_pages_kunit_cases[] = {
	KUNIT_CASE_PARAM(test_walk, pages_gen_params),
	KUNIT_CASE_PARAM(test_pop, pages_gen_params),
	KUNIT_CASE_PARAM(test_pop_passes_over, pages_gen_params),
	KUNIT_CASE_PARAM(test_fini, pages_gen_params),
	KUNIT_CASE_PARAM(test_fini_frees, pages_gen_params),
	KUNIT_CASE(test_slots),
	{ }
};

static struct kunit_suite heap_pages_kunit_suite = {
	.name = "heap_pages",
	.init = heap_pages_kunit_init,
	.exit = heap_pages_kunit_exit,
	.test_cases = heap_pages_kunit_cases,
};

kunit_test_suite(heap_pages_kunit_suite);

MODULE_DESCRIPTION("KUnit tests of the pages of a buffer");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_LICENSE("Dual MIT/GPL");
