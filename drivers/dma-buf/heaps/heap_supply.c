// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Where a heap's pages come from, and where they go; see heap_supply.h
 */
#include <linux/cpuset.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/topology.h>
#include <linux/vmstat.h>

#include "heap_charge.h"
#include "heap_clean.h"
#include "heap_pool.h"
#include "heap_supply.h"

#define CREATE_TRACE_POINTS
#include <trace/events/dma_heap.h>

/*
 * Sizes that IOMMUs map well. A buffer is made of the largest that fit; fewer
 * and larger pages also mean less work per byte everywhere else.
 */
const unsigned int heap_orders[HEAP_NR_ORDERS] = { 8, 4, 0 };

/*
 * From so many missing pages on it pays to fetch pages of order 0 through
 * page_pool, which gets them by the dozen. For less, the others would be cleared
 * while somebody waits.
 */
#define BULK_PAGES	64

/*
 * From so many missing pages on a task helps with cleaning: what it saves, one
 * clearing of this much, is then a multiple of what mapping the batch costs.
 */
#define HELP_PAGES	256
/* And cleans so much before it looks whether it is being killed. */
#define HELP_PAGES_MAX	(SZ_4M >> PAGE_SHIFT)

#define LOW_ORDER_GFP	(GFP_HIGHUSER | __GFP_ZERO)
/*
 * A buffer that its cgroup has no room for is an error of the task that asks for
 * it, not a reason to kill it or another one. The page allocator charges what it
 * allocates, so that the same goes for a machine without room.
 */
#define CHARGED_GFP	__GFP_RETRY_MAYFAIL
/* A high order is worth having only if it is to be had at once. */
#define HIGH_ORDER_GFP	(((GFP_HIGHUSER | __GFP_ZERO | __GFP_NOWARN | \
			   __GFP_NORETRY) & ~__GFP_RECLAIM) | __GFP_COMP)

/**
 * heap_supply_pooling - whether freed pages are kept
 * @supply:	the supply
 *
 * Return: false when there are no pools or their bound is 0. The heap then gets
 * pages from and gives them to the page allocator, and nothing is deferred.
 */
bool heap_supply_pooling(const struct heap_supply *supply)
{
	return IS_ENABLED(CONFIG_DMABUF_HEAPS_POOL) &&
	       READ_ONCE(supply->config.pool_pages);
}

/* Constant false without pools, so that what serves them is not needed. */
static bool heap_pages_pooled(const struct heap_pages *buf)
{
	return IS_ENABLED(CONFIG_DMABUF_HEAPS_POOL) && buf->pooled;
}

static unsigned int heap_order_index(unsigned int order)
{
	unsigned int i = 0;

	while (heap_orders[i] > order)
		i++;

	return i;
}

/**
 * heap_supply_pool - the pool a page belongs to
 * @supply:	the supply
 * @page:	a head page for which heap_pool_owns()
 * @order:	its order
 *
 * Return: the pool of that order on the page's node.
 */
struct heap_pool *heap_supply_pool(const struct heap_supply *supply,
				   const struct page *page, unsigned int order)
{
	return supply->pools[page_to_nid(page)][heap_order_index(order)];
}

/**
 * heap_supply_pooled_on - how much clean memory of a node is kept
 * @supply:	the supply
 * @nid:	the node
 *
 * Return: pages of PAGE_SIZE in the node's pools; a snapshot.
 */
unsigned long heap_supply_pooled_on(const struct heap_supply *supply, int nid)
{
	unsigned long nr_pages = 0;
	unsigned int i;

	for (i = 0; i < HEAP_NR_ORDERS; i++)
		if (supply->pools[nid][i])
			nr_pages += heap_pool_cached(supply->pools[nid][i]) <<
				    heap_orders[i];

	return nr_pages;
}

/**
 * heap_supply_pooled - how much clean memory is kept
 * @supply:	the supply
 *
 * Return: pages of PAGE_SIZE in all pools; a snapshot.
 */
unsigned long heap_supply_pooled(const struct heap_supply *supply)
{
	unsigned long nr_pages = 0;
	int nid;

	for_each_node_state(nid, N_MEMORY)
		nr_pages += heap_supply_pooled_on(supply, nid);

	return nr_pages;
}

/**
 * heap_supply_add_queued - account pages that wait to be cleaned
 * @supply:	the supply
 * @nid:	their node
 * @nr_pages:	how many more, or less, in pages of PAGE_SIZE
 */
void heap_supply_add_queued(struct heap_supply *supply, int nid, long nr_pages)
{
	atomic_long_add(nr_pages, &supply->queued[nid]);
	mod_node_page_state(NODE_DATA(nid), NR_KERNEL_MISC_RECLAIMABLE,
			    nr_pages);
}

