// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The queue and the items that the deferred_free suites work on; see
 * deferred_free_fixture.h
 */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "deferred_free_fixture.h"

static unsigned long take(struct deferred_free_item *item, unsigned long nr_pages,
			  struct deferred_free_pass *run)
{
	struct deferred_kunit_item *it =
		container_of(item, struct deferred_kunit_item, item);
	struct deferred_kunit *ctx = it->ctx;
	unsigned long done = nr_pages;

	if (it->unacceptable && run->priv != &ctx->helper)
		return 0;
	if (it->stops && run->priv == &ctx->helper &&
	    run->reason == DEFERRED_FREE_NORMAL) {
		it->stops = false;
		ctx->stop_helper = true;
		done = it->stops_after;
	}
	if (!nr_pages || nr_pages > it->left)
		atomic_inc(&ctx->nr_errors);
	if (it->grain)
		done = min(roundup(nr_pages, it->grain), it->left);

	if (it != &ctx->stopper && ctx->nr_log < MAX_LOG)
		ctx->log[ctx->nr_log++] = (struct deferred_kunit_entry) {
			.id = it->id,
			.asked = nr_pages,
			.freed = done,
			.reason = run->reason,
			.priv = run->priv,
		};
	it->left -= done;

	return done;
}

static void dispose(struct deferred_free_pass *run, bool last)
{
	struct deferred_kunit_user *user = run->priv;
	struct deferred_kunit *ctx;

	if (!user)
		return;

	ctx = user->ctx;
	user->nr_disposed++;
	if (last) {
		user->nr_last++;
		user->pages_at_last = deferred_free_pages(ctx->queue);
	}
	if (user != &ctx->helper || !ctx->stop_helper)
		return;

	ctx->stop_helper = false;
	complete(&ctx->stopped);
	while (!wait_for_completion_timeout(&ctx->go_on, 1) &&
	       !kthread_should_stop())
		;
}

static void release(struct deferred_free_item *item)
{
	struct deferred_kunit_item *it =
		container_of(item, struct deferred_kunit_item, item);

	if (it->left)
		atomic_inc(&it->ctx->nr_errors);
	atomic_inc(&it->ctx->nr_gone);
}

static const struct deferred_free_ops ops = {
	.take = take,
	.dispose = dispose,
	.release = release,
};

bool deferred_kunit_add(struct deferred_kunit *ctx, unsigned int id,
			unsigned long nr_pages)
{
	struct deferred_kunit_item *it = &ctx->items[id];

	it->ctx = ctx;
	it->id = id;
	it->left = nr_pages;

	return deferred_free_add(ctx->queue, &it->item, nr_pages);
}

void deferred_kunit_stop_helper(struct kunit *test, unsigned long nr_pages)
{
	struct deferred_kunit *ctx = test->priv;

	ctx->stopper.ctx = ctx;
	ctx->stopper.left = nr_pages;
	ctx->stopper.stops = true;
	ctx->stopper.stops_after = nr_pages;
	KUNIT_ASSERT_TRUE(test, deferred_free_add(ctx->queue,
						  &ctx->stopper.item, nr_pages));
	KUNIT_ASSERT_TRUE(test, wait_for_completion_timeout(&ctx->stopped,
							    PATIENCE));
}

bool deferred_kunit_wait(struct deferred_kunit *ctx)
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

void deferred_kunit_destroy(struct deferred_kunit *ctx)
{
	if (IS_ERR_OR_NULL(ctx->queue))
		return;

	deferred_free_destroy(ctx->queue);
	ctx->queue = NULL;
}

void deferred_kunit_create(struct kunit *test, unsigned long max_pages)
{
	struct deferred_kunit *ctx = test->priv;

	deferred_kunit_destroy(ctx);
	reinit_completion(&ctx->stopped);
	reinit_completion(&ctx->go_on);
	ctx->queue = deferred_free_create("deferred_kunit", &ops,
					  &ctx->helper, max_pages);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ctx->queue);
}

int deferred_kunit_init(struct kunit *test)
{
	struct deferred_kunit *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	if (!ctx)
		return -ENOMEM;

	ctx->helper.ctx = ctx;
	ctx->task.ctx = ctx;
	init_completion(&ctx->stopped);
	init_completion(&ctx->go_on);
	test->priv = ctx;
	deferred_kunit_create(test, LIMIT);

	return 0;
}

void deferred_kunit_exit(struct kunit *test)
{
	if (test->priv)
		deferred_kunit_destroy(test->priv);
}

MODULE_DESCRIPTION("KUnit tests of the deferred free queue");
MODULE_LICENSE("Dual MIT/GPL");
