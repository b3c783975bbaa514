/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A pool of clean pages of one order on one node, kept in a net page_pool
 *
 * page_pool brings what a pool needs: an array and a bounded ring to keep pages
 * in, a bulk refill from the page allocator, statistics and tracing. It was made
 * for one consumer in softirq context, though, and a heap has any number of
 * tasks. This is what it lacks for them:
 *
 * - a lock for the consumer side, under which nothing sleeps for memory,
 * - taking many pages at a time, straight into a scatterlist, and putting many,
 * - a count of what is cached that is exact whatever page_pool does,
 * - a way to give cached pages back to the page allocator, for a shrinker,
 * - accounting of cached pages as reclaimable memory of their node.
 *
 * Every page in a pool is clean, always: heap_pool_put() takes clean pages only,
 * and what page_pool fetches itself to keep is fetched cleared.
 *
 * A page that a pool fetched belongs to it until it is released, wherever it is
 * used meanwhile; heap_pool_owns() tells it from a page of the page allocator.
 * It must come back by heap_pool_put() or heap_pool_release(), never by
 * __free_pages(). page_pool keeps its data where a page has ->lru, so pages of a
 * pool must not be put on lists.
 *
 * Locking: one mutex per pool. Memory is fetched under it, but never with a
 * reclaiming allocation, so that a shrinker may try to take it. Tasks that find
 * nothing cached do not wait for one that is fetching.
 *
 * Limits: an order-n pool caches at most 16352 pages (a page_pool's ring has
 * 16384 entries); 64 MiB of order 0 with 4 KiB pages.
 */
#ifndef _DMABUF_HEAP_POOL_H
#define _DMABUF_HEAP_POOL_H

#include <linux/kconfig.h>
#include <linux/types.h>

struct heap_pool;
struct page;
struct scatterlist;

/**
 * struct heap_pool_stats - what a pool has done, in pages of its order
 * @cached:	clean pages in the pool now
 * @inflight:	pages of the pool in use or waiting to be cleaned now
 * @hits:	taken from what was cached
 * @fetched:	got from the page allocator for a task that found nothing cached
 * @refilled:	got from the page allocator to be kept
 * @recycled:	put back clean
 * @released:	given to the page allocator
 */
struct heap_pool_stats {
	unsigned long cached;
	unsigned long inflight;
	unsigned long hits;
	unsigned long fetched;
	unsigned long refilled;
	unsigned long recycled;
	unsigned long released;
};

#if IS_ENABLED(CONFIG_DMABUF_HEAPS_POOL)

struct heap_pool *heap_pool_create(unsigned int order, int nid,
				   unsigned long max_pages);
void heap_pool_destroy(struct heap_pool *pool);

unsigned int heap_pool_take(struct heap_pool *pool, struct scatterlist *sg,
			    unsigned int nr);
unsigned int heap_pool_fetch(struct heap_pool *pool, struct scatterlist *sg,
			     unsigned int nr);
void heap_pool_put(struct heap_pool *pool, struct page **pages, unsigned int nr);
void heap_pool_refill(struct heap_pool *pool, unsigned int nr,
		      struct page **scratch, unsigned int size);

bool heap_pool_owns(struct page *page);
void heap_pool_release(struct heap_pool *pool, struct page *page);
unsigned int heap_pool_shrink(struct heap_pool *pool, unsigned int nr, bool wait);

unsigned long heap_pool_cached(const struct heap_pool *pool);
bool heap_pool_full(const struct heap_pool *pool);
void heap_pool_get_stats(struct heap_pool *pool, struct heap_pool_stats *stats);

#if IS_ENABLED(CONFIG_KUNIT)
struct page *heap_pool_alloc_page(struct heap_pool *pool, gfp_t gfp);
#endif

#else

/* Without page_pool there are no pools: nothing is cached, nothing owned. */
static inline struct heap_pool *heap_pool_create(unsigned int order, int nid,
						 unsigned long max_pages)
{
	return NULL;
}

static inline void heap_pool_destroy(struct heap_pool *pool) { }

static inline unsigned int heap_pool_take(struct heap_pool *pool,
					  struct scatterlist *sg, unsigned int nr)
{
	return 0;
}

static inline unsigned int heap_pool_fetch(struct heap_pool *pool,
					   struct scatterlist *sg, unsigned int nr)
{
	return 0;
}

static inline void heap_pool_put(struct heap_pool *pool, struct page **pages,
				 unsigned int nr) { }

static inline void heap_pool_refill(struct heap_pool *pool, unsigned int nr,
				    struct page **scratch, unsigned int size) { }

static inline bool heap_pool_owns(struct page *page)
{
	return false;
}

static inline void heap_pool_release(struct heap_pool *pool,
				     struct page *page) { }

static inline unsigned int heap_pool_shrink(struct heap_pool *pool,
					    unsigned int nr, bool wait)
{
	return 0;
}

static inline unsigned long heap_pool_cached(const struct heap_pool *pool)
{
	return 0;
}

static inline bool heap_pool_full(const struct heap_pool *pool)
{
	return true;
}

static inline void heap_pool_get_stats(struct heap_pool *pool,
				       struct heap_pool_stats *stats) { }

#endif /* CONFIG_DMABUF_HEAPS_POOL */

#endif /* _DMABUF_HEAP_POOL_H */
