// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Queue of closed buffers, see deferred_free.h
 */
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/vmstat.h>

#include "deferred_free.h"
#include "heap_cache.h"
#include "heap_sgl.h"

/* Pages to dequeue at a time under the queue's spinlock. */
#define DEQUEUE_MAX	32U

/* Ticks until the thread starts, so that buffers are zeroed together. */
#define START_DELAY	1

static void deferred_free_account(struct deferred_free *queue, int nid,
				  long nr_pages)
{
	atomic_long_add(nr_pages, &queue->queued[nid]);
	mod_node_page_state(NODE_DATA(nid), NR_KERNEL_MISC_RECLAIMABLE, nr_pages);
}

static void deferred_free_account_buffer(struct deferred_free *queue,
					 struct heap_sgl *sgl, int sign)
{
	struct scatterlist *sg;
	int i;

	if (nr_online_nodes == 1) {
		deferred_free_account(queue, page_to_nid(sg_page(sgl->first)),
				      sign * (long)sgl->nr_pages);
		return;
	}

	for_each_sgtable_sg(&sgl->table, sg, i)
		deferred_free_account(queue, page_to_nid(sg_page(sg)),
				      sign * (long)(sg->length >> PAGE_SHIFT));
}

static void deferred_free_uncount(struct deferred_free *queue,
				  unsigned long nr_pages)
{
	lockdep_assert_held(&queue->lock);
	WRITE_ONCE(queue->nr_pages, queue->nr_pages - nr_pages);
	queue->low = min(queue->low, queue->nr_pages);
}

/*
 * Take the buffer off the list if it has no more pages. The caller frees the returned
 * buffer after it has dropped the lock.
 */
static struct heap_sgl *deferred_free_remove(struct deferred_free *queue,
					     struct heap_sgl *sgl)
{
	lockdep_assert_held(&queue->lock);
	if (sgl->table.orig_nents)
		return NULL;

	list_del(&sgl->node);
	WRITE_ONCE(queue->nr_buffers, queue->nr_buffers - 1);

	return sgl;
}

/*
 * Dequeue pages of the oldest buffer until they add up to @nr_pages base pages or more,
 * but at most DEQUEUE_MAX pages. Returns how many were dequeued.
 */
static unsigned int deferred_free_dequeue(struct deferred_free *queue,
					  struct page **pages,
					  unsigned long nr_pages)
{
	struct heap_sgl *sgl, *empty = NULL;
	unsigned long done = 0;
	unsigned int nr = 0;

	scoped_guard(spinlock, &queue->lock) {
		sgl = list_first_entry_or_null(&queue->buffers, typeof(*sgl), node);
		while (sgl && sgl->table.orig_nents && done < nr_pages && nr < DEQUEUE_MAX) {
			pages[nr] = heap_sgl_pop(sgl);
			done += compound_nr(pages[nr++]);
		}
		if (sgl)
			empty = deferred_free_remove(queue, sgl);
	}
	if (empty)
		heap_sgl_fini(empty);

	return nr;
}

/* Zero and cache the batch. Only then subtract the dequeued pages from @nr_pages. */
static void deferred_free_flush(struct deferred_free *queue)
{
	bool direct = READ_ONCE(*queue->method) == HEAP_ZERO_DIRECT;
	unsigned int nr = queue->nr_batch, i, n;
	struct page *page;
	bool zeroed;

	zeroed = direct || !nr || heap_zero_pages(queue->batch, nr);
	for (i = 0; i < nr; i += n) {
		page = queue->batch[i];
		n = compound_nr(page);
		if (direct)
			heap_zero_direct(page);
		/* Pages that could not be zeroed must not be reused. */
		if (zeroed)
			heap_cache_put(queue->cache, page);
		else
			heap_cache_free_page(queue->cache, page);
	}
	atomic_long_add(nr, zeroed ? &queue->zeroed : &queue->zero_failed);
	/* The limit may be lower now. */
	heap_cache_trim(queue->cache);
	scoped_guard(spinlock, &queue->lock)
		deferred_free_uncount(queue, queue->nr_dequeued);
	queue->nr_batch = 0;
	queue->nr_dequeued = 0;
}

/* Whether the caller has the only reference, and the page is not poisoned. */
static bool heap_page_usable(struct page *page)
{
	return page_count(page) == 1 && !heap_cache_poisoned(page);
}

/*
 * Add the page to the batch, or free it. If no bin owns it, fetch another page in its
 * place at once, while there is a free block of its order.
 */
