// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of the way of a page from a buffer through the queue, clean to a pool
 * and to the next buffer: it is there, it is clean whoever cleaned it, a page that
 * could not be cleaned or is broken is never seen, and no two buffers have the same
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <kunit/static_stub.h>
#include <kunit/test-bug.h>
#include <kunit/test.h>

#include "../heap_zero.h"
#include "heap_clean_fixture.h"
#include "heap_kunit.h"

static const struct reuse_param {
	const char *desc;
	unsigned long len;
	enum heap_zero_method method;
	unsigned int batch;
} reuse_params[] = {
	{ "one page", PAGE_SIZE, HEAP_ZERO_VMAP, 256 },
	{ "medium pages", 7 * MEDIUM, HEAP_ZERO_VMAP, 256 },
	{ "large pages", 3 * LARGE, HEAP_ZERO_VMAP, 256 },
	{ "all sizes", LARGE + 3 * MEDIUM + 5 * PAGE_SIZE, HEAP_ZERO_VMAP, 256 },
	{ "all sizes, least batch", LARGE + 3 * MEDIUM + 5 * PAGE_SIZE,
	  HEAP_ZERO_VMAP, HEAP_ZERO_BATCH_MIN },
	{ "all sizes, largest batch", LARGE + 3 * MEDIUM + 5 * PAGE_SIZE,
	  HEAP_ZERO_VMAP, HEAP_ZERO_BATCH_MAX },
	{ "all sizes, direct", LARGE + 3 * MEDIUM + 5 * PAGE_SIZE,
	  HEAP_ZERO_DIRECT, 256 },
};

KUNIT_ARRAY_PARAM_DESC(reuse, reuse_params, desc);

static long misses(struct clean_kunit *ctx)
{
	long sum = clean_kunit_stats(ctx).fetched;
	unsigned int i;

	for (i = 0; i < HEAP_NR_ORDERS; i++)
		sum += atomic_long_read(&ctx->supply->misses[i]);

	return sum;
}

/* Closed, cleaned, and there for the next buffer without a miss. */
static void test_reuse(struct kunit *test)
{
	const struct reuse_param *param = test->param_value;
	unsigned int nents = heap_supply_nents(param->len);
	struct clean_kunit *ctx = test->priv;
	long missed, hits;
	unsigned int round;

	heap_supply_set_zeroing(ctx->supply, param->method, param->batch);
	clean_kunit_use(test, param->len);
	KUNIT_ASSERT_TRUE(test, clean_kunit_wait(ctx));
	missed = misses(ctx);
	hits = clean_kunit_stats(ctx).hits;

	for (round = 1; round <= 3; round++) {
		KUNIT_EXPECT_GE(test, clean_kunit_pooled(ctx),
				param->len >> PAGE_SHIFT);
		clean_kunit_use(test, param->len);
		KUNIT_EXPECT_EQ(test, hits + round * nents,
				clean_kunit_stats(ctx).hits);
		KUNIT_EXPECT_EQ(test, missed, misses(ctx));
		KUNIT_ASSERT_TRUE(test, clean_kunit_wait(ctx));
	}
}

/* Who finds nothing cleans what waits, as much as is needed. */
static void test_help(struct kunit *test)
{
	struct clean_kunit *ctx = test->priv;
	struct clean_kunit_buffer *buffer;

	clean_kunit_stop_helper(test);
	clean_kunit_use(test, 3 * LARGE);
	KUNIT_EXPECT_EQ(test, 0UL, clean_kunit_pooled(ctx));

	buffer = clean_kunit_alloc(test, LARGE);
	KUNIT_EXPECT_EQ(test, LARGE_PAGES, atomic_long_read(&ctx->supply->helped));
	KUNIT_EXPECT_EQ(test, LARGE_PAGES, atomic_long_read(&ctx->supply->zeroed));
	KUNIT_EXPECT_EQ(test, 2 * LARGE_PAGES + 1, clean_kunit_queued(ctx));
	KUNIT_EXPECT_TRUE(test, clean_kunit_reclaimable_is(ctx, 2 * LARGE_PAGES));
	clean_kunit_free(buffer);
}

/* Unless the oldest buffer has no pages of the size that is needed. */
static void test_help_of_no_use(struct kunit *test)
{
	struct clean_kunit *ctx = test->priv;
	struct clean_kunit_buffer *buffer;

	clean_kunit_stop_helper(test);
	clean_kunit_use(test, 3 * MEDIUM);
	clean_kunit_use(test, LARGE);
	buffer = clean_kunit_alloc(test, LARGE);
	KUNIT_EXPECT_EQ(test, 0L, atomic_long_read(&ctx->supply->helped));
	KUNIT_EXPECT_EQ(test, LARGE_PAGES + 3 * 16 + 1, clean_kunit_queued(ctx));
	clean_kunit_free(buffer);
}

