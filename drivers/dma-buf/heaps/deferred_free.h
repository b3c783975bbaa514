/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Queue of closed buffers
 *
 * A thread zeroes the pages of closed buffers, a batch at a time, and puts them into the
 * cache, oldest buffer first. Pages that no bin owns or that the cache has no room for
 * are freed unzeroed; under memory pressure all are. If the thread is behind, allocations
 * reuse the pages of the newest buffer.
 *
 * The queue has a limit in base pages (pages of PAGE_SIZE). A buffer stays queued until
 * its last page is dequeued, so that reclaim can free the rest. A shrinker that finds
 * nothing invites the OOM killer. Queued pages count as reclaimable memory of their node
 * until they are dequeued.
 */
#ifndef _DMABUF_DEFERRED_FREE_H
#define _DMABUF_DEFERRED_FREE_H

#include <linux/atomic.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/spinlock.h>

#include "heap_cache.h"
#include "heap_zero.h"

struct heap_sgl;
struct scatterlist;

/**
 * struct deferred_free - queue of closed buffers, and its counters
 * @lock:	protects all members up to @nr_reused, and each buffer's &struct heap_sgl
 * @buffers:	closed buffers with pages left, oldest first
 * @nr_buffers:	length of @buffers
 * @nr_pages:	base pages in @buffers, and those that the thread or reclaim works on
 * @low:	the lowest @nr_pages since the thread last looked at the queue, or since a
 *		buffer was queued while the timer of @work was not armed
 * @nr_reused:	buffers reused since the thread last looked at the queue
 * @behind:	allocations got new memory though pages were queued; set without @lock
 * @limit:	for @nr_pages; may change at any time
 * @cache:	where zeroed pages go
 * @method:	see heap_pool_create()
 * @worker:	the thread
 * @work:	the thread's work, with a timer
 * @batch:	pages that the thread zeroes together: each head page, then room for its tail pages;
 *		the last one may take the batch past %HEAP_ZERO_BATCH base pages
 * @nr_batch:	base pages in @batch
 * @nr_dequeued: base pages dequeued since the last flush
 * @zeroed:	base pages that the thread zeroed; all counters are in base pages
 * @zero_failed: pages that were freed because they could not be mapped
 * @refused:	pages freed by the closing task, as the queue had no room
 * @reused:	pages zeroed by an allocating task
 * @queued:	[node] pages in the queue, as accounted in vmstat
 */
struct deferred_free {
	spinlock_t lock;	/* buffers and counts */
	struct list_head buffers;
	unsigned long nr_buffers;
	unsigned long nr_pages;
	unsigned long low;
	unsigned int nr_reused;
	bool behind;
	unsigned long limit;

	struct heap_cache *cache;
	const enum heap_zero_method *method;
	struct kthread_worker *worker;
	struct kthread_delayed_work work;
	struct page *batch[HEAP_ZERO_BATCH + HEAP_MAX_PAGES - 1];
	unsigned int nr_batch;
	unsigned int nr_dequeued;

	atomic_long_t zeroed;
	atomic_long_t zero_failed;
	atomic_long_t refused;
	atomic_long_t reused;
	atomic_long_t queued[];
};

struct deferred_free *deferred_free_create(const char *name,
					   struct heap_cache *cache,
					   const enum heap_zero_method *method);

void deferred_free_add(struct deferred_free *queue, struct heap_sgl *sgl);
unsigned int deferred_free_reuse(struct deferred_free *queue, int nid,
				 unsigned int order, bool own,
				 struct scatterlist *sg, unsigned int nr);
unsigned long deferred_free_shrink(struct deferred_free *queue,
				   unsigned long nr_pages);
void deferred_free_kick(struct deferred_free *queue);

/* Base pages in the queue or being zeroed; a snapshot. */
static inline unsigned long
deferred_free_pages(const struct deferred_free *queue)
{
	return READ_ONCE(queue->nr_pages);
}

/*
 * Record that an allocation got new memory. If pages are queued, the thread is then
 * behind. It has caught up when it looks at the queue and fewer than two buffers were
 * reused since its last look.
 */
static inline void deferred_free_missed(struct deferred_free *queue)
{
	if (deferred_free_pages(queue) && !READ_ONCE(queue->behind))
		WRITE_ONCE(queue->behind, true);
}

#endif /* _DMABUF_DEFERRED_FREE_H */
