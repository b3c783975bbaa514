/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A heap's memory: cached pages, and the queue of closed buffers
 *
 * Documentation/driver-api/dma-heap-pool.rst shows how pages move between the cache, the
 * queue and the page allocator.
 *
 * The cache and the queue each have a limit in base pages (pages of PAGE_SIZE). Both
 * count as reclaimable memory. Shrinkers free them. Before the OOM killer runs, an OOM
 * notifier frees the remaining pages on the nodes that the allocating task may use.
 *
 * With a limit of 0 for the cache a heap is not pooled: it must not call
 * heap_pool_alloc(), and heap_pool_free() frees pages at once.
 */
#ifndef _DMABUF_HEAP_POOL_H
#define _DMABUF_HEAP_POOL_H

#include <linux/notifier.h>

#include "heap_cache.h"
#include "heap_sgl.h"
#include "heap_zero.h"

struct deferred_free;
struct shrinker;

/* The functions that charge a page are not exported. */
#ifdef MODULE
#define HEAP_CAN_CHARGE	false
#else
#define HEAP_CAN_CHARGE	true
#endif

enum heap_shrinker { HEAP_IDLE, HEAP_USED, HEAP_NR_SHRINKERS };

/**
 * struct heap_pool - a heap's memory
 * @name:	name of the heap
 * @cache:	zeroed pages
 * @queue:	closed buffers
 * @shrinkers:	free idle pages, and pages used lately
 * @oom:	frees the queue and the cache before an OOM kill
 * @hits:	pages found in @cache, by index into heap_orders
 * @misses:	pages not found in @cache, by index into heap_orders
 * @reclaimed:	base pages freed by @shrinkers and @oom
 */
struct heap_pool {
	const char *name;
	struct heap_cache *cache;
	struct deferred_free *queue;
	struct shrinker *shrinkers[HEAP_NR_SHRINKERS];
	struct notifier_block oom;
	atomic_long_t hits[HEAP_NR_ORDERS];
	atomic_long_t misses[HEAP_NR_ORDERS];
	atomic_long_t reclaimed;
};

struct heap_pool *heap_pool_create(const char *name,
				   const enum heap_zero_method *method);
void heap_pool_set_limits(struct heap_pool *pool, unsigned long pool_pages,
			  unsigned long queue_pages);
void heap_debugfs_register(struct heap_pool *pool);

int heap_pool_alloc(struct heap_pool *pool, struct heap_sgl *sgl,
		    unsigned long len);
void heap_pool_free(struct heap_pool *pool, struct heap_sgl *sgl);

/**
 * heap_pool_enabled - whether a buffer may use the pool
 * @pool:	the pool, or %NULL
 * @charge:	whether the buffer is charged to a memory cgroup
 *
 * Return: false if there is no pool, its limit is 0, or it cannot charge the buffer.
 */
static inline bool heap_pool_enabled(const struct heap_pool *pool, bool charge)
{
	return pool && READ_ONCE(pool->cache->limit) &&
	       (!charge || HEAP_CAN_CHARGE);
}

/**
 * heap_pool_slots - entries to allocate for &heap_sgl.first
 * @len:	of the buffer, in bytes
 *
 * Return: the entries needed when memory is not fragmented, at most
 * %HEAP_SGL_FIRST_MAX, plus one for a chain.
 */
static inline unsigned int heap_pool_slots(unsigned long len)
{
	unsigned long nr_pages = len >> PAGE_SHIFT;
	unsigned long nr = (nr_pages >> 8) + (nr_pages >> 4) % 16 + nr_pages % 16;

	return min_t(unsigned long, HEAP_SGL_FIRST_MAX, nr) + 1;
}

#endif /* _DMABUF_HEAP_POOL_H */
