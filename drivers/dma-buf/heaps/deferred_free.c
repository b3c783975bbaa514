// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Deferred freeing of large buffers by a helper thread
 *
 * The contract is in <linux/deferred_free.h>. This file is a list, a count and a
 * thread:
 *
 *   deferred_free_add()	to the tail of the list; arms the timer
 *   the timer, a half full queue
 *			wake the helper
 *   the helper		from the head, until the list is empty
 *   deferred_free_run()	from the head, as far as its caller wants
 *
 * The closing task arms a timer instead of waking the helper because a wake-up
 * costs as much as the rest of a small close, and because items that gather
 * until the timer fires can be cleaned together.
 *
 * A wake-up cannot be lost: whoever puts an item on the list arms the timer unless
 * it is already pending, or wakes the helper. Both ways set ->kick first, which the
 * helper clears before it looks.
 */
#include <linux/deferred_free.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/wait.h>

/*
 * How much the helper frees before it counts that as done and looks around: small
 * enough that those who fill the queue soon see that there is room, large enough
 * that looking costs nothing in comparison.
 */
#define HELPER_CHUNK_PAGES	(SZ_4M >> PAGE_SHIFT)

/*
 * From the first item to the helper's wake-up, in ticks on top of the rest of this
 * one. With 0 less is gathered: a loop over buffers of 64 KiB takes 13 % more.
 */
#define HELPER_DELAY		1

/**
 * struct deferred_free_queue - items waiting to be freed
 * @lock:	protects what follows, up to @max_pages, and what is left of each
 *		item; the counts and the bound are also read without
 * @items:	oldest first, each with pages
 * @nr_items:	items on the list
 * @nr_pages:	pages on the list, and taken but not yet disposed of
 * @max_pages:	bound for @nr_pages
 * @ops:	the owner's callbacks
 * @run:	the helper's context
 * @timer:	wakes the helper
 * @wait:	where the helper sleeps
 * @kick:	whether the helper has been asked to look at the list
 * @helper:	the thread
 */
struct deferred_free_queue {
	spinlock_t lock;	/* protects the list and the counts */
	struct list_head items;
	unsigned long nr_items;
	unsigned long nr_pages;
	unsigned long max_pages;

	const struct deferred_free_ops *ops;
	struct deferred_free_pass run;

	struct timer_list timer;
	wait_queue_head_t wait;
	int kick;	/* some architectures have no xchg() of a byte */
	struct task_struct *helper;
};

static void deferred_free_kick(struct deferred_free_queue *queue)
{
	/* Pairs with the xchg() in deferred_free_helper(). */
	smp_store_release(&queue->kick, 1);
	wake_up(&queue->wait);
}

static void deferred_free_timer(struct timer_list *timer)
{
	deferred_free_kick(container_of(timer, struct deferred_free_queue, timer));
}

/*
 * For who has just put an item on the list, under its lock: a helper that did not
 * find it there had the lock before, and the timer that woke it is not seen as
 * pending any more.
 */
static void deferred_free_arm(struct deferred_free_queue *queue)
{
	if (!timer_pending(&queue->timer))
		mod_timer(&queue->timer, jiffies + HELPER_DELAY);
}

/*
 * Take pages out of the oldest item, and the item off the list with its last ones.
 * Return: how many; 0 if there are none for @run.
 */
static unsigned long deferred_free_take(struct deferred_free_queue *queue,
					unsigned long nr_pages,
					struct deferred_free_pass *run,
					struct deferred_free_item **empty)
{
	struct deferred_free_item *item;
	unsigned long taken = 0;

	*empty = NULL;
	spin_lock(&queue->lock);
	item = list_first_entry_or_null(&queue->items,
					struct deferred_free_item, node);
	if (item) {
		taken = queue->ops->take(item, min(nr_pages, item->nr_pages),
					 run);
		item->nr_pages -= taken;
		if (!item->nr_pages) {
			list_del(&item->node);
			WRITE_ONCE(queue->nr_items, queue->nr_items - 1);
			*empty = item;
		}
	}
	spin_unlock(&queue->lock);

	return taken;
}

/**
 * deferred_free_run - free the oldest items in the caller's context
 * @queue:	the queue
 * @nr_pages:	how much to free; the last item may overshoot it by as much as
 *		the &deferred_free_ops.take callback does
 * @run:	the caller's context, passed to the callbacks
 *
 * Context: as %DEFERRED_FREE_NORMAL may sleep; as %DEFERRED_FREE_PRESSURE may be
 * called from reclaim, takes only a spinlock and what the callbacks take.
 * Return: pages freed; 0 when there is nothing in the queue for @run.
 */
unsigned long deferred_free_run(struct deferred_free_queue *queue,
				unsigned long nr_pages,
				struct deferred_free_pass *run)
{
	struct deferred_free_item *empty;
	unsigned long freed = 0, taken;

	while (freed < nr_pages) {
		taken = deferred_free_take(queue, nr_pages - freed, run, &empty);
		if (!taken)
			break;
		freed += taken;
		queue->ops->dispose(run, false);
		if (empty)
			queue->ops->release(empty);
	}

	if (!freed)
		return 0;

	queue->ops->dispose(run, true);

	spin_lock(&queue->lock);
	WRITE_ONCE(queue->nr_pages, queue->nr_pages - freed);
	spin_unlock(&queue->lock);

	return freed;
}
EXPORT_SYMBOL_GPL(deferred_free_run);

static int deferred_free_helper(void *data)
{
	struct deferred_free_queue *queue = data;

	while (!kthread_should_stop()) {
		/* xchg() orders the list after the kick, see deferred_free_kick(). */
		wait_event_idle(queue->wait, xchg(&queue->kick, 0) ||
				kthread_should_stop());

		while (!kthread_should_stop() &&
		       deferred_free_run(queue, HELPER_CHUNK_PAGES, &queue->run))
			cond_resched();
	}

	return 0;
}

