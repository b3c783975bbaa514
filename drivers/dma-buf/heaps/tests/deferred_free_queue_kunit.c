// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of the deferred free queue: what <linux/deferred_free.h> promises to
 * those who add and those who free, about order, bound, count and pieces
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/deferred_free.h>
#include <kunit/test.h>

#include "deferred_free_fixture.h"

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
	struct deferred_kunit *ctx = test->priv;
	struct deferred_free_pass run = {
		.reason = param->reason,
		.priv = &ctx->task,
	};
	unsigned long total = 0;
	unsigned int i;

	/* So much that the helper is done with its turn when it comes back. */
	deferred_kunit_stop_helper(test, LIMIT / 2);
	for (i = 0; i < 10; i++) {
		KUNIT_ASSERT_TRUE(test, deferred_kunit_add(ctx, i, 10 * i + 1));
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
		KUNIT_EXPECT_TRUE(test, deferred_kunit_wait(ctx));
		break;
	case BY_DESTROY:
		deferred_kunit_destroy(ctx);
		break;
	}

	KUNIT_ASSERT_EQ(test, 10U, ctx->nr_log);
	for (i = 0; i < 10; i++) {
		KUNIT_EXPECT_EQ(test, i, ctx->log[i].id);
		KUNIT_EXPECT_EQ(test, 10UL * i + 1, ctx->log[i].freed);
		KUNIT_EXPECT_EQ(test, param->reason, ctx->log[i].reason);
		if (param->freer == BY_RUN)
			KUNIT_EXPECT_PTR_EQ(test, (void *)&ctx->task, ctx->log[i].priv);
		if (param->freer == BY_HELPER)
			KUNIT_EXPECT_PTR_EQ(test, (void *)&ctx->helper, ctx->log[i].priv);
	}
}

static void test_count(struct kunit *test)
{
	struct deferred_free_pass run = { .reason = DEFERRED_FREE_NORMAL };
	struct deferred_kunit *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, 0UL, deferred_free_pages(ctx->queue));
	KUNIT_EXPECT_EQ(test, 0UL, deferred_free_run(ctx->queue, 1, &run));

	deferred_kunit_stop_helper(test, 1);
	KUNIT_EXPECT_EQ(test, 0UL, deferred_free_items(ctx->queue));
	/* What is being worked on is counted in pages. */
	KUNIT_EXPECT_EQ(test, 1UL, deferred_free_pages(ctx->queue));

	deferred_kunit_add(ctx, 0, 7);
	deferred_kunit_add(ctx, 1, 1000);
	KUNIT_EXPECT_EQ(test, 2UL, deferred_free_items(ctx->queue));
	KUNIT_EXPECT_EQ(test, 1008UL, deferred_free_pages(ctx->queue));

	KUNIT_EXPECT_EQ(test, 7UL, deferred_free_run(ctx->queue, 7, &run));
	KUNIT_EXPECT_EQ(test, 1UL, deferred_free_items(ctx->queue));
	KUNIT_EXPECT_EQ(test, 1001UL, deferred_free_pages(ctx->queue));

	complete_all(&ctx->go_on);
	KUNIT_EXPECT_TRUE(test, deferred_kunit_wait(ctx));
	KUNIT_EXPECT_EQ(test, 0UL, deferred_free_items(ctx->queue));
}

