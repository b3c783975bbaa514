// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A heap's memory, see heap_pool.h
 */
#include <linux/export.h>
#include <linux/ktime.h>
#include <linux/memcontrol.h>
#include <linux/mempolicy.h>
#include <linux/module.h>
#include <linux/oom.h>
#include <linux/sched/signal.h>
#include <linux/shrinker.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <kunit/static_stub.h>

#include "deferred_free.h"
#include "heap_pool.h"

#define CREATE_TRACE_POINTS
#include <trace/events/dma_heap.h>

#define LOW_ORDER_GFP	(GFP_HIGHUSER | __GFP_ZERO)
/* High orders are opportunistic: no reclaim, no retry, no warning. */
#define HIGH_ORDER_GFP	(((GFP_HIGHUSER | __GFP_ZERO | __GFP_NOWARN | \
			   __GFP_NORETRY) & ~__GFP_RECLAIM) | __GFP_COMP)

static gfp_t heap_pool_gfp(unsigned int i)
{
	return heap_orders[i] ? HIGH_ORDER_GFP : LOW_ORDER_GFP;
}

/**
 * struct heap_pool_request - state of the allocation of one buffer
 * @nid:	node whose cached pages it may take, or %NUMA_NO_NODE
 * @noted:	misses of the orders before this index have been recorded
 * @behind:	the thread is behind, so pages of a buffer that the caller's process closed
 *		come first, and other queued pages before new memory
 */
struct heap_pool_request {
	int nid;
	unsigned int noted;
	bool behind;
};

/* Take up to @nr zeroed pages from the cache or the queue. */
static unsigned int heap_pool_take(struct heap_pool *pool,
				   struct heap_pool_request *req, unsigned int i,
				   struct scatterlist *sg, unsigned int nr)
{
	unsigned int order = heap_orders[i], taken = 0;

	if (req->behind)
		taken = deferred_free_reuse(pool->queue, req->nid, order, true,
					    sg, nr);
	if (!taken) {
		taken = heap_cache_take(pool->cache, req->nid, i, sg, nr);
		if (taken) {
			atomic_long_add(taken, &pool->hits[i]);
			return taken;
		}
	}
	if (!taken && req->behind)
		taken = deferred_free_reuse(pool->queue, req->nid, order, false,
					    sg, nr);
	atomic_long_add(taken, &pool->misses[i]);

	return taken;
}

static struct page *heap_pool_new_page(unsigned int i)
{
	KUNIT_STATIC_STUB_REDIRECT(heap_pool_new_page, i);

	return alloc_pages(heap_pool_gfp(i), heap_orders[i]);
}

/* Get up to @nr zeroed pages into @sg. */
static unsigned int heap_pool_get(struct heap_pool *pool,
				  struct heap_pool_request *req, unsigned int i,
				  struct scatterlist *sg, unsigned int nr)
{
	unsigned int order = heap_orders[i], got = 0;
	struct page *page;

	if (req->nid != NUMA_NO_NODE) {
		got = heap_pool_take(pool, req, i, sg, nr);
		if (!got && req->noted <= i) {
			heap_cache_missed(pool->cache, req->nid, i, nr);
			req->noted = i + 1;
		}
	}
	if (got)
		return got;

	page = heap_pool_new_page(i);
	if (page) {
		sg_set_page(sg, page, PAGE_SIZE << order, 0);
		deferred_free_missed(pool->queue);
		got = 1;
	} else if (order && req->nid != NUMA_NO_NODE) {
		/* The queue may have large pages when the page allocator has none. */
		got = deferred_free_reuse(pool->queue, req->nid, order, false, sg, nr);
	}
	atomic_long_add(got, &pool->misses[i]);

	return got;
}

/*
 * Charge pages as the page allocator does for __GFP_ACCOUNT. Returns how many could be
 * charged; the others are put back.
 */
static unsigned int heap_pool_charge(struct heap_pool *pool, unsigned int i,
				     struct scatterlist *sg, unsigned int nr)
{
	unsigned int charged = 0, n;

	while (charged < nr &&
	       !memcg_kmem_charge_page(sg_page(sg + charged), heap_pool_gfp(i),
				       heap_orders[i]))
		charged++;
	if (likely(charged == nr))
		return nr;

	for (n = charged; n < nr; n++)
		heap_cache_put(pool->cache, sg_page(sg + n));
	heap_cache_trim(pool->cache);

	return charged;
}

static int heap_pool_fill(struct heap_pool *pool, struct heap_sgl *sgl,
			  unsigned long missing)
{
	struct heap_pool_request req = {
		.nid = heap_cache_nid(),
		.behind = READ_ONCE(pool->queue->behind),
	};
	unsigned int i, order, nr, got;

	for (i = 0; i < HEAP_NR_ORDERS; i++) {
		order = heap_orders[i];
		while (missing >> order) {
			if (fatal_signal_pending(current))
				return -EINTR;
			if (!sgl->room && heap_sgl_chain(sgl))
				return -ENOMEM;

			nr = umin(missing >> order, sgl->room);
			nr = heap_pool_get(pool, &req, i, sgl->fill, nr);
			got = nr;
			if (HEAP_CAN_CHARGE && sgl->charged)
				got = heap_pool_charge(pool, i, sgl->fill, nr);
			if (got)
				heap_sgl_added(sgl, got, order);
			missing -= (unsigned long)got << order;
			/* If this order fails, smaller pages may do. */
			if (!got || got < nr)
				break;
		}
	}

	return missing ? -ENOMEM : 0;
}