static bool stub_map(struct page **map, unsigned int nr)
{
	struct kunit *test = kunit_get_current_test();
	struct clean_kunit *ctx = test->priv;
	bool ret;

	if (++ctx->nr_maps == ctx->fail_at)
		return false;

	kunit_deactivate_static_stub(test, heap_zero_map);
	ret = heap_zero_map(map, nr);
	kunit_activate_static_stub(test, heap_zero_map, stub_map);

	return ret;
}

/* @lost: how many of four large pages a failure of this mapping costs */
static const struct fail_param {
	const char *desc;
	unsigned int batch;
	unsigned int fail_at;
	unsigned int lost;
} fail_params[] = {
	{ "first page", 256, 1, 1 },
	{ "last page", 256, 4, 1 },
	{ "middle of a page", 16, 21, 1 },
	{ "end of a page", 16, 16, 1 },
	{ "whole batch", 1024, 1, 4 },
	{ "second page of a batch", 512, 2, 2 },
	{ "none", 256, 5, 0 },
};

KUNIT_ARRAY_PARAM_DESC(fail, fail_params, desc);

/* What cannot be cleaned leaves; nobody sees it, and everybody gets memory. */
static void test_map_fails(struct kunit *test)
{
	const struct fail_param *param = test->param_value;
	struct clean_kunit *ctx = test->priv;
	struct clean_kunit_buffer *buffer;

	heap_supply_set_zeroing(ctx->supply, HEAP_ZERO_VMAP, param->batch);
	clean_kunit_stop_helper(test);
	clean_kunit_use(test, 4 * LARGE);
	KUNIT_ASSERT_EQ(test, 4UL, clean_kunit_stats(ctx).inflight);

	ctx->fail_at = param->fail_at;
	kunit_activate_static_stub(test, heap_zero_map, stub_map);
	buffer = clean_kunit_alloc(test, 4 * LARGE);
	kunit_deactivate_static_stub(test, heap_zero_map);

	KUNIT_EXPECT_EQ(test, 4 * LARGE_PAGES,
			atomic_long_read(&ctx->supply->helped));
	KUNIT_EXPECT_EQ(test, param->lost * LARGE_PAGES,
			atomic_long_read(&ctx->supply->zero_failed));
	KUNIT_EXPECT_EQ(test, (4 - param->lost) * LARGE_PAGES,
			atomic_long_read(&ctx->supply->zeroed));
	KUNIT_EXPECT_EQ(test, 4 - param->lost, clean_kunit_stats(ctx).hits);
	KUNIT_EXPECT_EQ(test, param->lost, clean_kunit_stats(ctx).released);
	KUNIT_EXPECT_EQ(test, 1UL, clean_kunit_queued(ctx));
	KUNIT_EXPECT_EQ(test, 4UL, clean_kunit_stats(ctx).inflight);
	clean_kunit_free(buffer);
}

/* So does what the hardware has given up, whichever page of it that is. */
static void test_hwpoison(struct kunit *test)
{
	struct clean_kunit *ctx = test->priv;
	struct clean_kunit_buffer *buffer;
	struct page *page;
	bool idle;

	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		kunit_skip(test, "pages are never given up");

	buffer = clean_kunit_alloc(test, 2 * MEDIUM);
	page = sg_page(buffer->pages.table.sgl) + (MEDIUM >> PAGE_SHIFT) - 1;
	SetPageHWPoison(page);
	clean_kunit_free(buffer);
	idle = clean_kunit_wait(ctx);
	ClearPageHWPoison(page);

	KUNIT_EXPECT_TRUE(test, idle);
	KUNIT_EXPECT_EQ(test, MEDIUM >> PAGE_SHIFT, clean_kunit_pooled(ctx));
	KUNIT_EXPECT_EQ(test, 1UL, clean_kunit_stats(ctx).released);
}

/* Somebody who has kept a reference writes, and is done, while we are clearing. */
static bool stub_map_late_write(struct page **map, unsigned int nr)
{
	struct kunit *test = kunit_get_current_test();
	struct clean_kunit *ctx = test->priv;
	bool ret;

	kunit_deactivate_static_stub(test, heap_zero_map);
	ret = heap_zero_map(map, nr);
	kunit_activate_static_stub(test, heap_zero_map, stub_map_late_write);
	if (ctx->held) {
		heap_kunit_dirty(ctx->held, LARGE_ORDER);
		put_page(ctx->held);
		ctx->held = NULL;
	}

	return ret;
}