static void deferred_free_work_on(struct deferred_free *queue, struct page *page)
{
	struct heap_cache *cache = queue->cache;
	unsigned int i = heap_cache_index(page);
	int nid = page_to_nid(page);

	deferred_free_account(queue, nid, -(long)compound_nr(page));
	queue->nr_dequeued += compound_nr(page);
	if (!heap_page_usable(page) ||
	    !heap_cache_make_room(cache, page, queue->nr_batch)) {
		heap_cache_free_page(cache, page);
	} else if (heap_cache_owns(page)) {
		queue->batch[queue->nr_batch] = page;
		queue->nr_batch += compound_nr(page);
	} else {
		heap_cache_free_page(cache, page);
		heap_cache_fetch(cache, nid, i);
	}
}

/* Zero or free at least @nr_pages base pages, if that many are queued. */
static void deferred_free_run(struct deferred_free *queue, unsigned long nr_pages)
{
	struct page *pages[DEQUEUE_MAX];
	unsigned long done = 0, want;
	unsigned int nr, i;

	do {
		want = umin(nr_pages - done, HEAP_ZERO_BATCH - queue->nr_dequeued);
		nr = deferred_free_dequeue(queue, pages, want);
		for (i = 0; i < nr; i++) {
			done += compound_nr(pages[i]);
			deferred_free_work_on(queue, pages[i]);
		}
		if (!nr || done >= nr_pages || queue->nr_dequeued >= HEAP_ZERO_BATCH)
			deferred_free_flush(queue);
		cond_resched();
	} while (nr && done < nr_pages);
}

/*
 * Returns how many base pages to work on now: those queued for a whole tick, or all
 * if the queue is more than half full. A task that allocates and closes in a loop may
 * reuse younger pages at once. They are likely still in the CPU's cache, and the thread
 * would compete for memory bandwidth.
 */
static unsigned long deferred_free_look(struct deferred_free *queue)
{
	unsigned long due;

	guard(spinlock)(&queue->lock);
	due = queue->low;
	if (queue->nr_pages > READ_ONCE(queue->limit) / 2)
		due = queue->nr_pages;
	queue->low = queue->nr_pages;
	/* The thread can keep up with one reused buffer a tick. */
	if (queue->nr_reused < 2)
		WRITE_ONCE(queue->behind, false);
	queue->nr_reused = 0;

	return due;
}

static void deferred_free_work(struct kthread_work *work)
{
	struct deferred_free *queue = container_of(work, struct deferred_free, work.work);
	unsigned long left;
	bool busy;

	deferred_free_run(queue, deferred_free_look(queue));
	left = deferred_free_pages(queue);
	/* Do not spin while another task frees the last pages. */
	busy = left > READ_ONCE(queue->limit) / 2 && READ_ONCE(queue->nr_buffers);
	/* Buffers queued meanwhile may have armed the timer too early. */
	if (left)
		kthread_mod_delayed_work(queue->worker, &queue->work,
					 busy ? 0 : START_DELAY);
}

/**
 * deferred_free_kick - have the thread look at the queue at once
 * @queue:	the queue
 *
 * Context: any task context. Never sleeps.
 */
void deferred_free_kick(struct deferred_free *queue)
{
	kthread_mod_delayed_work(queue->worker, &queue->work, 0);
}

static bool deferred_free_enqueue(struct deferred_free *queue, struct heap_sgl *sgl)
{
	unsigned long limit = READ_ONCE(queue->limit), half = limit / 2;
	unsigned long nr_pages = sgl->nr_pages, before;

	scoped_guard(spinlock, &queue->lock) {
		before = queue->nr_pages;
		if (before + nr_pages > limit)
			return false;
		sgl->closed_by = current->tgid;
		list_add_tail(&sgl->node, &queue->buffers);
		WRITE_ONCE(queue->nr_buffers, queue->nr_buffers + 1);
		WRITE_ONCE(queue->nr_pages, before + nr_pages);
		if (!timer_pending(&queue->work.timer))
			queue->low = queue->nr_pages;
	}
	/*
	 * The buffer is queued before the timer is tested. If the thread already ran,
	 * the timer is idle and is armed here.
	 */
	if (before <= half && before + nr_pages > half)
		deferred_free_kick(queue);
	else if (!timer_pending(&queue->work.timer))
		kthread_queue_delayed_work(queue->worker, &queue->work, START_DELAY);

	return true;
}

/**
 * deferred_free_add - free a buffer, later if the queue has room
 * @queue:	the queue
 * @sgl:	the buffer's pages, at least one; freed with the buffer that embeds it
 *
 * The thread looks at the queue within two ticks, or at once when the queue grows beyond
 * half of its limit.
 *
 * Context: may sleep.
 */
void deferred_free_add(struct deferred_free *queue, struct heap_sgl *sgl)
{
	struct page *page;

	if (READ_ONCE(queue->cache->limit)) {
		/* Account the buffer before the thread can see it. */
		deferred_free_account_buffer(queue, sgl, 1);
		if (deferred_free_enqueue(queue, sgl))
			return;
		deferred_free_account_buffer(queue, sgl, -1);
		atomic_long_add(sgl->nr_pages, &queue->refused);
	}

	while ((page = heap_sgl_pop(sgl)))
		heap_cache_free_page(queue->cache, page);
	heap_sgl_fini(sgl);
}