static void heap_pool_uncharge(struct heap_sgl *sgl)
{
	struct scatterlist *sg;
	int i;

	if (HEAP_CAN_CHARGE && sgl->charged)
		for_each_sgtable_sg(&sgl->table, sg, i)
			memcg_kmem_uncharge_page(sg_page(sg), compound_order(sg_page(sg)));
}

/**
 * heap_pool_alloc - get the pages of a buffer
 * @pool:	the pool; heap_pool_enabled() must have returned true
 * @sgl:	where to put them, after heap_sgl_init()
 * @len:	in bytes, page aligned, not 0
 *
 * All pages are zeroed. The largest orders come first, from a node near the caller.
 * The memory cgroup of the task is charged if &heap_sgl.charged is set.
 *
 * Context: may sleep.
 * Return: 0, -ENOMEM, or -EINTR if the task is being killed. On error the
 * buffer is freed.
 */
int heap_pool_alloc(struct heap_pool *pool, struct heap_sgl *sgl,
		    unsigned long len)
{
	unsigned long nr_pages = len >> PAGE_SHIFT;
	struct page *page;
	int ret = -ENOMEM;
	u64 start = 0;

	if (trace_dma_heap_alloc_enabled())
		start = ktime_get_ns();

	/* Do not exhaust memory for a request that can never succeed. */
	if (nr_pages <= totalram_pages())
		ret = heap_pool_fill(pool, sgl, nr_pages);
	heap_sgl_end(sgl);
	if (start)
		trace_dma_heap_alloc(pool->name, nr_pages, ktime_get_ns() - start,
				     ret);
	if (!ret)
		return 0;

	heap_pool_uncharge(sgl);
	while ((page = heap_sgl_pop(sgl)))
		heap_cache_put(pool->cache, page);
	heap_cache_trim(pool->cache);
	heap_sgl_fini(sgl);

	return ret;
}
EXPORT_SYMBOL_NS_GPL(heap_pool_alloc, "DMA_BUF_HEAP");

/**
 * heap_pool_free - free the pages of a closed buffer, or queue them
 * @pool:	the pool
 * @sgl:	the pages; its buffer is freed now or later
 *
 * Context: may sleep.
 */
void heap_pool_free(struct heap_pool *pool, struct heap_sgl *sgl)
{
	/* The buffer is charged until now, not until the thread zeroes it. */
	heap_pool_uncharge(sgl);
	deferred_free_add(pool->queue, sgl);
}
EXPORT_SYMBOL_NS_GPL(heap_pool_free, "DMA_BUF_HEAP");

/*
 * Returns a node's queued base pages, and sets @count. Of the queued pages,
 * @count->lacking count as used, as they replace pages lately taken from the cache.
 * The others are idle.
 */
static unsigned long heap_pool_count(struct heap_pool *pool, int nid,
				     struct heap_count *count)
{
	unsigned long queued = atomic_long_read(&pool->queue->queued[nid]);

	heap_cache_count(pool->cache, nid, count);
	count->lacking = min(count->lacking, queued);

	return queued;
}

/* Queued pages are freed first, unzeroed, then cached ones, smallest first. */
static unsigned long heap_pool_shrink(struct heap_pool *pool, int nid,
				      unsigned long nr_pages, bool used)
{
	unsigned long queued, cached = 0;
	struct heap_count count;

	queued = heap_pool_count(pool, nid, &count);
	if (!used)
		queued -= count.lacking;
	/* The oldest buffer may be from another node. */
	queued = deferred_free_shrink(pool->queue, umin(nr_pages, queued));
	if (queued < nr_pages)
		cached = heap_cache_shrink(pool->cache, nid, nr_pages - queued,
					   used);
	atomic_long_add(queued + cached, &pool->reclaimed);
	trace_dma_heap_reclaim(pool->name, nid, nr_pages, queued, cached);

	return queued + cached;
}

static unsigned long heap_pool_shrinker_count(struct shrinker *shrinker,
					      struct shrink_control *sc)
{
	struct heap_pool *pool = shrinker->private_data;
	struct heap_count count;
	unsigned long queued = heap_pool_count(pool, sc->nid, &count), nr;

	if (shrinker == pool->shrinkers[HEAP_USED])
		nr = count.lacking + count.used;
	else	/* With seeks = 0, reclaim scans half of what is counted. */
		nr = 2 * (queued - count.lacking + count.idle);

	return nr ?: SHRINK_EMPTY;
}

static unsigned long heap_pool_shrinker_scan(struct shrinker *shrinker,
					     struct shrink_control *sc)
{
	struct heap_pool *pool = shrinker->private_data;
	bool used = shrinker == pool->shrinkers[HEAP_USED];
	unsigned long freed = heap_pool_shrink(pool, sc->nid, sc->nr_to_scan, used);