static void test_bound(struct kunit *test)
{
	struct deferred_free_pass run = { .reason = DEFERRED_FREE_NORMAL };
	struct deferred_kunit *ctx = test->priv;

	deferred_kunit_create(test, 1000);
	KUNIT_EXPECT_EQ(test, 1000UL, deferred_free_limit(ctx->queue));
	KUNIT_EXPECT_FALSE(test, deferred_kunit_add(ctx, 0, 1001));
	KUNIT_EXPECT_FALSE(test, deferred_kunit_add(ctx, 0, ULONG_MAX));

	deferred_kunit_stop_helper(test, 1);
	KUNIT_EXPECT_TRUE(test, deferred_kunit_add(ctx, 0, 600));
	KUNIT_EXPECT_FALSE(test, deferred_kunit_add(ctx, 1, 400));
	KUNIT_EXPECT_FALSE(test, deferred_kunit_add(ctx, 1, ULONG_MAX));
	KUNIT_EXPECT_TRUE(test, deferred_kunit_add(ctx, 1, 399));
	KUNIT_EXPECT_FALSE(test, deferred_kunit_add(ctx, 2, 1));
	KUNIT_EXPECT_EQ(test, 1000UL, deferred_free_pages(ctx->queue));
	KUNIT_EXPECT_EQ(test, 2UL, deferred_free_items(ctx->queue));

	/* As much as was freed, and no more, can be added again. */
	KUNIT_EXPECT_EQ(test, 5UL, deferred_free_run(ctx->queue, 5, &run));
	KUNIT_EXPECT_FALSE(test, deferred_kunit_add(ctx, 2, 6));
	KUNIT_EXPECT_TRUE(test, deferred_kunit_add(ctx, 2, 5));
	KUNIT_EXPECT_FALSE(test, deferred_kunit_add(ctx, 3, 1));
}

static void test_set_limit(struct kunit *test)
{
	struct deferred_free_pass run = { .reason = DEFERRED_FREE_NORMAL };
	struct deferred_kunit *ctx = test->priv;

	deferred_kunit_stop_helper(test, 1);
	KUNIT_ASSERT_TRUE(test, deferred_kunit_add(ctx, 0, 99));

	/* What is queued beyond the limit stays. */
	deferred_free_set_limit(ctx->queue, 50);
	KUNIT_EXPECT_EQ(test, 50UL, deferred_free_limit(ctx->queue));
	KUNIT_EXPECT_EQ(test, 100UL, deferred_free_pages(ctx->queue));
	KUNIT_EXPECT_FALSE(test, deferred_kunit_add(ctx, 1, 1));

	KUNIT_EXPECT_EQ(test, 60UL, deferred_free_run(ctx->queue, 60, &run));
	KUNIT_EXPECT_FALSE(test, deferred_kunit_add(ctx, 1, 11));
	KUNIT_EXPECT_TRUE(test, deferred_kunit_add(ctx, 1, 10));

	deferred_free_set_limit(ctx->queue, 51);
	KUNIT_EXPECT_TRUE(test, deferred_kunit_add(ctx, 2, 1));

	deferred_free_set_limit(ctx->queue, 0);
	KUNIT_EXPECT_FALSE(test, deferred_kunit_add(ctx, 3, 1));
}

/* A large item is freed in pieces and keeps its place. */
static void test_pieces(struct kunit *test)
{
	struct deferred_free_pass run = { .reason = DEFERRED_FREE_PRESSURE };
	struct deferred_kunit *ctx = test->priv;
	unsigned int i;

	deferred_kunit_stop_helper(test, 1);
	deferred_kunit_add(ctx, 0, 1000);
	deferred_kunit_add(ctx, 1, 20);
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
	struct deferred_free_pass run = { .reason = DEFERRED_FREE_NORMAL };
	struct deferred_kunit *ctx = test->priv;

	deferred_kunit_stop_helper(test, 1);
	ctx->items[0].grain = 256;
	deferred_kunit_add(ctx, 0, 600);
	KUNIT_EXPECT_EQ(test, 256UL, deferred_free_run(ctx->queue, 1, &run));
	KUNIT_EXPECT_EQ(test, 345UL, deferred_free_pages(ctx->queue));
	KUNIT_EXPECT_EQ(test, 344UL, deferred_free_run(ctx->queue, 257, &run));
	KUNIT_EXPECT_EQ(test, 1UL, deferred_free_pages(ctx->queue));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&ctx->nr_errors));
}

