// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of the deferred free queue: what <linux/deferred_free.h> promises
 * about order, bound, count, pieces and the helper thread
 *
 * Where the helper must not interfere it is held in the free callback of an item
 * of its own, the stopper.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/deferred_free.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <kunit/test.h>

#define MAX_ITEMS	512
#define MAX_LOG		64
#define LIMIT		100000UL

/* Anything the helper has to do must be done after so long. */
#define PATIENCE	(2 * HZ)

struct ctx_item {
	struct deferred_free_item item;
	struct ctx *ctx;
	unsigned int id;
	unsigned long nr_pages;
	unsigned long left;
	/* The callback frees a multiple of this; 0 for exactly what it's told. */
	unsigned long grain;
	/* The callback lets the helper go and gives it time. */
	bool let_helper_look;
	bool unacceptable;
	atomic_t owners;
};

struct log_entry {
	unsigned int id;
	unsigned long asked;
	unsigned long freed;
	enum deferred_free_reason reason;
	void *priv;
};

struct ctx {
	struct deferred_free_queue *queue;
	struct ctx_item stopper;
	struct completion stopped;
	struct completion go_on;
	unsigned int nr_flushes;
	unsigned long flush_pages;
	atomic_t nr_errors;
	atomic_t nr_gone;
	/* Protects the log. */
	spinlock_t lock;
	unsigned int nr_log;
	struct log_entry log[MAX_LOG];

	struct ctx_item items[MAX_ITEMS];
};

static unsigned long ctx_free(struct deferred_free_item *item,
			      unsigned long nr_pages,
			      struct deferred_free_run *run)
{
	struct ctx_item *it = container_of(item, struct ctx_item, item);
	struct ctx *ctx = it->ctx;
	unsigned long done = nr_pages;

	if (it == &ctx->stopper) {
		complete(&ctx->stopped);
		/* By the helper only, not if a test ended before it came. */
		while (run->reason == DEFERRED_FREE_NORMAL &&
		       !wait_for_completion_timeout(&ctx->go_on, 1) &&
		       !kthread_should_stop())
			;
		return it->nr_pages;
	}

	if (atomic_inc_return(&it->owners) != 1)
		atomic_inc(&ctx->nr_errors);
	if (!nr_pages || nr_pages > it->left)
		atomic_inc(&ctx->nr_errors);
	if (it->let_helper_look) {
		it->let_helper_look = false;
		complete_all(&ctx->go_on);
		msleep(200);
	}

	if (it->grain)
		done = min(roundup(nr_pages, it->grain), it->left);

	spin_lock(&ctx->lock);
	if (ctx->nr_log < MAX_LOG)
		ctx->log[ctx->nr_log++] = (struct log_entry) {
			.id = it->id,
			.asked = nr_pages,
			.freed = done,
			.reason = run->reason,
			.priv = run->priv,
		};
	spin_unlock(&ctx->lock);

	it->left -= done;
	atomic_dec(&it->owners);
	if (!it->left)
		atomic_inc(&ctx->nr_gone);

	return done;
}

static bool ctx_accept(const struct deferred_free_item *item,
		       const struct deferred_free_run *run)
{
	return !container_of_const(item, struct ctx_item, item)->unacceptable;
}

static const struct deferred_free_ops ctx_ops = {
	.free = ctx_free,
	.accept = ctx_accept,
};

static bool ctx_add(struct ctx *ctx, unsigned int id, unsigned long nr_pages)
{
	struct ctx_item *it = &ctx->items[id];

	it->ctx = ctx;
	it->id = id;
	it->nr_pages = nr_pages;
	it->left = nr_pages;

	return deferred_free_add(ctx->queue, &it->item, nr_pages);
}

/*
 * From here on the helper does nothing until it may go on or has to stop, and
 * @nr_pages more are counted.
 */
