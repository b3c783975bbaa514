// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of the queue: order, bound, counts and pieces, and that the helper
 * comes for whatever is added
 *
 * Items have no memory, they only count.
 */
#include "heap_kunit.h"

#define MAX_ITEMS	512
#define MAX_LOG		64

/* The bound that a queue begins with. */
#define LIMIT		(20 * (SZ_4M >> PAGE_SHIFT))

struct test_item {
	struct deferred_free_item item;
	unsigned long left;
	unsigned long grain;		/* take a multiple of it */
};

/* Somebody who frees. */
struct test_taker {
	struct test_ctx *ctx;
	unsigned int nr_disposed;
	unsigned int nr_last;
	unsigned long pages_at_last;
	struct test_taker *rival;	/* frees while this one has pages */
	unsigned long rival_freed;
};

struct test_ctx {
	struct deferred_free_queue queue;
	struct test_taker helper, task, other;
	atomic_t nr_errors, nr_released;
	/* Under the queue's lock: who was taken from, and how much was asked. */
	unsigned int nr_log, id[MAX_LOG];
	unsigned long asked[MAX_LOG];
	struct test_item items[MAX_ITEMS];
};

static unsigned long take_item(struct deferred_free_item *item,
			       unsigned long nr_pages, void *data)
{
	struct test_item *it = container_of(item, struct test_item, item);
	struct test_taker *taker = data;
	struct test_ctx *ctx = taker->ctx;
	unsigned long taken = nr_pages;

	if (!nr_pages || nr_pages > it->left)
		atomic_inc(&ctx->nr_errors);
	if (it->grain)
		taken = min(roundup(nr_pages, it->grain), it->left);
	if (ctx->nr_log < MAX_LOG) {
		ctx->id[ctx->nr_log] = it - ctx->items;
		ctx->asked[ctx->nr_log++] = nr_pages;
	}
	it->left -= taken;

	return taken;
}

static void dispose_item(void *data, bool last)
{
	struct test_taker *taker = data, *rival = taker->rival;
	struct deferred_free_queue *queue = &taker->ctx->queue;

	taker->nr_disposed++;
	if (last) {
		taker->nr_last++;
		taker->pages_at_last = deferred_free_pages(queue);
	}
	taker->rival = NULL;
	if (rival)
		taker->rival_freed = deferred_free_run(queue, ULONG_MAX, rival);
}

static void release_item(struct deferred_free_queue *queue,
			 struct deferred_free_item *item)
{
	struct test_item *it = container_of(item, struct test_item, item);
	struct test_ctx *ctx = container_of(queue, struct test_ctx, queue);

	if (it->left)
		atomic_inc(&ctx->nr_errors);
	atomic_inc(&ctx->nr_released);
}

static const struct deferred_free_ops test_ops = {
	.take = take_item,
	.dispose = dispose_item,
	.release = release_item,
};

static bool add(struct test_ctx *ctx, unsigned int id, unsigned long nr_pages)
{
	ctx->items[id].left = nr_pages;

	return deferred_free_add(&ctx->queue, &ctx->items[id].item, nr_pages);
}

static unsigned long run(struct test_ctx *ctx, unsigned long nr_pages)
{
	return deferred_free_run(&ctx->queue, nr_pages, &ctx->task);
}

static void expect_queued(struct kunit *test, unsigned long nr_pages,
			  unsigned long nr_items)
{
	struct test_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, nr_pages, deferred_free_pages(&ctx->queue));
	KUNIT_EXPECT_EQ(test, nr_items, ctx->queue.nr_items);
}

/* Until then it does nothing. */
static void start_helper(struct test_ctx *ctx)
{
	kthread_cancel_delayed_work_sync(&ctx->queue.work);
	ctx->queue.work.work.func = deferred_free_work;
	kthread_mod_delayed_work(ctx->queue.worker, &ctx->queue.work, 0);
}

/* Returns whether it emptied the queue. */
static bool wait_for_helper(struct test_ctx *ctx)
{
	unsigned long end = jiffies + 20 * HZ;

	while (deferred_free_pages(&ctx->queue) && time_before(jiffies, end)) {
		cond_resched();
		cpu_relax();
	}

	return !deferred_free_pages(&ctx->queue);
}

