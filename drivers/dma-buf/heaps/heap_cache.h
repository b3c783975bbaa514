/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Zeroed pages of a heap, cached by node and order in net page_pools
 *
 * page_pool was made for one consumer in softirq context, but many tasks use a heap. So
 * each bin has two page_pools. Only the heap's thread allocates from @source, which owns
 * a page until heap_cache_free_page(). Only the holder of the bin's spinlock takes pages
 * from @store. No memory is allocated under that lock, so a shrinker may take it. The
 * cache zeroes nothing under it, so a realtime task does not wait for long.
 *
 * Every cached page is zeroed. A page that no bin owns came from the page allocator;
 * it cannot be cached. The thread frees it and fetches another one in its place.
 */
#ifndef _DMABUF_HEAP_CACHE_H
#define _DMABUF_HEAP_CACHE_H

#include <linux/atomic.h>
#include <linux/cpuset.h>
#include <linux/mm.h>
#include <linux/spinlock.h>
#include <linux/topology.h>
#include <net/page_pool/types.h>

struct scatterlist;

/* The orders a heap allocates, largest first: 1 MiB, 64 KiB, 4 KiB on x86. */
#define HEAP_NR_ORDERS	3
#define HEAP_MAX_PAGES	256	/* base pages in the largest */

extern const unsigned int heap_orders[HEAP_NR_ORDERS];

/**
 * struct heap_bin - cached pages of one order on one node
 * @lock:	protects the members below, except @source, @order and @nid
 * @source:	allocates pages and owns them; %NULL until the first is fetched
 * @store:	holds the cached pages
 * @order:	order of the pages
 * @nid:	their node
 * @cached:	pages in @store
 * @ahead:	pages that bulk allocations got beyond those asked for, cached and not taken
 * @reclaimed:	pages that were freed lately, by reclaim or for the limit, and that nobody
 *		has missed since
 * @reclaimed_at: when the last of them was freed, in jiffies
 * @peak:	the highest sum of @cached and @reclaimed since @since
 * @used:	the largest drop of that sum below @peak since @since
 * @used_before: the same for the period before @since
 * @since:	start of the current period, in jiffies
 */
struct heap_bin {
	spinlock_t lock;	/* consumer side of @store, and the counts */
	struct page_pool *source;
	struct page_pool *store;
	unsigned int order;
	int nid;
	unsigned int cached;
	unsigned int ahead;
	unsigned int reclaimed;
	unsigned long reclaimed_at;
	unsigned int peak;
	unsigned int used;
	unsigned int used_before;
	unsigned long since;
};

/**
 * struct heap_cache - all bins of a heap
 * @nr_pages:	base pages cached
 * @limit:	for @nr_pages; 0 turns the cache off
 * @bin:	[node][index into heap_orders]
 */
struct heap_cache {
	atomic_long_t nr_pages;
	unsigned long limit;
	struct heap_bin bin[][HEAP_NR_ORDERS];
};

/**
 * struct heap_count - cached memory of a node, in base pages
 * @idle:	cached pages that nobody has taken lately
 * @used:	all other cached pages
 * @lacking:	pages that were taken lately and have not been cached since
 */
struct heap_count {
	unsigned long idle;
	unsigned long used;
	unsigned long lacking;
};

struct heap_cache *heap_cache_create(void);

unsigned int heap_cache_take(struct heap_cache *cache, int nid, unsigned int i,
			     struct scatterlist *sg, unsigned int nr);
void heap_cache_put(struct heap_cache *cache, struct page *page);
void heap_cache_fetch(struct heap_cache *cache, int nid, unsigned int i);
void heap_cache_missed(struct heap_cache *cache, int nid, unsigned int i,
		       unsigned int nr);
void heap_cache_reclaimed(struct heap_cache *cache, struct page *page);
bool heap_cache_make_room(struct heap_cache *cache, struct page *page,
			  unsigned long pending);
void heap_cache_free_page(struct heap_cache *cache, struct page *page);

void heap_cache_count(const struct heap_cache *cache, int nid,
		      struct heap_count *count);
unsigned long heap_cache_shrink(struct heap_cache *cache, int nid,
				unsigned long nr_pages, bool used);
void heap_cache_trim(struct heap_cache *cache);
unsigned int heap_cache_inflight(struct heap_bin *bin);
bool heap_cache_poisoned(struct page *page);

/* Returns the index into heap_orders of a head page. */
static inline unsigned int heap_cache_index(struct page *page)
{
	unsigned int order = compound_order(page), i = 0;

	while (heap_orders[i] > order)
		i++;

	return i;
}

/* Whether a bin owns the page, so that it can be cached. */
static inline bool heap_cache_owns(struct page *page)
{
	return page_pool_page_is_pp(page);
}

/**
 * heap_cache_nid - the node whose cached pages a task may take
 *
 * Return: the task's node, or %NUMA_NO_NODE if the task has a mempolicy, or a cpuset
 * that does not allow the node. The page allocator knows those rules.
 */
static inline int heap_cache_nid(void)
{
	int nid = numa_mem_id();

#ifdef CONFIG_NUMA
	if (nr_online_nodes > 1 &&
	    (current->mempolicy || !node_isset(nid, cpuset_current_mems_allowed)))
		return NUMA_NO_NODE;
#endif

	return nid;
}

#endif /* _DMABUF_HEAP_CACHE_H */