static void ctx_stop_helper_with(struct kunit *test, unsigned long nr_pages)
{
	struct ctx *ctx = test->priv;

	ctx->stopper.ctx = ctx;
	ctx->stopper.nr_pages = nr_pages;
	KUNIT_ASSERT_TRUE(test, deferred_free_add(ctx->queue,
						  &ctx->stopper.item, nr_pages));
	KUNIT_ASSERT_TRUE(test, wait_for_completion_timeout(&ctx->stopped,
							    PATIENCE));
}

static void ctx_stop_helper(struct kunit *test)
{
	ctx_stop_helper_with(test, 1);
}

/* Return: whether the queue became empty without anybody doing anything. */
static bool ctx_wait(struct ctx *ctx)
{
	unsigned long end = jiffies + PATIENCE;

	while (deferred_free_pages(ctx->queue)) {
		if (time_after(jiffies, end))
			return false;
		cond_resched();
		cpu_relax();
	}

	return true;
}

static void ctx_destroy(struct ctx *ctx)
{
	if (IS_ERR_OR_NULL(ctx->queue))
		return;

	deferred_free_destroy(ctx->queue);
	ctx->queue = NULL;
}

static void ctx_create(struct kunit *test, const struct deferred_free_ops *ops,
		       unsigned long max_pages)
{
	struct ctx *ctx = test->priv;

	ctx_destroy(ctx);
	reinit_completion(&ctx->stopped);
	reinit_completion(&ctx->go_on);
	ctx->queue = deferred_free_create("deferred_kunit", ops, ctx,
					  max_pages);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ctx->queue);
}

enum freer {
	BY_RUN,
	BY_PRESSURE,
	BY_HELPER,
	BY_DESTROY,
};

static const struct order_param {
	const char *desc;
	enum freer freer;
	enum deferred_free_reason reason;
} order_params[] = {
	{ "by a task", BY_RUN, DEFERRED_FREE_NORMAL },
	{ "under pressure", BY_PRESSURE, DEFERRED_FREE_PRESSURE },
	{ "by the helper", BY_HELPER, DEFERRED_FREE_NORMAL },
	{ "by destroy", BY_DESTROY, DEFERRED_FREE_PRESSURE },
};

KUNIT_ARRAY_PARAM_DESC(order, order_params, desc);

/* Oldest first, all of them, once, and with the right reason. */
static void test_order(struct kunit *test)
{
	const struct order_param *param = test->param_value;
	struct deferred_free_run run = { .reason = param->reason, .priv = test };
	struct ctx *ctx = test->priv;
	unsigned long total = 0;
	unsigned int i;

	/* So much that the helper is done with its turn when it comes back. */
	ctx_stop_helper_with(test, LIMIT / 2);
	for (i = 0; i < 10; i++) {
		KUNIT_ASSERT_TRUE(test, ctx_add(ctx, i, 10 * i + 1));
		total += 10 * i + 1;
	}

	switch (param->freer) {
	case BY_RUN:
	case BY_PRESSURE:
		KUNIT_EXPECT_EQ(test, total, deferred_free_run(ctx->queue,
							       ULONG_MAX, &run));
		KUNIT_EXPECT_EQ(test, 0UL, deferred_free_run(ctx->queue,
							     ULONG_MAX, &run));
		break;
	case BY_HELPER:
		complete_all(&ctx->go_on);
		KUNIT_EXPECT_TRUE(test, ctx_wait(ctx));
		break;
	case BY_DESTROY:
		ctx_destroy(ctx);
		break;
	}

	KUNIT_ASSERT_EQ(test, 10U, ctx->nr_log);
	for (i = 0; i < 10; i++) {
		KUNIT_EXPECT_EQ(test, i, ctx->log[i].id);
		KUNIT_EXPECT_EQ(test, 10UL * i + 1, ctx->log[i].freed);
		KUNIT_EXPECT_EQ(test, param->reason, ctx->log[i].reason);
		if (param->freer == BY_RUN)
			KUNIT_EXPECT_PTR_EQ(test, (void *)test, ctx->log[i].priv);
		if (param->freer == BY_HELPER)
			KUNIT_EXPECT_PTR_EQ(test, (void *)ctx, ctx->log[i].priv);
	}
}

