// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Zeroed pages of one order on one node, see heap_bin.h
 */
#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmstat.h>
#include <kunit/static_stub.h>
#include <net/page_pool/helpers.h>

#include "heap_bin.h"
#include "heap_zero.h"

/* What page_pool_create() accepts at most. */
#define RING_MAX	16384
/* ptr_ring frees slots in batches of two cache lines, of up to 128 bytes. */
#define RING_SLACK	32

/* Base pages to fetch under the lock. */
#define FETCH_PAGES	(SZ_1M >> PAGE_SHIFT)

/*
 * Under the lock nothing sleeps or reclaims. No reserves, and only memory of the
 * bin's node: page_pool drops others. No kswapd, as for the heap's high orders.
 */
#define BIN_GFP	((GFP_HIGHUSER | __GFP_NOWARN | __GFP_NORETRY | \
		  __GFP_NOMEMALLOC | __GFP_THISNODE) & ~__GFP_RECLAIM)

static void heap_bin_add_cached(struct heap_bin *bin, long nr)
{
	long nr_pages = nr * (1L << bin->order);

	WRITE_ONCE(bin->cached, bin->cached + nr);
	atomic_long_add(nr_pages, bin->total);
	mod_node_page_state(NODE_DATA(bin->nid), NR_KERNEL_MISC_RECLAIMABLE,
			    nr_pages);
}

static struct page *heap_bin_alloc(struct heap_bin *bin, gfp_t gfp)
{
	KUNIT_STATIC_STUB_REDIRECT(heap_bin_alloc, bin, gfp);

	/* Not page_pool_alloc_pages(): its extra call costs 6 % at 32 MiB. */
	return netmem_to_page(page_pool_alloc_netmems(bin->pp, gfp));
}

static inline unsigned int heap_bin_fill(struct heap_bin *bin,
					 struct scatterlist *sg,
					 unsigned int nr, gfp_t gfp)
{
	unsigned int size = PAGE_SIZE << bin->order;
	struct page *page;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		page = heap_bin_alloc(bin, gfp);
		if (!page)
			break;
		sg_set_page(sg + i, page, size, 0);
	}

	return i;
}

/**
 * heap_bin_take - take cached pages
 * @bin:	the bin
 * @sg:		entries to set to them
 * @nr:		how many
 *
 * Context: may sleep on the bin's mutex, not for memory.
 * Return: how many were taken; 0 when nothing is cached.
 */
unsigned int heap_bin_take(struct heap_bin *bin, struct scatterlist *sg,
			   unsigned int nr)
{
	/* Do not wait for a task that found the same and is fetching. */
	if (!READ_ONCE(bin->cached))
		return 0;

	mutex_lock(&bin->lock);
	nr = heap_bin_fill(bin, sg, min(nr, bin->cached), BIN_GFP | __GFP_ZERO);
	heap_bin_add_cached(bin, -(long)nr);
	mutex_unlock(&bin->lock);

	return nr;
}

/**
 * heap_bin_fetch - get new pages for an empty bin, and take them
 * @bin:	the bin
 * @sg:		entries to set to them
 * @nr:		how many
 *
 * The pages are zeroed, and the bin's from then on. page_pool gets order 0 in
 * bulk (%PP_ALLOC_CACHE_REFILL); what was not asked for stays cached.
 *
 * Context: may sleep, but neither for memory nor for another task that fetches.
 * Return: how many were got; if 0, ask the page allocator.
 */
unsigned int heap_bin_fetch(struct heap_bin *bin, struct scatterlist *sg,
			    unsigned int nr)
{
	gfp_t gfp = bin->order ? BIN_GFP : BIN_GFP | __GFP_ZERO;
	unsigned int i;
	u32 held;

	if (!mutex_trylock(&bin->lock))
		return 0;

	/* Somebody was faster, and what is cached is zeroed. */
	if (bin->cached) {
		mutex_unlock(&bin->lock);
		return heap_bin_take(bin, sg, nr);
	}

	/* What page_pool has ever got from the page allocator; wraps. */
	held = bin->pp->pages_state_hold_cnt;
	nr = heap_bin_fill(bin, sg, umin(nr, umax(FETCH_PAGES >> bin->order, 1)),
			   gfp);
	heap_bin_add_cached(bin, bin->pp->pages_state_hold_cnt - held - nr);
	mutex_unlock(&bin->lock);

	/* Outside the lock, unless the page allocator has zeroed them. */
	if (bin->order && !want_init_on_alloc(0) && !want_init_on_free()) {
		for (i = 0; i < nr; i++)
			heap_zero_direct(sg_page(sg + i));
	}

	return nr;
}