/**
 * deferred_free_reuse - zero pages of the newest buffer and take them
 * @queue:	the queue
 * @nid:	node that the pages must be on
 * @order:	order that they must have
 * @own:	whether the caller's process must have closed the buffer
 * @sg:		entries to set to the pages
 * @nr:		how many at most
 *
 * This costs as much as zeroing new pages, but needs no new memory. If the caller has
 * just closed the buffer, the pages are likely still in the CPU's cache.
 *
 * Context: may sleep.
 * Return: how many were taken.
 */
unsigned int deferred_free_reuse(struct deferred_free *queue, int nid,
				 unsigned int order, bool own,
				 struct scatterlist *sg, unsigned int nr)
{
	struct heap_sgl *sgl, *empty = NULL;
	struct page *pages[DEQUEUE_MAX];
	unsigned int n = 0, taken = 0, i;

	scoped_guard(spinlock, &queue->lock) {
		if (list_empty(&queue->buffers))
			return 0;
		sgl = list_last_entry(&queue->buffers, typeof(*sgl), node);
		if (own && sgl->closed_by != current->tgid)
			return 0;
		while (sgl->table.orig_nents && n < nr && n < DEQUEUE_MAX &&
		       sgl->table.sgl->length == PAGE_SIZE << order &&
		       page_to_nid(sg_page(sgl->table.sgl)) == nid)
			pages[n++] = heap_sgl_pop(sgl);
		if (!n)
			return 0;
		deferred_free_uncount(queue, (unsigned long)n << order);
		empty = deferred_free_remove(queue, sgl);
		queue->nr_reused += !!empty;
	}
	deferred_free_account(queue, nid, -((long)n << order));
	if (empty)
		heap_sgl_fini(empty);

	for (i = 0; i < n; i++) {
		/* A task that is being killed must not spend its time on zeroing. */
		if (!heap_page_usable(pages[i]) || fatal_signal_pending(current)) {
			heap_cache_free_page(queue->cache, pages[i]);
			continue;
		}
		heap_zero_direct(pages[i]);
		sg_set_page(sg + taken++, pages[i], PAGE_SIZE << order, 0);
	}
	atomic_long_add((unsigned long)taken << order, &queue->reused);

	return taken;
}

/**
 * deferred_free_shrink - free queued pages unzeroed, oldest buffer first
 * @queue:	the queue
 * @nr_pages:	base pages
 *
 * Context: any task context, also in reclaim. Takes spinlocks only, may reschedule.
 * Return: base pages freed.
 */
unsigned long deferred_free_shrink(struct deferred_free *queue,
				   unsigned long nr_pages)
{
	struct page *pages[DEQUEUE_MAX];
	unsigned long done = 0, before;
	unsigned int nr, i;

	while (done < nr_pages) {
		cond_resched();
		nr = deferred_free_dequeue(queue, pages, nr_pages - done);
		if (!nr)
			break;
		before = done;
		for (i = 0; i < nr; i++) {
			done += compound_nr(pages[i]);
			deferred_free_account(queue, page_to_nid(pages[i]),
					      -(long)compound_nr(pages[i]));
			heap_cache_reclaimed(queue->cache, pages[i]);
			heap_cache_free_page(queue->cache, pages[i]);
		}
		scoped_guard(spinlock, &queue->lock)
			deferred_free_uncount(queue, done - before);
	}

	return done;
}

/**
 * deferred_free_create - make an empty queue and start its thread
 * @name:	of the heap
 * @cache:	where zeroed pages go
 * @method:	see heap_pool_create()
 *
 * The queue takes nothing until its limit is set.
 *
 * Context: may sleep.
 * Return: the queue, or %NULL.
 */
struct deferred_free *deferred_free_create(const char *name,
					   struct heap_cache *cache,
					   const enum heap_zero_method *method)
{
	struct deferred_free *queue;

	queue = kzalloc(struct_size(queue, queued, nr_node_ids), GFP_KERNEL);
	if (!queue)
		return NULL;

	spin_lock_init(&queue->lock);
	INIT_LIST_HEAD(&queue->buffers);
	queue->cache = cache;
	queue->method = method;
	kthread_init_delayed_work(&queue->work, deferred_free_work);
	queue->worker = kthread_run_worker(0, "dma-heap-%s", name);
	if (IS_ERR(queue->worker)) {
		kfree(queue);
		return NULL;
	}

	return queue;
}

#ifdef CONFIG_DMABUF_HEAPS_KUNIT_TEST
#include "tests/deferred_free_kunit.c"
#endif
