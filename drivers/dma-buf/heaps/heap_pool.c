// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A heap's memory, see heap_pool.h
 */
#include <linux/export.h>
#include <linux/ktime.h>
#include <linux/memcontrol.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/swap.h>

#include "heap_pool.h"
#include "heap_recycle.h"

#define CREATE_TRACE_POINTS
#include <trace/events/dma_heap.h>

/* Missing base pages for which order 0 is fetched in bulk, 64 or so at a time. */
#define BULK_PAGES	64

/* How long a direct reclaimer waits for bins that others use. */
#define RECLAIM_TICKS	(HZ / 10)

#define LOW_ORDER_GFP	(GFP_HIGHUSER | __GFP_ZERO)
/* A high order is worth having only if it is there. */
#define HIGH_ORDER_GFP	(((GFP_HIGHUSER | __GFP_ZERO | __GFP_NOWARN | \
			   __GFP_NORETRY) & ~__GFP_RECLAIM) | __GFP_COMP)

static unsigned int heap_pool_get_new(struct scatterlist *sg, unsigned int order)
{
	gfp_t gfp = order ? HIGH_ORDER_GFP : LOW_ORDER_GFP;
	struct page *page = alloc_pages(gfp, order);

	if (page)
		sg_set_page(sg, page, PAGE_SIZE << order, 0);

	return !!page;
}

/* Get up to @nr pages into @sg; the buffer lacks @missing base pages. */
static unsigned int heap_pool_get(struct heap_pool *pool, struct scatterlist *sg,
				  unsigned int nr, unsigned int i,
				  unsigned long missing)
{
	struct heap_bin *bin = heap_bins_local(pool->bins, i);
	unsigned int order = heap_orders[i], got = 0;

	if (bin) {
		got = heap_bin_take(bin, sg, nr);
		if (got) {
			atomic_long_add(got, &pool->hits[i]);
			return got;
		}

		if (order || missing >= BULK_PAGES)
			got = heap_bin_fetch(bin, sg, nr,
					     READ_ONCE(pool->bins->max_pages));
		/* Of order 0, more may have come than was asked for. */
		if (!order)
			heap_bins_trim(pool->bins);
	}

	if (!got)
		got = heap_pool_get_new(sg, order);
	atomic_long_add(got, &pool->misses[i]);

	return got;
}

/* What the page allocator does for __GFP_ACCOUNT, for pages that it does not see. */
static int heap_pool_charge(struct scatterlist *sg, unsigned int nr)
{
	int ret = 0;

	for (; HEAP_CAN_CHARGE && nr && !ret; nr--, sg++)
		ret = memcg_kmem_charge_page(sg_page(sg), GFP_HIGHUSER,
					     compound_order(sg_page(sg)));

	return ret;
}

static void heap_pool_uncharge(struct heap_sgl *sgl)
{
	struct scatterlist *sg;
	int i;

	if (!HEAP_CAN_CHARGE || !sgl->charged)
		return;

	for_each_sgtable_sg(&sgl->table, sg, i)
		memcg_kmem_uncharge_page(sg_page(sg),
					 compound_order(sg_page(sg)));
}

static int heap_pool_fill(struct heap_pool *pool, struct heap_sgl *sgl,
			  unsigned long missing)
{
	unsigned int i, order, got;
	struct scatterlist *sg;

	for (i = 0; i < HEAP_NR_ORDERS; i++) {
		order = heap_orders[i];
		while (missing >> order) {
			if (fatal_signal_pending(current))
				return -EINTR;
			if (!sgl->left && heap_sgl_chain(sgl))
				return -ENOMEM;

			sg = sgl->next;
			got = heap_pool_get(pool, sg,
					    min(missing >> order, sgl->left), i,
					    missing);
			if (!got)
				break;
			heap_sgl_added(sgl, got, order);
			missing -= (unsigned long)got << order;

			if (sgl->charged && heap_pool_charge(sg, got))
				return -ENOMEM;
		}
	}

	return missing ? -ENOMEM : 0;
}

/**
 * heap_pool_alloc - get the pages of a buffer
 * @pool:	the pool, for which heap_pool_enabled()
 * @sgl:	where to put them, after heap_sgl_init()
 * @len:	in bytes, page aligned, not 0
 *
 * All of it is zeroed. Largest orders first, pages of a node near the caller.
 * Charges the memory cgroup of the task if &heap_sgl.charged is set.
 *
 * Context: may sleep.
 * Return: 0, -ENOMEM, or -EINTR if the task is being killed. On error @sgl has
 * no pages and must not be used again.
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

	/* Do not take all memory to find out that it isn't enough. */
	if (nr_pages <= totalram_pages())
		ret = heap_pool_fill(pool, sgl, nr_pages);
	heap_sgl_end(sgl);
	if (start)
		trace_dma_heap_alloc(pool->name, nr_pages, ktime_get_ns() - start,
				     ret);
	if (!ret)
		return 0;

	heap_pool_uncharge(sgl);
	/* They are still zeroed, so a bin can have its pages back. */
	while ((page = heap_sgl_pop(sgl))) {
		if (heap_bin_owns(page))
			heap_bins_put(pool->bins, &page, 1);
		else
			heap_bin_release(page);
	}
	heap_bins_trim(pool->bins);
	heap_sgl_fini(sgl);

	return ret;
}
EXPORT_SYMBOL_NS_GPL(heap_pool_alloc, "DMA_BUF_HEAP");

