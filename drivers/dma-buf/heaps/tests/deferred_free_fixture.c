// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The queue and the items that the deferred_free suites work on; see
 * deferred_free_fixture.h
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "deferred_free_fixture.h"

unsigned long deferred_kunit_free(struct deferred_free_item *item,
				  unsigned long nr_pages,
				  struct deferred_free_pass *run)
{
	struct deferred_kunit_item *it =
		container_of(item, struct deferred_kunit_item, item);
	struct deferred_kunit *ctx = it->ctx;
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
		ctx->log[ctx->nr_log++] = (struct deferred_kunit_entry) {
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

static bool accept(const struct deferred_free_item *item,
		   const struct deferred_free_pass *run)
{
	return !container_of_const(item, struct deferred_kunit_item,
				   item)->unacceptable;
}

const struct deferred_free_ops deferred_kunit_ops = {
	.free = deferred_kunit_free,
	.accept = accept,
};

bool deferred_kunit_add(struct deferred_kunit *ctx, unsigned int id,
			unsigned long nr_pages)
{
	struct deferred_kunit_item *it = &ctx->items[id];

	it->ctx = ctx;
	it->id = id;
	it->nr_pages = nr_pages;
	it->left = nr_pages;

	return deferred_free_add(ctx->queue, &it->item, nr_pages);
}

void deferred_kunit_stop_helper(struct kunit *test, unsigned long nr_pages)
{
	struct deferred_kunit *ctx = test->priv;

	ctx->stopper.ctx = ctx;
	ctx->stopper.nr_pages = nr_pages;
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

void deferred_kunit_create(struct kunit *test, const struct deferred_free_ops *ops,
			   unsigned long max_pages)
{
	struct deferred_kunit *ctx = test->priv;

	deferred_kunit_destroy(ctx);
	reinit_completion(&ctx->stopped);
	reinit_completion(&ctx->go_on);
	ctx->queue = deferred_free_create("deferred_kunit", ops, ctx,
					  max_pages);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ctx->queue);
}

int deferred_kunit_init(struct kunit *test)
{
	struct deferred_kunit *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	if (!ctx)
		return -ENOMEM;

	spin_lock_init(&ctx->lock);
	init_completion(&ctx->stopped);
	init_completion(&ctx->go_on);
	test->priv = ctx;
	deferred_kunit_create(test, &deferred_kunit_ops, LIMIT);

	return 0;
}

void deferred_kunit_exit(struct kunit *test)
{
	if (test->priv)
		deferred_kunit_destroy(test->priv);
}

MODULE_DESCRIPTION("KUnit tests of the deferred free queue");
MODULE_LICENSE("Dual MIT/GPL");