/**
 * heap_supply_release - give a page to the page allocator
 * @supply:	the supply
 * @page:	head page
 * @order:	its order
 *
 * Context: any task context, also in reclaim.
 */
void heap_supply_release(struct heap_supply *supply, struct page *page,
			 unsigned int order)
{
	if (heap_pool_owns(page))
		heap_pool_release(heap_supply_pool(supply, page, order), page);
	else
		__free_pages(page, order);
}

/*
 * The pool to take from: that of the nearest node, unless the task has been told
 * where its memory is to come from. The page allocator knows the rules then.
 */
static struct heap_pool *heap_supply_local(const struct heap_supply *supply,
					   unsigned int i)
{
	int nid = numa_mem_id();

#ifdef CONFIG_NUMA
	if (nr_online_nodes > 1 &&
	    (current->mempolicy || !node_isset(nid, cpuset_current_mems_allowed)))
		return NULL;
#endif

	return supply->pools[nid][i];
}

/* Nothing was cached: @missing pages of PAGE_SIZE are needed, get up to @nr. */
static noinline unsigned int
heap_supply_miss(struct heap_supply *supply, struct heap_pages *buf,
		 unsigned int i, unsigned int nr, unsigned long missing)
{
	struct heap_pool *pool = heap_supply_local(supply, i);
	unsigned int order = heap_orders[i], got = 0;
	gfp_t gfp = order ? HIGH_ORDER_GFP : LOW_ORDER_GFP;
	struct page *page;

	if (heap_pages_pooled(buf) && pool) {
		if (missing >= HELP_PAGES &&
		    deferred_free_pages(supply->queue) &&
		    heap_clean_help(supply, order,
				    min(missing, HELP_PAGES_MAX)))
			got = heap_pool_take(pool, buf->next, nr);
		if (!got && (order || missing >= BULK_PAGES)) {
			got = heap_pool_fetch(pool, buf->next, nr);
			/* Of order 0, more may have come than was asked for. */
			if (!order)
				heap_supply_trim(supply);
		}
		if (got)
			return got;
	}

	if (buf->charged)
		gfp |= order ? __GFP_ACCOUNT : __GFP_ACCOUNT | CHARGED_GFP;
	page = alloc_pages(gfp, order);
	if (!page)
		return 0;
	sg_set_page(buf->next, page, PAGE_SIZE << order, 0);
	atomic_long_inc(&supply->misses[i]);

	return 1;
}

/* Return: how many of @nr pages are charged; the others are put back. */
static noinline unsigned int
heap_supply_charge(struct heap_supply *supply, struct heap_pages *buf,
		   unsigned int i, unsigned int nr)
{
	unsigned int order = heap_orders[i], done, put;
	gfp_t gfp = order ? HIGH_ORDER_GFP : LOW_ORDER_GFP | CHARGED_GFP;
	struct page *page;

	for (done = 0; done < nr; done++) {
		page = sg_page(buf->next + done);
		/* A page of the page allocator was charged by that. */
		if (heap_pool_owns(page) && heap_charge(page, gfp, order))
			break;
	}

	for (put = done; put < nr; put++) {
		page = sg_page(buf->next + put);
		heap_pool_put(heap_supply_pool(supply, page, order), &page, 1);
	}
	if (done < nr)
		heap_supply_trim(supply);

	return done;
}

static int heap_supply_fill(struct heap_supply *supply, struct heap_pages *buf,
			    unsigned long missing)
{
	struct heap_pool *pool;
	unsigned int i, nr, got;

	for (i = 0; i < HEAP_NR_ORDERS; i++) {
		while (missing >> heap_orders[i]) {
			if (fatal_signal_pending(current))
				return -EINTR;
			if (heap_pages_reserve(buf))
				return -ENOMEM;

			nr = min(missing >> heap_orders[i], buf->left);
			pool = heap_supply_local(supply, i);
			got = 0;
			if (heap_pages_pooled(buf) && pool) {
				got = heap_pool_take(pool, buf->next, nr);
				buf->hits[i] += got;
			}
			if (unlikely(!got))
				got = heap_supply_miss(supply, buf, i, nr,
						       missing);
			if (unlikely(buf->charged))
				got = heap_supply_charge(supply, buf, i, got);
			if (unlikely(!got))
				break;

			heap_pages_added(buf, got, heap_orders[i]);
			missing -= (unsigned long)got << heap_orders[i];
		}
	}

	return missing ? -ENOMEM : 0;
}

/* In the caller's context, to the page allocator. */
static void heap_supply_free_now(struct heap_supply *supply,
				 struct heap_pages *buf)
{
	unsigned int order;
	struct page *page;

	while ((page = heap_pages_pop(buf, &order)))
		heap_supply_release(supply, page, order);

	heap_pages_fini(buf);
	supply->config.free_buffer(buf);
}

