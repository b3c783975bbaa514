// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of the helper thread of the deferred free queue: it comes for whatever
 * is added, leaves the rest of a large item to others, and nothing is lost or freed
 * twice when others free at the same time
 */
#include <linux/atomic.h>
#include <linux/deferred_free.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <kunit/test.h>

#include "deferred_free_fixture.h"

/* Others find the rest of a large item on the list while the helper is at it. */
static void test_helper_pieces(struct kunit *test)
{
	struct deferred_kunit *ctx = test->priv;

	deferred_kunit_add(ctx, 0, LIMIT);
	KUNIT_ASSERT_TRUE(test, deferred_kunit_wait(ctx));
	KUNIT_EXPECT_GT(test, ctx->nr_log, 1U);
	KUNIT_EXPECT_EQ(test, 0UL, ctx->items[0].left);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&ctx->nr_errors));
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
	struct deferred_kunit *ctx = test->priv;
	unsigned int i;

	deferred_kunit_create(test, param->max_pages);
	for (i = 0; i < param->rounds; i++) {
		KUNIT_ASSERT_TRUE(test, deferred_kunit_add(ctx, 0, 2));
		KUNIT_ASSERT_TRUE_MSG(test, deferred_kunit_wait(ctx),
				      "not freed in round %u", i);
		/* Meet it a little later each time. */
		udelay(i % 16);
	}
	KUNIT_EXPECT_EQ(test, (int)param->rounds, atomic_read(&ctx->nr_gone));
}

/* Half of what may wait is there: nobody waits for the timer. */
static void test_half_full(struct kunit *test)
{
	struct deferred_kunit *ctx = test->priv;
	unsigned int tries;
	unsigned long tick;

	deferred_kunit_create(test, 3);
	/* Other work may get in between, but not each time. */
	for (tries = 0; tries < 100; tries++) {
		/* The helper is asleep then, and a tick has just begun. */
		msleep(20);
		tick = jiffies;
		KUNIT_ASSERT_TRUE(test, deferred_kunit_add(ctx, 0, 2));
		KUNIT_ASSERT_TRUE(test, deferred_kunit_wait(ctx));
		if (!time_after(jiffies, tick))
			return;
	}
	KUNIT_FAIL(test, "always a tick later");
}

struct runner {
	struct deferred_kunit *ctx;
	struct task_struct *task;
	enum deferred_free_reason reason;
	unsigned long nr_pages;
	unsigned long freed;
};

static int runner_fn(void *data)
{
	struct runner *runner = data;
	struct deferred_free_pass run = { .reason = runner->reason };

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
	struct deferred_kunit *ctx = test->priv;
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
		if (!deferred_kunit_add(ctx, i, i % 97 + 1))
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

static struct kunit_case deferred_free_helper_cases[] = {
	KUNIT_CASE(test_helper_pieces),
	KUNIT_CASE_PARAM(test_wakeup, wakeup_gen_params),
	KUNIT_CASE(test_half_full),
	KUNIT_CASE(test_concurrent),
	{ }
};

static struct kunit_suite deferred_free_helper_suite = {
	.name = "deferred_free_helper",
	.init = deferred_kunit_init,
	.exit = deferred_kunit_exit,
	.test_cases = deferred_free_helper_cases,
};

kunit_test_suite(deferred_free_helper_suite);