/**
 * heap_bin_put - give zeroed pages back to their bin
 * @bin:	the bin, which must own them
 * @pages:	head pages
 * @nr:		how many
 *
 * What does not fit goes to the page allocator.
 *
 * Context: may sleep.
 */
void heap_bin_put(struct heap_bin *bin, struct page **pages, unsigned int nr)
{
	unsigned int keep, kept = 0, i;

	mutex_lock(&bin->lock);
	keep = min(nr, bin->max - min(bin->max, bin->cached));
	for (i = 0; i < keep; i++) {
		page_pool_put_full_page(bin->pp, pages[i], true);
		/* If somebody holds a reference, page_pool has let go of it. */
		kept += heap_bin_owns(pages[i]) && pages[i]->pp == bin->pp;
	}
	heap_bin_add_cached(bin, kept);
	mutex_unlock(&bin->lock);

	for (i = keep; i < nr; i++)
		heap_bin_release(bin, pages[i]);
}

/**
 * heap_bin_release - give a page to the page allocator
 * @bin:	the bin that owns it
 * @page:	head page, in use or zeroed
 *
 * Context: any task context, also in reclaim. Takes no lock.
 */
void heap_bin_release(struct heap_bin *bin, struct page *page)
{
	/* page_pool lets go of a page that comes with a second reference. */
	get_page(page);
	page_pool_put_full_page(bin->pp, page, false);
	__free_pages(page, bin->order);
}

/**
 * heap_bin_shrink - give cached pages to the page allocator
 * @bin:	the bin
 * @nr:		how many at most
 * @wait:	whether to wait for the bin's mutex
 *
 * Context: any task context, also in reclaim. Sleeps if @wait, never allocates.
 * Return: how many were given.
 */
unsigned int heap_bin_shrink(struct heap_bin *bin, unsigned int nr, bool wait)
{
	struct page *page;
	unsigned int i;

	if (!READ_ONCE(bin->cached))
		return 0;
	if (wait)
		mutex_lock(&bin->lock);
	else if (!mutex_trylock(&bin->lock))
		return 0;

	nr = min(nr, bin->cached);
	for (i = 0; i < nr; i++) {
		page = heap_bin_alloc(bin, BIN_GFP | __GFP_ZERO);
		if (!page)
			break;
		heap_bin_release(bin, page);
	}
	heap_bin_add_cached(bin, -(long)i);
	mutex_unlock(&bin->lock);

	return i;
}

/**
 * heap_bin_inflight - how many pages are in use or wait to be zeroed
 * @bin:	the bin
 *
 * Context: may sleep.
 * Return: pages of the bin's order.
 */
unsigned int heap_bin_inflight(struct heap_bin *bin)
{
	s32 inflight;

	mutex_lock(&bin->lock);
	inflight = bin->pp->pages_state_hold_cnt - bin->cached -
		   atomic_read(&bin->pp->pages_state_release_cnt);
	mutex_unlock(&bin->lock);

	/* Pages may have been released meanwhile. */
	return max(inflight, 0);
}

/**
 * heap_bin_create - make an empty bin
 * @order:	of the pages
 * @nid:	their node
 * @max_pages:	bound in base pages
 * @total:	where to count cached base pages
 *
 * Context: may sleep.
 * Return: the bin or %NULL.
 */
struct heap_bin *heap_bin_create(unsigned int order, int nid,
				 unsigned long max_pages, atomic_long_t *total)
{
	struct page_pool_params params = {
		.order = order,
		.nid = nid,
	};
	struct heap_bin *bin;

	bin = kzalloc_obj(*bin);
	if (!bin)
		return NULL;

	mutex_init(&bin->lock);
	bin->order = order;
	bin->nid = nid;
	bin->max = min(max_pages >> order, RING_MAX - RING_SLACK);
	bin->total = total;

	params.pool_size = bin->max + RING_SLACK;
	bin->pp = page_pool_create(&params);
	if (IS_ERR(bin->pp)) {
		kfree(bin);
		return NULL;
	}

	return bin;
}

#ifdef CONFIG_DMABUF_HEAPS_KUNIT_TEST
#include "tests/heap_bin_kunit.c"
#endif