static void test_count(struct kunit *test)
{
	struct deferred_free_run run = { .reason = DEFERRED_FREE_NORMAL };
	struct ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, 0UL, deferred_free_pages(ctx->queue));
	KUNIT_EXPECT_EQ(test, 0UL, deferred_free_run(ctx->queue, 1, &run));

	ctx_stop_helper(test);
	KUNIT_EXPECT_EQ(test, 0UL, deferred_free_items(ctx->queue));
	/* What is being worked on is counted in pages. */
	KUNIT_EXPECT_EQ(test, 1UL, deferred_free_pages(ctx->queue));

	ctx_add(ctx, 0, 7);
	ctx_add(ctx, 1, 1000);
	KUNIT_EXPECT_EQ(test, 2UL, deferred_free_items(ctx->queue));
	KUNIT_EXPECT_EQ(test, 1008UL, deferred_free_pages(ctx->queue));

	KUNIT_EXPECT_EQ(test, 7UL, deferred_free_run(ctx->queue, 7, &run));
	KUNIT_EXPECT_EQ(test, 1UL, deferred_free_items(ctx->queue));
	KUNIT_EXPECT_EQ(test, 1001UL, deferred_free_pages(ctx->queue));

	complete_all(&ctx->go_on);
	KUNIT_EXPECT_TRUE(test, ctx_wait(ctx));
	KUNIT_EXPECT_EQ(test, 0UL, deferred_free_items(ctx->queue));
}

static void test_bound(struct kunit *test)
{
	struct deferred_free_run run = { .reason = DEFERRED_FREE_NORMAL };
	struct ctx *ctx = test->priv;

	ctx_create(test, &ctx_ops, 1000);
	KUNIT_EXPECT_EQ(test, 1000UL, deferred_free_limit(ctx->queue));
	KUNIT_EXPECT_FALSE(test, ctx_add(ctx, 0, 1001));
	KUNIT_EXPECT_FALSE(test, ctx_add(ctx, 0, ULONG_MAX));

	ctx_stop_helper(test);
	KUNIT_EXPECT_TRUE(test, ctx_add(ctx, 0, 600));
	KUNIT_EXPECT_FALSE(test, ctx_add(ctx, 1, 400));
	KUNIT_EXPECT_FALSE(test, ctx_add(ctx, 1, ULONG_MAX));
	KUNIT_EXPECT_TRUE(test, ctx_add(ctx, 1, 399));
	KUNIT_EXPECT_FALSE(test, ctx_add(ctx, 2, 1));
	KUNIT_EXPECT_EQ(test, 1000UL, deferred_free_pages(ctx->queue));
	KUNIT_EXPECT_EQ(test, 2UL, deferred_free_items(ctx->queue));

	/* As much as was freed, and no more, can be added again. */
	KUNIT_EXPECT_EQ(test, 5UL, deferred_free_run(ctx->queue, 5, &run));
	KUNIT_EXPECT_FALSE(test, ctx_add(ctx, 2, 6));
	KUNIT_EXPECT_TRUE(test, ctx_add(ctx, 2, 5));
	KUNIT_EXPECT_FALSE(test, ctx_add(ctx, 3, 1));
}

static void test_set_limit(struct kunit *test)
{
	struct deferred_free_run run = { .reason = DEFERRED_FREE_NORMAL };
	struct ctx *ctx = test->priv;

	ctx_stop_helper(test);
	KUNIT_ASSERT_TRUE(test, ctx_add(ctx, 0, 99));

	/* What is queued beyond the limit stays. */
	deferred_free_set_limit(ctx->queue, 50);
	KUNIT_EXPECT_EQ(test, 50UL, deferred_free_limit(ctx->queue));
	KUNIT_EXPECT_EQ(test, 100UL, deferred_free_pages(ctx->queue));
	KUNIT_EXPECT_FALSE(test, ctx_add(ctx, 1, 1));

	KUNIT_EXPECT_EQ(test, 60UL, deferred_free_run(ctx->queue, 60, &run));
	KUNIT_EXPECT_FALSE(test, ctx_add(ctx, 1, 11));
	KUNIT_EXPECT_TRUE(test, ctx_add(ctx, 1, 10));

	deferred_free_set_limit(ctx->queue, 51);
	KUNIT_EXPECT_TRUE(test, ctx_add(ctx, 2, 1));

	deferred_free_set_limit(ctx->queue, 0);
	KUNIT_EXPECT_FALSE(test, ctx_add(ctx, 3, 1));
}

