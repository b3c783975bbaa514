/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Where a heap's pages come from, and where they go
 *
 *      heap_supply_alloc()                     heap_supply_free()
 *             |                                        |
 *             | take                                   v
 *             v                                deferred free queue
 *     pools of clean pages  <-- put -- zero <--        |
 *             |                                        |
 *             | nothing cached                         | under pressure, over
 *             v                                        v a bound, not pooled
 *       page allocator  <------------------------------+
 *
 * One pool for each of the orders 8, 4 and 0 and each node with memory. Pages
 * arrive in them from the page allocator through page_pool (orders 8 and 4 and
 * long runs of order 0 when nothing was cached; order 0 from the helper thread
 * otherwise), or cleaned after use. A page leaves for a buffer or, through the
 * shrinker, for the page allocator.
 *
 * What is held is bounded twice, in bytes: what waits in the queue, and what the
 * pools keep. All of it is accounted as reclaimable memory but for the batch that
 * somebody is clearing.
 */
#ifndef _DMABUF_HEAP_SUPPLY_H
#define _DMABUF_HEAP_SUPPLY_H

#include <linux/atomic.h>
#include <linux/mm.h>
#include <linux/types.h>

#include "heap_pages.h"
#include "heap_zero.h"

struct dentry;
struct heap_clean;
struct heap_pool;
struct shrinker;

/* The orders a heap allocates, largest first: 1 MiB, 64 KiB, 4 KiB. */
#define HEAP_NR_ORDERS	3

extern const unsigned int heap_orders[HEAP_NR_ORDERS];

/**
 * struct heap_supply_config - what a heap decides
 * @name:	of the heap; for the helper thread, the shrinker, debugfs
 * @free_buffer: free what a &struct heap_pages is embedded in, after
 *		heap_pages_fini(). May be called in reclaim.
 * @pool_pages:	bound for clean pages kept, in pages; 0 for no pools
 * @queue_pages: bound for pages waiting to be cleaned, in pages
 */
struct heap_supply_config {
	const char *name;
	void (*free_buffer)(struct heap_pages *pages);
	unsigned long pool_pages;
	unsigned long queue_pages;
};

/**
 * struct heap_supply - a heap's memory
 * @config:	what it was created with; the bounds can be changed
 * @queue:	pages waiting to be cleaned
 * @helper:	what the helper thread gathers pages in
 * @shrinker:	gives back what @queue and @pools hold
 * @debugfs:	the heap's directory
 * @method:	how pages are cleared
 * @batch:	and how many at a time
 * @queued:	[node] pages of PAGE_SIZE in @queue, as accounted in vmstat
 * @misses:	pages per order that the page allocator was asked for; those that
 *		the pools asked for are &heap_pool_stats.fetched
 * @zeroed:	pages cleared, in pages of PAGE_SIZE like the following
 * @zero_failed: pages that could not be cleared and left
 * @helped:	pages taken off @queue by tasks that were allocating
 * @refused:	pages freed by the closing task because the queue was full
 * @reclaimed:	pages given back by the shrinker
 * @pools:	[node][index into heap_orders]; %NULL for a node without memory and
 *		for an order that the page allocator does not have
 */
struct heap_supply {
	struct heap_supply_config config;
	struct deferred_free_queue *queue;
	struct heap_clean *helper;
	struct shrinker *shrinker;
	struct dentry *debugfs;
	enum heap_zero_method method;
	unsigned int batch;

	atomic_long_t *queued;
	atomic_long_t misses[HEAP_NR_ORDERS];
	atomic_long_t zeroed;
	atomic_long_t zero_failed;
	atomic_long_t helped;
	atomic_long_t refused;
	atomic_long_t reclaimed;

	struct heap_pool *pools[][HEAP_NR_ORDERS];
};

/* For heaps. */
struct heap_supply *heap_supply_create(const struct heap_supply_config *config);
void heap_supply_destroy(struct heap_supply *supply);
void heap_supply_set_limits(struct heap_supply *supply, unsigned long pool_pages,
			    unsigned long queue_pages);
void heap_supply_set_zeroing(struct heap_supply *supply,
			     enum heap_zero_method method, unsigned int batch);
void heap_supply_set_nice(struct heap_supply *supply, int nice);

int heap_supply_alloc(struct heap_supply *supply, struct heap_pages *pages,
		      unsigned long len);
void heap_supply_free(struct heap_supply *supply, struct heap_pages *pages);

/**
 * heap_supply_nents - how many pages a buffer has when memory isn't fragmented
 * @len:	of the buffer, in bytes, page aligned
 *
 * Return: scatterlist entries.
 */
static inline unsigned long heap_supply_nents(unsigned long len)
{
	unsigned long nr_pages = len >> PAGE_SHIFT;

	return (nr_pages >> 8) + (nr_pages >> 4) % 16 + nr_pages % 16;
}

/* Between the files of this directory. */
bool heap_supply_pooling(const struct heap_supply *supply);
struct heap_pool *heap_supply_pool(const struct heap_supply *supply,
				   const struct page *page, unsigned int order);
unsigned long heap_supply_pooled(const struct heap_supply *supply);
unsigned long heap_supply_pooled_on(const struct heap_supply *supply, int nid);
void heap_supply_release(struct heap_supply *supply, struct page *page,
			 unsigned int order);
void heap_supply_add_queued(struct heap_supply *supply, int nid, long nr_pages);
unsigned long heap_supply_reclaim(struct heap_supply *supply, int nid,
				  unsigned long nr_pages);
void heap_supply_trim(struct heap_supply *supply);
int heap_shrinker_register(struct heap_supply *supply);
void heap_debugfs_register(struct heap_supply *supply);

#endif /* _DMABUF_HEAP_SUPPLY_H */