/**
 * heap_pool_free - the pages of a buffer are not used any more
 * @pool:	the pool
 * @sgl:	the pages; freed now or later by the callback of heap_pool_create()
 *
 * Context: may sleep.
 */
void heap_pool_free(struct heap_pool *pool, struct heap_sgl *sgl)
{
	/* The user pays until now, not until the helper gets to it. */
	heap_pool_uncharge(sgl);
	heap_recycle_free(pool->recycle, sgl);
}
EXPORT_SYMBOL_NS_GPL(heap_pool_free, "DMA_BUF_HEAP");

static unsigned long heap_pool_shrinker_count(struct shrinker *shrinker,
					      struct shrink_control *sc)
{
	struct heap_pool *pool = shrinker->private_data;

	return (atomic_long_read(&pool->recycle->queued[sc->nid]) +
		heap_bins_pages_on(pool->bins, sc->nid)) ?: SHRINK_EMPTY;
}

/*
 * Queued buffers go first, unzeroed, then the bins. The oldest buffer may be of
 * another node, but no more is taken than this node has queued.
 *
 * Skip busy bins, but wait if that would free nothing: reporting no progress
 * invites the OOM killer. Not kswapd, it looks elsewhere.
 */
static unsigned long heap_pool_shrinker_scan(struct shrinker *shrinker,
					     struct shrink_control *sc)
{
	struct heap_pool *pool = shrinker->private_data;
	unsigned long waiting = atomic_long_read(&pool->recycle->queued[sc->nid]);
	int tries = current_is_kswapd() ? 0 : RECLAIM_TICKS;
	unsigned long nr_pages = sc->nr_to_scan, queued, cached = 0;

	queued = heap_recycle_shrink(pool->recycle, umin(nr_pages, waiting));
	if (queued < nr_pages)
		cached = heap_bins_shrink(pool->bins, sc->nid, nr_pages - queued);
	while (!queued && !cached && tries-- &&
	       heap_bins_pages_on(pool->bins, sc->nid)) {
		schedule_timeout_uninterruptible(1);
		cached = heap_bins_shrink(pool->bins, sc->nid, nr_pages);
	}

	atomic_long_add(queued + cached, &pool->reclaimed);
	trace_dma_heap_reclaim(pool->name, sc->nid, nr_pages, queued, cached);
	/* So that reclaim counts it as progress. */
	mm_account_reclaimed_pages(queued + cached);
	/* A page may be larger than what was asked for. */
	sc->nr_scanned = max(nr_pages, queued + cached);

	return (queued + cached) ?: SHRINK_STOP;
}

/**
 * heap_pool_set_limits - change the bounds
 * @pool:	the pool
 * @pool_pages:	base pages to keep; 0 turns the pool off
 * @queue_pages: base pages that may wait to be zeroed
 *
 * Context: may sleep.
 */
void heap_pool_set_limits(struct heap_pool *pool, unsigned long pool_pages,
			  unsigned long queue_pages)
{
	WRITE_ONCE(pool->recycle->queue.max_pages, queue_pages);
	WRITE_ONCE(pool->bins->max_pages, pool_pages);
	heap_bins_trim(pool->bins);
	heap_bins_trim_rings(pool->bins);
}
EXPORT_SYMBOL_NS_GPL(heap_pool_set_limits, "DMA_BUF_HEAP");

/**
 * heap_pool_create - make a pool, turned off until its bounds are set
 * @name:	of the heap; names the thread, the shrinker, the debugfs directory
 * @method:	how to zero pages; the heap may change it at any time
 * @free_buffer: free what a &struct heap_sgl is embedded in, also in reclaim
 *
 * There is no way to destroy it, as there is none to remove a heap.
 *
 * Context: may sleep.
 * Return: the pool, or %NULL.
 */
struct heap_pool *heap_pool_create(const char *name,
				   const enum heap_zero_method *method,
				   void (*free_buffer)(struct heap_sgl *sgl))
{
	struct heap_pool *pool;

	pool = kzalloc_obj(*pool);
	if (!pool)
		return NULL;

	pool->name = name;
	pool->bins = kzalloc(struct_size(pool->bins, bin, nr_node_ids), GFP_KERNEL);
	pool->shrinker = shrinker_alloc(SHRINKER_NUMA_AWARE, "dma-heap-%s", name);
	if (pool->bins && pool->shrinker)
		pool->recycle = heap_recycle_create(name, pool->bins, method,
						    free_buffer);
	if (!pool->recycle) {
		shrinker_free(pool->shrinker);
		kfree(pool->bins);
		kfree(pool);
		return NULL;
	}

	heap_bins_init(pool->bins);
	pool->shrinker->count_objects = heap_pool_shrinker_count;
	pool->shrinker->scan_objects = heap_pool_shrinker_scan;
	/* At least one watermark boost; less may bring on the OOM killer. */
	pool->shrinker->batch = MAX_ORDER_NR_PAGES;
	pool->shrinker->private_data = pool;
	shrinker_register(pool->shrinker);

	return pool;
}
EXPORT_SYMBOL_NS_GPL(heap_pool_create, "DMA_BUF_HEAP");

MODULE_DESCRIPTION("Zeroed pages kept ready for DMA-BUF heaps");
MODULE_LICENSE("Dual MIT/GPL");

#ifdef CONFIG_DMABUF_HEAPS_KUNIT_TEST
#include "tests/heap_pool_kunit.c"
#endif