/* A page that somebody else still holds is not cleared, and not kept. */
static void test_held_page(struct kunit *test)
{
	struct clean_kunit *ctx = test->priv;
	struct clean_kunit_buffer *buffer;

	clean_kunit_stop_helper(test);
	buffer = clean_kunit_alloc(test, 2 * LARGE);
	ctx->held = sg_page(buffer->pages.table.sgl);
	get_page(ctx->held);
	clean_kunit_free(buffer);

	kunit_activate_static_stub(test, heap_zero_map, stub_map_late_write);
	buffer = clean_kunit_alloc(test, 2 * LARGE);
	kunit_deactivate_static_stub(test, heap_zero_map);
	KUNIT_EXPECT_EQ(test, 1UL, clean_kunit_stats(ctx).released);
	KUNIT_EXPECT_EQ(test, LARGE_PAGES, atomic_long_read(&ctx->supply->zeroed));
	KUNIT_EXPECT_NULL(test, ctx->held);
	clean_kunit_free(buffer);
}

#define NR_TASKS	3
#define NR_ROUNDS	60

struct supply_user {
	struct clean_kunit *ctx;
	unsigned int seed;
	unsigned int nr_dirty;
	unsigned int nr_shared;
	unsigned int nr_failed;
	struct task_struct *task;
};

/* Mark each page as one's own, or see whether it still is. */
static bool stamp(struct clean_kunit_buffer *buffer, unsigned long mark,
		  bool check)
{
	struct scatterlist *sg;
	unsigned long *vaddr;
	bool ok = true;
	int i;

	for_each_sgtable_sg(&buffer->pages.table, sg, i) {
		vaddr = kmap_local_page(sg_page(sg));
		if (check)
			ok &= vaddr[2] == mark;
		else
			vaddr[2] = mark;
		kunmap_local(vaddr);
	}

	return ok;
}

static int user_fn(void *data)
{
	static const unsigned long lens[] = {
		PAGE_SIZE, LARGE, 5 * MEDIUM, LARGE + MEDIUM + PAGE_SIZE,
		3 * PAGE_SIZE, 2 * LARGE, MEDIUM,
	};
	struct supply_user *user = data;
	struct clean_kunit_buffer *buffer;
	unsigned int round, n;

	for (round = 0; round < NR_ROUNDS; round++) {
		n = user->seed++ % ARRAY_SIZE(lens);
		buffer = clean_kunit_new(user->ctx, lens[n]);
		if (!buffer) {
			user->nr_failed++;
			continue;
		}
		if (!clean_kunit_is_clean(buffer))
			user->nr_dirty++;
		stamp(buffer, (unsigned long)user, false);
		cond_resched();
		if (!stamp(buffer, (unsigned long)user, true))
			user->nr_shared++;
		clean_kunit_free(buffer);
		if (round % 16 == 15)
			clean_kunit_reclaim(user->ctx, user->seed % 1000);
	}

	/* Until somebody asks for the result. */
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);

	return 0;
}

/* Whatever happens at once, reclaim too: what one gets is clean, and nobody else's. */
static void test_concurrent(struct kunit *test)
{
	struct supply_user users[NR_TASKS] = { };
	struct clean_kunit *ctx = test->priv;
	unsigned int started, i;

	/* Little, so that bounds are met as well. */
	heap_supply_set_limits(ctx->supply, 4 * LARGE_PAGES, 4 * LARGE_PAGES);
	for (started = 0; started < NR_TASKS; started++) {
		users[started].ctx = ctx;
		users[started].seed = 3 * started;
		users[started].task = kthread_run(user_fn, &users[started],
						  "heap_clean_user");
		if (IS_ERR(users[started].task))
			break;
	}
	KUNIT_EXPECT_EQ(test, NR_TASKS, started);
	for (i = 0; i < started; i++) {
		kthread_stop(users[i].task);
		KUNIT_EXPECT_EQ(test, 0U, users[i].nr_failed);
		KUNIT_EXPECT_EQ(test, 0U, users[i].nr_dirty);
		KUNIT_EXPECT_EQ(test, 0U, users[i].nr_shared);
	}
	KUNIT_ASSERT_TRUE(test, clean_kunit_wait(ctx));
	KUNIT_EXPECT_LE(test, clean_kunit_pooled(ctx), 4 * LARGE_PAGES);
}

static struct kunit_case heap_clean_reuse_cases[] = {
	KUNIT_CASE_PARAM(test_reuse, reuse_gen_params),
	KUNIT_CASE(test_help),
	KUNIT_CASE(test_help_of_no_use),
	KUNIT_CASE_PARAM(test_map_fails, fail_gen_params),
	KUNIT_CASE(test_hwpoison),
	KUNIT_CASE(test_held_page),
	KUNIT_CASE(test_concurrent),
	{ }
};

static struct kunit_suite heap_clean_reuse_suite = {
	.name = "heap_clean_reuse",
	.init = clean_kunit_init,
	.exit = clean_kunit_exit,
	.test_cases = heap_clean_reuse_cases,
};

kunit_test_suite(heap_clean_reuse_suite);