static void test_accept(struct kunit *test)
{
	struct deferred_free_pass run = { .reason = DEFERRED_FREE_NORMAL };
	struct deferred_kunit *ctx = test->priv;

	deferred_kunit_stop_helper(test, 1);
	ctx->items[2].unacceptable = true;
	deferred_kunit_add(ctx, 0, 10);
	deferred_kunit_add(ctx, 1, 10);
	deferred_kunit_add(ctx, 2, 10);
	deferred_kunit_add(ctx, 3, 10);

	KUNIT_EXPECT_EQ(test, 20UL, deferred_free_run(ctx->queue, 40, &run));
	KUNIT_EXPECT_EQ(test, 0UL, deferred_free_run(ctx->queue, 40, &run));
	KUNIT_EXPECT_EQ(test, 2UL, deferred_free_items(ctx->queue));
	KUNIT_EXPECT_EQ(test, 21UL, deferred_free_pages(ctx->queue));

	/* The helper isn't asked. */
	complete_all(&ctx->go_on);
	KUNIT_EXPECT_TRUE(test, deferred_kunit_wait(ctx));
	KUNIT_EXPECT_EQ(test, 4U, ctx->nr_log);
}

/* The helper stops with a page in its hands. All others are there for reclaim. */
static void test_pressure_while_taken(struct kunit *test)
{
	struct deferred_free_pass run = { .reason = DEFERRED_FREE_PRESSURE };
	struct deferred_kunit *ctx = test->priv;

	ctx->items[0].stops = true;
	ctx->items[0].stops_after = 1;
	KUNIT_ASSERT_TRUE(test, deferred_kunit_add(ctx, 0, 100));
	KUNIT_ASSERT_TRUE(test, wait_for_completion_timeout(&ctx->stopped,
							    PATIENCE));
	KUNIT_EXPECT_EQ(test, 99UL, deferred_free_run(ctx->queue, 1000, &run));
	KUNIT_EXPECT_EQ(test, 0UL, ctx->items[0].left);
	KUNIT_EXPECT_EQ(test, 1UL, deferred_free_pages(ctx->queue));
	KUNIT_EXPECT_EQ(test, 0UL, deferred_free_items(ctx->queue));
	complete_all(&ctx->go_on);
	KUNIT_EXPECT_TRUE(test, deferred_kunit_wait(ctx));
}

/* Finished once per run, while the pages are still counted. */
static void test_dispose(struct kunit *test)
{
	struct deferred_kunit *ctx = test->priv;
	struct deferred_free_pass run = {
		.reason = DEFERRED_FREE_NORMAL,
		.priv = &ctx->task,
	};

	deferred_kunit_stop_helper(test, 1);
	KUNIT_EXPECT_EQ(test, 0UL, deferred_free_run(ctx->queue, 1, &run));
	KUNIT_EXPECT_EQ(test, 0U, ctx->task.nr_disposed);

	deferred_kunit_add(ctx, 0, 10);
	deferred_kunit_add(ctx, 1, 10);
	KUNIT_EXPECT_EQ(test, 15UL, deferred_free_run(ctx->queue, 15, &run));
	KUNIT_EXPECT_EQ(test, 3U, ctx->task.nr_disposed);
	KUNIT_EXPECT_EQ(test, 1U, ctx->task.nr_last);
	KUNIT_EXPECT_EQ(test, 21UL, ctx->task.pages_at_last);
	KUNIT_EXPECT_EQ(test, 6UL, deferred_free_pages(ctx->queue));
}

static struct kunit_case deferred_free_queue_cases[] = {
	KUNIT_CASE_PARAM(test_order, order_gen_params),
	KUNIT_CASE(test_count),
	KUNIT_CASE(test_bound),
	KUNIT_CASE(test_set_limit),
	KUNIT_CASE(test_pieces),
	KUNIT_CASE(test_overshoot),
	KUNIT_CASE(test_accept),
	KUNIT_CASE(test_pressure_while_taken),
	KUNIT_CASE(test_dispose),
	{ }
};

static struct kunit_suite deferred_free_queue_suite = {
	.name = "deferred_free_queue",
	.init = deferred_kunit_init,
	.exit = deferred_kunit_exit,
	.test_cases = deferred_free_queue_cases,
};

kunit_test_suite(deferred_free_queue_suite);