static void heap_supply_uncharge(struct heap_pages *buf)
{
	unsigned int order;
	struct page *page;

	heap_pages_rewind(buf);
	while ((page = heap_pages_pop(buf, &order)))
		heap_uncharge(page, order);
}

static void heap_supply_account(struct heap_supply *supply,
				struct heap_pages *buf, int sign)
{
	struct scatterlist *sg;
	long nr_pages;
	int i;

	if (nr_online_nodes == 1) {
		nr_pages = buf->nr_pages;
		heap_supply_add_queued(supply, page_to_nid(sg_page(buf->first)),
				       sign * nr_pages);
		return;
	}

	for_each_sgtable_sg(&buf->table, sg, i) {
		nr_pages = sg->length >> PAGE_SHIFT;
		heap_supply_add_queued(supply, page_to_nid(sg_page(sg)),
				       sign * nr_pages);
	}
}

/* Constant false without pools. */
static bool heap_supply_defer(struct heap_supply *supply, struct heap_pages *buf)
{
	unsigned long nr_pages = buf->nr_pages;
	bool accepted;

	if (!heap_pages_pooled(buf) || !nr_pages || !heap_supply_pooling(supply))
		return false;

	/* Once it was accepted, the buffer is not ours. */
	heap_supply_account(supply, buf, 1);
	accepted = deferred_free_add(supply->queue, &buf->item, nr_pages);
	if (!accepted) {
		heap_supply_account(supply, buf, -1);
		atomic_long_add(nr_pages, &supply->refused);
	}
	trace_dma_heap_defer(supply->config.name, nr_pages,
			     deferred_free_pages(supply->queue), accepted);

	return accepted;
}

static noinline void heap_supply_trace(struct heap_supply *supply,
				       struct heap_pages *buf,
				       unsigned long len, u64 start, int ret)
{
	unsigned long hits[HEAP_NR_ORDERS], misses[HEAP_NR_ORDERS] = { };
	struct scatterlist *sg;
	unsigned int j;
	int i;

	for_each_sgtable_sg(&buf->table, sg, i)
		misses[heap_order_index(get_order(sg->length))]++;
	for (j = 0; j < HEAP_NR_ORDERS; j++) {
		hits[j] = min(buf->hits[j], misses[j]);
		misses[j] -= hits[j];
	}

	trace_dma_heap_alloc(supply->config.name, len >> PAGE_SHIFT, hits,
			     misses, ktime_get_ns() - start, ret);
}

/**
 * heap_supply_alloc - get the pages of a buffer
 * @supply:	the supply
 * @buf:	after heap_pages_init(), and with &heap_pages.pooled and
 *		&heap_pages.charged set as the heap wants it
 * @len:	how much, in bytes, page aligned, not 0
 *
 * All of it is zero. Largest orders first; pages of a node near the caller.
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM or -EINTR (the task is being killed), and then @buf is
 * freed together with what it is embedded in.
 */
int heap_supply_alloc(struct heap_supply *supply, struct heap_pages *buf,
		      unsigned long len)
{
	int ret = -ENOMEM;
	u64 start = 0;

	if (trace_dma_heap_alloc_enabled())
		start = ktime_get_ns();

	buf->supply = supply;
	if (!heap_supply_pooling(supply) ||
	    (buf->charged && !heap_can_charge()))
		buf->pooled = false;

	/* Do not take all memory there is before finding out that it isn't enough. */
	if (len >> PAGE_SHIFT <= totalram_pages())
		ret = heap_supply_fill(supply, buf, len >> PAGE_SHIFT);
	heap_pages_end(buf);
	if (start)
		heap_supply_trace(supply, buf, len, start, ret);
	if (!ret)
		return 0;

	/* Nobody has seen these pages, but they are not needed in a hurry. */
	heap_supply_free(supply, buf);

	return ret;
}
EXPORT_SYMBOL_NS_GPL(heap_supply_alloc, "DMA_BUF_HEAP");

/**
 * heap_supply_free - the pages of a buffer are not used any more
 * @supply:	the supply
 * @buf:	the buffer; freed, now or later, by &heap_supply_config.free_buffer
 *
 * Context: may sleep.
 */
void heap_supply_free(struct heap_supply *supply, struct heap_pages *buf)
{
	/* The user pays until now, not until somebody has cleaned up. */
	if (buf->charged)
		heap_supply_uncharge(buf);
	heap_pages_rewind(buf);

	if (!heap_supply_defer(supply, buf))
		heap_supply_free_now(supply, buf);
}
EXPORT_SYMBOL_NS_GPL(heap_supply_free, "DMA_BUF_HEAP");

MODULE_DESCRIPTION("Pools of clean pages for DMA-BUF heaps");
MODULE_LICENSE("Dual MIT/GPL");
