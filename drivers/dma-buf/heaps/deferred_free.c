// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Deferred freeing of large buffers by a helper thread, see deferred_free.h
 */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/timer.h>

#include "deferred_free.h"

/* How much the helper frees before others see that there is room again. */
#define HELPER_CHUNK_PAGES	(SZ_4M >> PAGE_SHIFT)

/* Ticks until the helper starts, so that buffers are zeroed together. */
#define HELPER_DELAY		1

/**
 * deferred_free_run - free the oldest items in the caller's context
 * @queue:	the queue
 * @nr_pages:	how much to free, in base pages; &deferred_free_ops.take may
 *		overshoot it
 * @taker:	for the callbacks
 *
 * Context: takes a spinlock; otherwise that of the callbacks with this @taker.
 * Return: base pages freed, 0 when nothing is queued.
 */
unsigned long deferred_free_run(struct deferred_free_queue *queue,
				unsigned long nr_pages, void *taker)
{
	struct deferred_free_item *item;
	unsigned long freed = 0, taken;

	spin_lock(&queue->lock);
	while (freed < nr_pages && !list_empty(&queue->items)) {
		item = list_first_entry(&queue->items, typeof(*item), node);
		taken = min(nr_pages - freed, item->nr_pages);
		taken = queue->ops->take(item, taken, taker);
		freed += taken;
		item->nr_pages -= taken;
		if (item->nr_pages) {
			item = NULL;
		} else {
			list_del(&item->node);
			WRITE_ONCE(queue->nr_items, queue->nr_items - 1);
		}
		spin_unlock(&queue->lock);

		queue->ops->dispose(taker, false);
		if (item)
			queue->ops->release(queue, item);
		spin_lock(&queue->lock);
	}
	spin_unlock(&queue->lock);

	/* Also if nothing was freed: others may have taken what was queued. */
	queue->ops->dispose(taker, true);

	scoped_guard(spinlock, &queue->lock)
		WRITE_ONCE(queue->nr_pages, queue->nr_pages - freed);

	return freed;
}

static void deferred_free_work(struct kthread_work *work)
{
	struct deferred_free_queue *queue;

	queue = container_of(work, struct deferred_free_queue, work.work);
	/* A chunk at a time, so that a flush waits for no more than that. */
	if (deferred_free_run(queue, HELPER_CHUNK_PAGES, queue->taker))
		kthread_mod_delayed_work(queue->worker, &queue->work, 0);
}

/**
 * deferred_free_add - queue an item to be freed later
 * @queue:	the queue
 * @item:	the item; the queue's if it is accepted
 * @nr_pages:	base pages in it, not 0
 *
 * The helper starts within two ticks, or at once if more than half of the bound is
 * queued.
 *
 * Context: process context. Never sleeps or allocates.
 * Return: false if the item does not fit; the caller keeps it.
 */
bool deferred_free_add(struct deferred_free_queue *queue,
		       struct deferred_free_item *item, unsigned long nr_pages)
{
	unsigned long max_pages = READ_ONCE(queue->max_pages);
	unsigned long before, half = max_pages / 2;

	spin_lock(&queue->lock);
	before = queue->nr_pages;
	if (before > max_pages || nr_pages > max_pages - before) {
		spin_unlock(&queue->lock);
		return false;
	}
	item->nr_pages = nr_pages;
	list_add_tail(&item->node, &queue->items);
	WRITE_ONCE(queue->nr_items, queue->nr_items + 1);
	WRITE_ONCE(queue->nr_pages, before + nr_pages);
	spin_unlock(&queue->lock);

	/* If the helper missed the item, its timer was not pending any more. */
	if (before <= half && before + nr_pages > half)
		kthread_mod_delayed_work(queue->worker, &queue->work, 0);
	else if (!timer_pending(&queue->work.timer))
		kthread_queue_delayed_work(queue->worker, &queue->work,
					   HELPER_DELAY);

	return true;
}

/**
 * deferred_free_init - set up a queue and start its helper thread
 * @queue:	zeroed memory
 * @name:	of the heap
 * @ops:	callbacks
 * @taker:	for the helper's calls of the callbacks
 *
 * Context: may sleep.
 * Return: 0 or an error.
 */
int deferred_free_init(struct deferred_free_queue *queue, const char *name,
		       const struct deferred_free_ops *ops, void *taker)
{
	spin_lock_init(&queue->lock);
	INIT_LIST_HEAD(&queue->items);
	queue->ops = ops;
	queue->taker = taker;
	kthread_init_delayed_work(&queue->work, deferred_free_work);
	queue->worker = kthread_run_worker(0, "dma-heap-%s", name);

	return PTR_ERR_OR_ZERO(queue->worker);
}

#ifdef CONFIG_DMABUF_HEAPS_KUNIT_TEST
#include "tests/deferred_free_kunit.c"
#endif