/* Oldest first, all of them, once: by a task, then by the helper. */
static void test_order(struct kunit *test)
{
	struct test_ctx *ctx = test->priv;
	unsigned int i;

	for (i = 0; i < 10; i++)
		KUNIT_ASSERT_TRUE(test, add(ctx, i, i % 4 + 1));
	KUNIT_EXPECT_EQ(test, 23UL, run(ctx, ULONG_MAX));
	KUNIT_EXPECT_EQ(test, 0UL, run(ctx, ULONG_MAX));
	expect_queued(test, 0, 0);

	for (; i < 20; i++)
		KUNIT_ASSERT_TRUE(test, add(ctx, i, i % 4 + 1));
	start_helper(ctx);
	KUNIT_EXPECT_TRUE(test, wait_for_helper(ctx));
	expect_queued(test, 0, 0);

	KUNIT_ASSERT_EQ(test, 20U, ctx->nr_log);
	for (i = 0; i < 20; i++) {
		KUNIT_EXPECT_EQ(test, i, ctx->id[i]);
		KUNIT_EXPECT_EQ(test, i % 4 + 1UL, ctx->asked[i]);
	}
	KUNIT_EXPECT_EQ(test, 20, atomic_read(&ctx->nr_released));
}

static void test_bound(struct kunit *test)
{
	struct test_ctx *ctx = test->priv;

	ctx->queue.max_pages = 1000;
	KUNIT_EXPECT_FALSE(test, add(ctx, 0, 1001));
	KUNIT_EXPECT_TRUE(test, add(ctx, 0, 601));
	KUNIT_EXPECT_FALSE(test, add(ctx, 1, 400));
	KUNIT_EXPECT_FALSE(test, add(ctx, 1, ULONG_MAX));
	KUNIT_EXPECT_TRUE(test, add(ctx, 1, 399));
	KUNIT_EXPECT_FALSE(test, add(ctx, 2, 1));
	expect_queued(test, 1000, 2);

	/* What was freed can be added again. */
	KUNIT_EXPECT_EQ(test, 5UL, run(ctx, 5));
	KUNIT_EXPECT_FALSE(test, add(ctx, 2, 6));
	KUNIT_EXPECT_TRUE(test, add(ctx, 2, 5));

	/* What is queued beyond a new bound stays. */
	ctx->queue.max_pages = 500;
	expect_queued(test, 1000, 3);
	KUNIT_EXPECT_FALSE(test, add(ctx, 3, 1));
	KUNIT_EXPECT_EQ(test, 510UL, run(ctx, 510));
	KUNIT_EXPECT_FALSE(test, add(ctx, 3, 11));
	KUNIT_EXPECT_TRUE(test, add(ctx, 3, 10));
}

/* A large item is freed in pieces and keeps its place. */
static void test_pieces(struct kunit *test)
{
	struct test_ctx *ctx = test->priv;
	unsigned int i;

	add(ctx, 0, 1000);
	add(ctx, 1, 20);
	for (i = 1; i <= 10; i++) {
		KUNIT_EXPECT_EQ(test, 99UL, run(ctx, 99));
		expect_queued(test, 1020 - 99 * i, 2);
	}
	/* 10 are left of the first; the second makes up for the others. */
	KUNIT_EXPECT_EQ(test, 15UL, run(ctx, 15));
	expect_queued(test, 15, 1);
	KUNIT_EXPECT_EQ(test, 12U, ctx->nr_log);
	for (i = 0; i < 12; i++) {
		KUNIT_EXPECT_EQ(test, i / 11, ctx->id[i]);
		KUNIT_EXPECT_EQ(test, i < 10 ? 99UL : i == 10 ? 10UL : 5UL,
				ctx->asked[i]);
	}
}

/* The callback takes more than it was asked for. */
static void test_take(struct kunit *test)
{
	struct test_ctx *ctx = test->priv;

	ctx->items[0].grain = 256;
	add(ctx, 0, 600);
	KUNIT_EXPECT_EQ(test, 256UL, run(ctx, 1));
	expect_queued(test, 344, 1);

	add(ctx, 1, 10);
	KUNIT_EXPECT_EQ(test, 345UL, run(ctx, 345));
	expect_queued(test, 9, 1);
	KUNIT_EXPECT_EQ(test, 9UL, run(ctx, 10));
	KUNIT_EXPECT_EQ(test, 0UL, run(ctx, 1));
}

/*
 * The last call of a run comes once, while its pages are still counted, and also if
 * there were none. Others get the rest of an item meanwhile.
 */
static void test_dispose_last(struct kunit *test)
{
	struct test_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, 0UL, run(ctx, 1));
	KUNIT_EXPECT_EQ(test, 1U, ctx->task.nr_last);

	add(ctx, 0, 10);
	add(ctx, 1, 10);
	KUNIT_EXPECT_EQ(test, 15UL, run(ctx, 15));
	KUNIT_EXPECT_EQ(test, 4U, ctx->task.nr_disposed);
	KUNIT_EXPECT_EQ(test, 2U, ctx->task.nr_last);
	KUNIT_EXPECT_EQ(test, 20UL, ctx->task.pages_at_last);

	ctx->task.rival = &ctx->other;
	KUNIT_EXPECT_EQ(test, 1UL, run(ctx, 1));
	KUNIT_EXPECT_EQ(test, 4UL, ctx->task.rival_freed);
	KUNIT_EXPECT_EQ(test, 2, atomic_read(&ctx->nr_released));
	expect_queued(test, 0, 0);
}