/* A large item is freed in pieces and keeps its place. */
static void test_pieces(struct kunit *test)
{
	struct deferred_free_run run = { .reason = DEFERRED_FREE_PRESSURE };
	struct ctx *ctx = test->priv;
	unsigned int i;

	ctx_stop_helper(test);
	ctx_add(ctx, 0, 1000);
	ctx_add(ctx, 1, 20);
	for (i = 0; i < 10; i++) {
		KUNIT_EXPECT_EQ(test, 99UL, deferred_free_run(ctx->queue, 99,
							      &run));
		KUNIT_EXPECT_EQ(test, 2UL, deferred_free_items(ctx->queue));
		KUNIT_EXPECT_EQ(test, 1021 - 99UL * (i + 1),
				deferred_free_pages(ctx->queue));
	}
	/* 10 are left of the first; the second makes up for what is missing. */
	KUNIT_EXPECT_EQ(test, 15UL, deferred_free_run(ctx->queue, 15, &run));
	KUNIT_EXPECT_EQ(test, 1UL, deferred_free_items(ctx->queue));

	KUNIT_ASSERT_EQ(test, 12U, ctx->nr_log);
	for (i = 0; i < 10; i++) {
		KUNIT_EXPECT_EQ(test, 0U, ctx->log[i].id);
		KUNIT_EXPECT_EQ(test, 99UL, ctx->log[i].asked);
	}
	KUNIT_EXPECT_EQ(test, 10UL, ctx->log[10].asked);
	KUNIT_EXPECT_EQ(test, 1U, ctx->log[11].id);
	KUNIT_EXPECT_EQ(test, 5UL, ctx->log[11].asked);
	KUNIT_EXPECT_EQ(test, 0UL, ctx->items[0].left);
	KUNIT_EXPECT_EQ(test, 15UL, ctx->items[1].left);
}

/* The callback frees whole pages of its own size, more than it was asked for. */
static void test_overshoot(struct kunit *test)
{
	struct deferred_free_run run = { .reason = DEFERRED_FREE_NORMAL };
	struct ctx *ctx = test->priv;

	ctx_stop_helper(test);
	ctx->items[0].grain = 256;
	ctx_add(ctx, 0, 600);
	KUNIT_EXPECT_EQ(test, 256UL, deferred_free_run(ctx->queue, 1, &run));
	KUNIT_EXPECT_EQ(test, 345UL, deferred_free_pages(ctx->queue));
	KUNIT_EXPECT_EQ(test, 344UL, deferred_free_run(ctx->queue, 257, &run));
	KUNIT_EXPECT_EQ(test, 1UL, deferred_free_pages(ctx->queue));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&ctx->nr_errors));
}

/* Others find the rest of a large item on the list while the helper is at it. */
static void test_helper_pieces(struct kunit *test)
{
	struct ctx *ctx = test->priv;

	ctx_add(ctx, 0, LIMIT);
	KUNIT_ASSERT_TRUE(test, ctx_wait(ctx));
	KUNIT_EXPECT_GT(test, ctx->nr_log, 1U);
	KUNIT_EXPECT_EQ(test, 0UL, ctx->items[0].left);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&ctx->nr_errors));
}

