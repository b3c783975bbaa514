/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Deferred freeing of large buffers by a helper thread
 *
 * A driver whose buffers are expensive to take apart (zeroing, cache
 * maintenance, unmapping) hands them to a queue instead of doing that work
 * while a task waits in close(). A kernel thread owned by the queue does it a
 * little later, oldest buffer first.
 *
 * What the queue promises:
 *
 * - It is bounded. deferred_free_add() refuses an item that would take the
 *   queue past its limit, and the caller then frees it in its own context.
 * - Everything is counted in pages of PAGE_SIZE, never in bytes or in items.
 * - Work can be taken out of the helper's hands at any time by
 *   deferred_free_run(): from a shrinker, or from an allocating task that would
 *   rather clean queued memory than clear fresh memory.
 * - An item is freed in pieces, so that a caller gets about as much work done as
 *   it asked for even when the oldest item is a gigabyte. It stays in the queue
 *   until its last page was taken, within reach of all others: a shrinker that
 *   found nothing there would have the OOM killer called.
 *
 * Limits: one helper thread per queue; items are freed in the order they were
 * added only as long as one context works on the queue at a time; a helper that
 * sleeps begins within two timer ticks, or at once if the queue is half full.
 */
#ifndef _LINUX_DEFERRED_FREE_H
#define _LINUX_DEFERRED_FREE_H

#include <linux/list.h>
#include <linux/types.h>

struct deferred_free_queue;

/**
 * enum deferred_free_reason - why an item is being freed
 * @DEFERRED_FREE_NORMAL: There is time: &deferred_free_ops.dispose may sleep,
 *	allocate and do whatever makes the memory reusable.
 * @DEFERRED_FREE_PRESSURE: The memory is wanted elsewhere: it must give it back to
 *	the page allocator at once. It may be running in memory reclaim, so it must
 *	not allocate and must not wait for a lock under which anybody enters
 *	reclaim.
 */
enum deferred_free_reason {
	DEFERRED_FREE_NORMAL,
	DEFERRED_FREE_PRESSURE,
};

/**
 * struct deferred_free_item - what a buffer embeds to be queued
 * @node:	position in the queue; private to the queue
 * @nr_pages:	pages (of PAGE_SIZE) still held by the item; set by
 *		deferred_free_add(), private to the queue until the item is freed
 */
struct deferred_free_item {
	struct list_head node;
	unsigned long nr_pages;
};

/**
 * struct deferred_free_pass - one context working on the queue
 * @reason:	passed on to the callbacks
 * @priv:	for the owner of the callbacks, e.g. a batch being gathered
 */
struct deferred_free_pass {
	enum deferred_free_reason reason;
	void *priv;
};

/**
 * struct deferred_free_ops - what the owner of a queue supplies
 * @take:	Required. Take about @nr_pages pages out of @item for @run, at most
 *		all of them, and return how many. Fewer if @run has no room for
 *		more now; 0 if @run is not to work on @item, which ends the run, and
 *		is not allowed for the helper thread or under pressure. Called under
 *		the queue's spinlock, so that it only moves pages and is quick.
 * @dispose:	Required. Free what @take has taken for @run, or gather it and
 *		finish when @last. Afterwards @run has room again. Called without
 *		locks, and before the pages stop being counted as queued.
 * @release:	Required. Free what @item is embedded in: all of its pages have been
 *		taken, but others may not have disposed of theirs yet. Called
 *		without locks, also in reclaim.
 */
struct deferred_free_ops {
	unsigned long (*take)(struct deferred_free_item *item,
			      unsigned long nr_pages,
			      struct deferred_free_pass *run);
	void (*dispose)(struct deferred_free_pass *run, bool last);
	void (*release)(struct deferred_free_item *item);
};

struct deferred_free_queue *
deferred_free_create(const char *name, const struct deferred_free_ops *ops,
		     void *helper_priv, unsigned long max_pages);
void deferred_free_destroy(struct deferred_free_queue *queue);

bool deferred_free_add(struct deferred_free_queue *queue,
		       struct deferred_free_item *item, unsigned long nr_pages);
unsigned long deferred_free_run(struct deferred_free_queue *queue,
				unsigned long nr_pages,
				struct deferred_free_pass *run);

unsigned long deferred_free_pages(const struct deferred_free_queue *queue);
unsigned long deferred_free_items(const struct deferred_free_queue *queue);
unsigned long deferred_free_limit(const struct deferred_free_queue *queue);
void deferred_free_set_limit(struct deferred_free_queue *queue,
			     unsigned long max_pages);
void deferred_free_set_nice(struct deferred_free_queue *queue, int nice);

#endif /* _LINUX_DEFERRED_FREE_H */