	/* Make reclaim count this as progress. */
	mm_account_reclaimed_pages(freed);
	/* A page may be larger than what was asked for. */
	sc->nr_scanned = max(sc->nr_to_scan, freed);

	return freed ?: SHRINK_STOP;
}

/* Whether freeing memory of the node helps the task. */
static bool heap_pool_may_use(int nid)
{
#ifdef CONFIG_NUMA
	struct mempolicy *policy = current->mempolicy;

	if (policy && policy->mode == MPOL_BIND && !node_isset(nid, policy->nodes))
		return false;
#endif

	return node_isset(nid, cpuset_current_mems_allowed);
}

/*
 * Reclaim ignores reclaimable kernel memory when it decides to give up. With many tasks,
 * the notifier may run while much memory is still cached and queued. It frees no more
 * than was cached and queued when it started, however fast other tasks close buffers.
 */
static int heap_pool_oom(struct notifier_block *nb, unsigned long unused, void *data)
{
	struct heap_pool *pool = container_of(nb, struct heap_pool, oom);
	unsigned long left = deferred_free_pages(pool->queue) +
			     atomic_long_read(&pool->cache->nr_pages);
	unsigned long *freed = data, n;
	int nid;

	for_each_node_state(nid, N_MEMORY) {
		/* If the task cannot use the freed memory, it retries for ever. */
		if (!heap_pool_may_use(nid))
			continue;
		while (left && (n = heap_pool_shrink(pool, nid, left, true))) {
			*freed += n;
			left -= min(left, n);
		}
	}

	return NOTIFY_OK;
}

/**
 * heap_pool_set_limits - change the limits
 * @pool:	the pool
 * @pool_pages:	base pages to cache; 0 turns the pool off
 * @queue_pages: base pages that may wait to be zeroed
 *
 * The thread frees pages cached beyond a lower limit.
 *
 * Context: any task context. Never sleeps.
 */
void heap_pool_set_limits(struct heap_pool *pool, unsigned long pool_pages,
			  unsigned long queue_pages)
{
	WRITE_ONCE(pool->queue->limit, queue_pages);
	WRITE_ONCE(pool->cache->limit, pool_pages);
	deferred_free_kick(pool->queue);
}
EXPORT_SYMBOL_NS_GPL(heap_pool_set_limits, "DMA_BUF_HEAP");

/**
 * heap_pool_create - make a pool, turned off until its limits are set
 * @name:	name of the heap, its thread, its shrinkers and its debugfs directory
 * @method:	how to zero pages; the heap may change it at any time
 *
 * A pool cannot be destroyed, as no heap can be removed.
 *
 * Context: may sleep.
 * Return: the pool, or %NULL.
 */
struct heap_pool *heap_pool_create(const char *name,
				   const enum heap_zero_method *method)
{
	struct shrinker *shrinker;
	struct heap_pool *pool;
	unsigned int i;

	pool = kzalloc_obj(*pool);
	if (!pool)
		return NULL;

	pool->name = name;
	pool->cache = heap_cache_create();
	pool->shrinkers[HEAP_IDLE] = shrinker_alloc(SHRINKER_NUMA_AWARE,
						    "dma-heap-%s-idle", name);
	pool->shrinkers[HEAP_USED] = shrinker_alloc(SHRINKER_NUMA_AWARE,
						    "dma-heap-%s", name);
	if (pool->cache && pool->shrinkers[HEAP_IDLE] && pool->shrinkers[HEAP_USED])
		pool->queue = deferred_free_create(name, pool->cache, method);
	if (!pool->queue) {
		for (i = 0; i < HEAP_NR_SHRINKERS; i++)
			shrinker_free(pool->shrinkers[i]);
		kfree(pool->cache);
		kfree(pool);
		return NULL;
	}

	/* Zeroed pages that nobody uses are worth less than any page cache. */
	pool->shrinkers[HEAP_IDLE]->seeks = 0;
	pool->shrinkers[HEAP_IDLE]->batch = SWAP_CLUSTER_MAX;
	/* Used pages would soon be missed; they stay until reclaim gets serious. */
	pool->shrinkers[HEAP_USED]->batch = SZ_4M >> PAGE_SHIFT;
	for (i = 0; i < HEAP_NR_SHRINKERS; i++) {
		shrinker = pool->shrinkers[i];
		shrinker->count_objects = heap_pool_shrinker_count;
		shrinker->scan_objects = heap_pool_shrinker_scan;
		shrinker->private_data = pool;
		shrinker_register(shrinker);
	}
	pool->oom.notifier_call = heap_pool_oom;
	register_oom_notifier(&pool->oom);

	return pool;
}
EXPORT_SYMBOL_NS_GPL(heap_pool_create, "DMA_BUF_HEAP");

MODULE_DESCRIPTION("Cache of zeroed pages for DMA-BUF heaps");
MODULE_LICENSE("Dual MIT/GPL");

#ifdef CONFIG_DMABUF_HEAPS_KUNIT_TEST
#include "tests/heap_pool_kunit.c"
#endif