/**
 * deferred_free_add - queue an item to be freed later
 * @queue:	the queue
 * @item:	the item; belongs to the queue once it was accepted
 * @nr_pages:	pages (of PAGE_SIZE) the item holds, not 0
 *
 * Context: any task context that may take a spinlock. Never sleeps or allocates.
 * Return: false if @nr_pages more would take the queue past its limit. The
 * caller keeps the item then, and should free it as if under pressure.
 */
bool deferred_free_add(struct deferred_free_queue *queue,
		       struct deferred_free_item *item, unsigned long nr_pages)
{
	unsigned long half = READ_ONCE(queue->max_pages) / 2;
	unsigned long before;

	spin_lock(&queue->lock);
	before = queue->nr_pages;
	if (before > queue->max_pages || nr_pages > queue->max_pages - before) {
		spin_unlock(&queue->lock);
		return false;
	}
	item->nr_pages = nr_pages;
	list_add_tail(&item->node, &queue->items);
	WRITE_ONCE(queue->nr_items, queue->nr_items + 1);
	WRITE_ONCE(queue->nr_pages, before + nr_pages);
	spin_unlock(&queue->lock);

	if (before <= half && before + nr_pages > half)
		deferred_free_kick(queue);
	else
		deferred_free_arm(queue);

	return true;
}
EXPORT_SYMBOL_GPL(deferred_free_add);

/**
 * deferred_free_pages - how much memory the queue holds
 * @queue:	the queue
 *
 * Return: pages of all items not yet freed, including those being worked on. A
 * snapshot when called without other synchronisation.
 */
unsigned long deferred_free_pages(const struct deferred_free_queue *queue)
{
	return READ_ONCE(queue->nr_pages);
}
EXPORT_SYMBOL_GPL(deferred_free_pages);

/**
 * deferred_free_items - how many items wait
 * @queue:	the queue
 *
 * Return: items of which pages wait; a snapshot.
 */
unsigned long deferred_free_items(const struct deferred_free_queue *queue)
{
	return READ_ONCE(queue->nr_items);
}
EXPORT_SYMBOL_GPL(deferred_free_items);

/**
 * deferred_free_limit - the bound in force
 * @queue:	the queue
 *
 * Return: the limit in pages.
 */
unsigned long deferred_free_limit(const struct deferred_free_queue *queue)
{
	return READ_ONCE(queue->max_pages);
}
EXPORT_SYMBOL_GPL(deferred_free_limit);

/**
 * deferred_free_set_limit - change the bound
 * @queue:	the queue
 * @max_pages:	new limit; what is queued beyond it stays until it is freed
 */
void deferred_free_set_limit(struct deferred_free_queue *queue,
			     unsigned long max_pages)
{
	spin_lock(&queue->lock);
	WRITE_ONCE(queue->max_pages, max_pages);
	spin_unlock(&queue->lock);
}
EXPORT_SYMBOL_GPL(deferred_free_set_limit);

/**
 * deferred_free_set_nice - change the priority of the helper thread
 * @queue:	the queue
 * @nice:	from %MIN_NICE to %MAX_NICE; 0 unless this has been called
 *
 * A helper that only runs when nobody else does leaves memory unusable just when
 * the system is busy; the queue's bound then makes closing tasks free it.
 *
 * Context: process context.
 */
void deferred_free_set_nice(struct deferred_free_queue *queue, int nice)
{
	set_user_nice(queue->helper, nice);
}
EXPORT_SYMBOL_GPL(deferred_free_set_nice);

/**
 * deferred_free_create - create a queue and start its helper thread
 * @name:	of the thread
 * @ops:	callbacks, must outlive the queue
 * @helper_priv: &deferred_free_pass.priv of the helper's runs
 * @max_pages:	bound in pages
 *
 * Context: process context, may sleep.
 * Return: the queue, or an ERR_PTR().
 */
struct deferred_free_queue *
deferred_free_create(const char *name, const struct deferred_free_ops *ops,
		     void *helper_priv, unsigned long max_pages)
{
	struct deferred_free_queue *queue;
	struct task_struct *helper;

	queue = kzalloc_obj(*queue);
	if (!queue)
		return ERR_PTR(-ENOMEM);

	spin_lock_init(&queue->lock);
	INIT_LIST_HEAD(&queue->items);
	init_waitqueue_head(&queue->wait);
	timer_setup(&queue->timer, deferred_free_timer, 0);
	queue->max_pages = max_pages;
	queue->ops = ops;
	queue->run.reason = DEFERRED_FREE_NORMAL;
	queue->run.priv = helper_priv;

	helper = kthread_run(deferred_free_helper, queue, "%s", name);
	if (IS_ERR(helper)) {
		kfree(queue);
		return ERR_CAST(helper);
	}
	queue->helper = helper;

	return queue;
}
EXPORT_SYMBOL_GPL(deferred_free_create);

/**
 * deferred_free_destroy - stop the helper and free what is queued
 * @queue:	the queue; the caller makes sure that nobody adds to it any more
 *
 * Context: process context, may sleep.
 */
void deferred_free_destroy(struct deferred_free_queue *queue)
{
	kthread_stop(queue->helper);
	timer_shutdown_sync(&queue->timer);

	queue->run.reason = DEFERRED_FREE_PRESSURE;
	while (deferred_free_run(queue, ULONG_MAX, &queue->run))
		;
	kfree(queue);
}
EXPORT_SYMBOL_GPL(deferred_free_destroy);

MODULE_DESCRIPTION("Deferred freeing of large buffers by a helper thread");
MODULE_LICENSE("Dual MIT/GPL");