/* It starts at once when the queue is half full, and lets others see how far it is. */
static void test_helper(struct kunit *test)
{
	struct test_ctx *ctx = test->priv;

	add(ctx, 0, 1);
	KUNIT_EXPECT_TRUE(test, timer_pending(&ctx->queue.work.timer));
	add(ctx, 1, LIMIT - 1);
	KUNIT_EXPECT_FALSE(test, timer_pending(&ctx->queue.work.timer));
	start_helper(ctx);
	KUNIT_EXPECT_TRUE(test, wait_for_helper(ctx));
	KUNIT_EXPECT_GE(test, ctx->helper.nr_last, 20U);
	/* One more may have found nothing. */
	KUNIT_EXPECT_LE(test, ctx->helper.nr_last, 21U);
}

/*
 * Each round adds an item just when the helper, done with the last one, goes to
 * sleep. A lost wake-up leaves it in the queue for good.
 */
static void test_wakeup(struct kunit *test)
{
	struct test_ctx *ctx = test->priv;
	unsigned int i;

	start_helper(ctx);
	for (i = 0; i < 1000; i++) {
		/* From here on an item is more than half of the bound. */
		if (i == 100)
			ctx->queue.max_pages = 3;
		KUNIT_ASSERT_TRUE(test, add(ctx, 0, 2));
		KUNIT_ASSERT_TRUE_MSG(test, wait_for_helper(ctx),
				      "not freed in round %u", i);
		/* Meet it a little later each time. */
		udelay(i % 16);
	}
}

static int runner_fn(void *data)
{
	struct test_taker *taker = data;

	while (!kthread_should_stop()) {
		deferred_free_run(&taker->ctx->queue, 7, taker);
		cond_resched();
	}

	return 0;
}

/* Two tasks, the helper, and items that keep coming in. */
static void test_concurrent(struct kunit *test)
{
	struct test_ctx *ctx = test->priv;
	struct task_struct *tasks[] = {
		kthread_run(runner_fn, &ctx->task, "deferred_free_1"),
		kthread_run(runner_fn, &ctx->other, "deferred_free_2"),
	};
	unsigned int i;

	/* Room for all, however slow the tasks are. */
	ctx->queue.max_pages = MAX_ITEMS * 97;
	start_helper(ctx);
	for (i = 0; i < MAX_ITEMS; i++) {
		if (!add(ctx, i, i % 97 + 1))
			atomic_inc(&ctx->nr_errors);
		if (i % 8 == 7)
			usleep_range(100, 500);
	}
	KUNIT_EXPECT_TRUE(test, wait_for_helper(ctx));
	for (i = 0; i < ARRAY_SIZE(tasks); i++) {
		KUNIT_EXPECT_NOT_ERR_OR_NULL(test, tasks[i]);
		if (!IS_ERR(tasks[i]))
			kthread_stop(tasks[i]);
	}
	expect_queued(test, 0, 0);
	KUNIT_EXPECT_EQ(test, MAX_ITEMS, atomic_read(&ctx->nr_released));
}

static int deferred_free_kunit_init(struct kunit *test)
{
	struct test_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	ctx->helper.ctx = ctx;
	ctx->task.ctx = ctx;
	ctx->other.ctx = ctx;
	KUNIT_ASSERT_EQ(test, 0, deferred_free_init(&ctx->queue, "kunit", &test_ops,
						    &ctx->helper));
	ctx->queue.max_pages = LIMIT;
	ctx->queue.work.work.func = heap_test_do_nothing;
	test->priv = ctx;

	return 0;
}

/* What the helper leaves behind is for others. */
static void deferred_free_kunit_exit(struct kunit *test)
{
	struct test_ctx *ctx = test->priv;

	if (!ctx)
		return;

	heap_test_stop_helper(&ctx->queue);
	run(ctx, ULONG_MAX);
	expect_queued(test, 0, 0);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&ctx->nr_errors));
}

static struct kunit_case deferred_free_cases[] = {
	KUNIT_CASE(test_order),
	KUNIT_CASE(test_bound),
	KUNIT_CASE(test_pieces),
	KUNIT_CASE(test_take),
	KUNIT_CASE(test_dispose_last),
	KUNIT_CASE(test_helper),
	KUNIT_CASE(test_wakeup),
	KUNIT_CASE(test_concurrent),
	{ }
};

static struct kunit_suite deferred_free_suite = {
	.name = "dma_heap_deferred_free",
	.init = deferred_free_kunit_init,
	.exit = deferred_free_kunit_exit,
	.test_cases = deferred_free_cases,
};

kunit_test_suite(deferred_free_suite);