static void test_accept(struct kunit *test)
{
	struct deferred_free_run run = { .reason = DEFERRED_FREE_NORMAL };
	struct ctx *ctx = test->priv;

	ctx_stop_helper(test);
	ctx->items[2].unacceptable = true;
	ctx_add(ctx, 0, 10);
	ctx_add(ctx, 1, 10);
	ctx_add(ctx, 2, 10);
	ctx_add(ctx, 3, 10);

	KUNIT_EXPECT_EQ(test, 20UL, deferred_free_run(ctx->queue, 40, &run));
	KUNIT_EXPECT_EQ(test, 0UL, deferred_free_run(ctx->queue, 40, &run));
	KUNIT_EXPECT_EQ(test, 2UL, deferred_free_items(ctx->queue));
	KUNIT_EXPECT_EQ(test, 21UL, deferred_free_pages(ctx->queue));

	/* The helper isn't asked. */
	complete_all(&ctx->go_on);
	KUNIT_EXPECT_TRUE(test, ctx_wait(ctx));
	KUNIT_EXPECT_EQ(test, 4U, ctx->nr_log);
}

static void count_flush(struct deferred_free_run *run)
{
	struct ctx *ctx = run->priv;

	/* Nobody's when the queue is destroyed. */
	if (!ctx)
		return;
	ctx->nr_flushes++;
	ctx->flush_pages = deferred_free_pages(ctx->queue);
}

static const struct deferred_free_ops flush_ops = {
	.free = ctx_free,
	.flush = count_flush,
};

/* Once per run, when pages are still counted that were gathered only. */
static void test_flush(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	struct deferred_free_run run = {
		.reason = DEFERRED_FREE_NORMAL,
		.priv = ctx,
	};

	ctx_create(test, &flush_ops, LIMIT);
	ctx_stop_helper(test);
	KUNIT_EXPECT_EQ(test, 0UL, deferred_free_run(ctx->queue, 1, &run));
	KUNIT_EXPECT_EQ(test, 0U, ctx->nr_flushes);

	ctx_add(ctx, 0, 10);
	ctx_add(ctx, 1, 10);
	KUNIT_EXPECT_EQ(test, 15UL, deferred_free_run(ctx->queue, 15, &run));
	KUNIT_EXPECT_EQ(test, 1U, ctx->nr_flushes);
	KUNIT_EXPECT_EQ(test, 21UL, ctx->flush_pages);
	KUNIT_EXPECT_EQ(test, 6UL, deferred_free_pages(ctx->queue));
}

static const struct wakeup_param {
	const char *desc;
	unsigned long max_pages;
	unsigned int rounds;
} wakeup_params[] = {
	{ "by the timer", LIMIT, 100 },
	/* One item is more than half: the helper is woken at once. */
	{ "half full", 3, 3000 },
};

KUNIT_ARRAY_PARAM_DESC(wakeup, wakeup_params, desc);

/*
 * Each round adds an item just when the helper, done with the last one, goes to
 * sleep. A lost wake-up leaves it in the queue for good.
 */
static void test_wakeup(struct kunit *test)
{
	const struct wakeup_param *param = test->param_value;
	struct ctx *ctx = test->priv;
	unsigned int i;

	ctx_create(test, &ctx_ops, param->max_pages);
	for (i = 0; i < param->rounds; i++) {
		KUNIT_ASSERT_TRUE(test, ctx_add(ctx, 0, 2));
		KUNIT_ASSERT_TRUE_MSG(test, ctx_wait(ctx),
				      "not freed in round %u", i);
		/* Meet it a little later each time. */
		udelay(i % 16);
	}
	KUNIT_EXPECT_EQ(test, (int)param->rounds, atomic_read(&ctx->nr_gone));
}

/* The helper looked at an empty list while somebody else had the item. */
static void test_wakeup_for_rest(struct kunit *test)
{
	struct deferred_free_run run = { .reason = DEFERRED_FREE_PRESSURE };
	struct ctx *ctx = test->priv;

	ctx_stop_helper(test);
	ctx->items[0].let_helper_look = true;
	ctx_add(ctx, 0, 20);
	KUNIT_EXPECT_EQ(test, 5UL, deferred_free_run(ctx->queue, 5, &run));
	KUNIT_EXPECT_TRUE(test, ctx_wait(ctx));
	KUNIT_EXPECT_EQ(test, 0UL, ctx->items[0].left);
	KUNIT_EXPECT_EQ(test, 2U, ctx->nr_log);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&ctx->nr_errors));
}

