/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Deferred freeing of large buffers by a helper thread
 *
 * Whoever drops the last reference to a buffer queues it, and a thread frees it a
 * little later, oldest buffer first, in pieces. A shrinker can do some of the work
 * with deferred_free_run().
 *
 * The queue is bounded, in base pages (pages of PAGE_SIZE). A buffer stays queued
 * until its last page was taken, so that reclaim can get at the rest: a shrinker
 * that finds nothing brings on the OOM killer.
 */
#ifndef _DMABUF_DEFERRED_FREE_H
#define _DMABUF_DEFERRED_FREE_H

#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/**
 * struct deferred_free_item - what a buffer embeds; private to the queue
 * @node:	position in the queue
 * @nr_pages:	base pages still in the item
 */
struct deferred_free_item {
	struct list_head node;
	unsigned long nr_pages;
};

struct deferred_free_queue;

/**
 * struct deferred_free_ops - how the owner of a queue frees its items
 * @take:	Move about @nr_pages base pages from @item to @taker and return how
 *		many. Return fewer if @taker has no more room, but not 0. Called
 *		under the queue's spinlock.
 * @dispose:	Free what @taker has taken, or gather it until @last, which is the
 *		end of a run, of an empty one too. Called without locks; the pages
 *		are counted as queued until it returns.
 * @release:	Free what @item is embedded in, its last page is taken. Called
 *		without locks, also in reclaim.
 */
struct deferred_free_ops {
	unsigned long (*take)(struct deferred_free_item *item,
			      unsigned long nr_pages, void *taker);
	void (*dispose)(void *taker, bool last);
	void (*release)(struct deferred_free_queue *queue,
			struct deferred_free_item *item);
};

/**
 * struct deferred_free_queue - buffers waiting to be freed
 * @lock:	protects the next three, and &deferred_free_item.nr_pages
 * @items:	oldest first, each with pages
 * @nr_items:	on @items
 * @nr_pages:	base pages in @items, and those taken but not yet disposed of
 * @max_pages:	bound for @nr_pages; the owner may change it at any time
 * @ops:	constant, like the following
 * @taker:	the helper's
 * @worker:	the helper thread
 * @work:	what it does
 */
struct deferred_free_queue {
	spinlock_t lock;	/* items and counts */
	struct list_head items;
	unsigned long nr_items;
	unsigned long nr_pages;
	unsigned long max_pages;

	const struct deferred_free_ops *ops;
	void *taker;
	struct kthread_worker *worker;
	struct kthread_delayed_work work;
};

int deferred_free_init(struct deferred_free_queue *queue, const char *name,
		       const struct deferred_free_ops *ops, void *taker);

bool deferred_free_add(struct deferred_free_queue *queue,
		       struct deferred_free_item *item, unsigned long nr_pages);
unsigned long deferred_free_run(struct deferred_free_queue *queue,
				unsigned long nr_pages, void *taker);

/* Base pages in the queue or being worked on; a snapshot. */
static inline unsigned long
deferred_free_pages(const struct deferred_free_queue *queue)
{
	return READ_ONCE(queue->nr_pages);
}

#endif /* _DMABUF_DEFERRED_FREE_H */