struct runner {
	struct ctx *ctx;
	struct task_struct *task;
	enum deferred_free_reason reason;
	unsigned long nr_pages;
	unsigned long freed;
};

static int runner_fn(void *data)
{
	struct runner *runner = data;
	struct deferred_free_run run = { .reason = runner->reason };

	while (!kthread_should_stop()) {
		runner->freed += deferred_free_run(runner->ctx->queue,
						   runner->nr_pages, &run);
		cond_resched();
	}

	return 0;
}

/* Two tasks, the helper, and items that keep coming in. */
static void test_concurrent(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	struct runner runners[] = {
		{ ctx, NULL, DEFERRED_FREE_NORMAL, 3 },
		{ ctx, NULL, DEFERRED_FREE_PRESSURE, 7 },
	};
	unsigned int started, i;
	unsigned long end;

	for (started = 0; started < ARRAY_SIZE(runners); started++) {
		runners[started].task = kthread_run(runner_fn, &runners[started],
						    "deferred_runner");
		if (IS_ERR(runners[started].task))
			break;
	}
	KUNIT_EXPECT_EQ(test, (unsigned int)ARRAY_SIZE(runners), started);

	for (i = 0; i < MAX_ITEMS; i++) {
		if (!ctx_add(ctx, i, i % 97 + 1))
			atomic_inc(&ctx->nr_errors);
		if (i % 8 == 7)
			usleep_range(100, 500);
	}

	end = jiffies + 10 * PATIENCE;
	while (deferred_free_pages(ctx->queue) && time_before(jiffies, end))
		usleep_range(1000, 2000);
	while (started--)
		kthread_stop(runners[started].task);

	KUNIT_EXPECT_EQ(test, 0UL, deferred_free_pages(ctx->queue));
	KUNIT_EXPECT_EQ(test, 0UL, deferred_free_items(ctx->queue));
	KUNIT_EXPECT_EQ(test, MAX_ITEMS, atomic_read(&ctx->nr_gone));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&ctx->nr_errors));
	for (i = 0; i < MAX_ITEMS; i++)
		KUNIT_EXPECT_EQ(test, 0UL, ctx->items[i].left);
}

static int deferred_free_kunit_init(struct kunit *test)
{
	struct ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	if (!ctx)
		return -ENOMEM;

	spin_lock_init(&ctx->lock);
	init_completion(&ctx->stopped);
	init_completion(&ctx->go_on);
	test->priv = ctx;
	ctx_create(test, &ctx_ops, LIMIT);

	return 0;
}

static void deferred_free_kunit_exit(struct kunit *test)
{
	if (test->priv)
		ctx_destroy(test->priv);
}

static struct kunit_case deferred_free_kunit_cases[] = {
	KUNIT_CASE_PARAM(test_order, order_gen_params),
	KUNIT_CASE(test_count),
	KUNIT_CASE(test_bound),
	KUNIT_CASE(test_set_limit),
	KUNIT_CASE(test_pieces),
	KUNIT_CASE(test_overshoot),
	KUNIT_CASE(test_helper_pieces),
	KUNIT_CASE(test_accept),
	KUNIT_CASE(test_flush),
	KUNIT_CASE_PARAM(test_wakeup, wakeup_gen_params),
	KUNIT_CASE(test_wakeup_for_rest),
	KUNIT_CASE(test_concurrent),
	{ }
};

static struct kunit_suite deferred_free_kunit_suite = {
	.name = "deferred_free",
	.init = deferred_free_kunit_init,
	.exit = deferred_free_kunit_exit,
	.test_cases = deferred_free_kunit_cases,
};

kunit_test_suite(deferred_free_kunit_suite);

MODULE_DESCRIPTION("KUnit tests of the deferred free queue");
MODULE_LICENSE("Dual MIT/GPL");
