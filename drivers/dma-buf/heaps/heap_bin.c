// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Zeroed pages of one order on one node, see heap_bin.h
 */
#include <linux/err.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmstat.h>
#include <kunit/static_stub.h>
#include <net/page_pool/helpers.h>

#include "heap_bin.h"
#include "heap_zero.h"

/* Of a page_pool: in 32 KiB, 16 MiB of order 0 with 4 KiB pages. */
#define RING_SIZE	4096
/* ptr_ring frees slots in batches of two cache lines, of up to 256 bytes. */
#define RING_MAX	(RING_SIZE - 64)

/* Pages to put, and base pages to fetch, under the lock. */
#define PUT_MAX		32
#define FETCH_PAGES	(SZ_1M >> PAGE_SHIFT)

/* A ring that owns more is not asked for new pages if there can be another. */
#define RING_FULL	(RING_MAX - FETCH_PAGES - PP_ALLOC_CACHE_REFILL)

/*
 * Under the lock nothing sleeps or reclaims. No reserves, and only memory of the
 * bin's node: page_pool drops others.
 */
#define BIN_GFP	((GFP_HIGHUSER | __GFP_NOWARN | __GFP_NORETRY | \
		  __GFP_NOMEMALLOC | __GFP_THISNODE) & ~__GFP_RECLAIM)

/* One of a bin's page_pools */
struct heap_ring {
	struct list_head node;
	struct page_pool *pp;
	unsigned int cached;	/* pages in @pp, at most RING_MAX */
};

static void heap_bin_add_cached(struct heap_bin *bin, struct heap_ring *ring,
				int nr)
{
	long nr_pages = nr * (1L << bin->order);

	ring->cached += nr;
	WRITE_ONCE(bin->cached, bin->cached + nr);
	atomic_long_add(nr_pages, bin->total);
	mod_node_page_state(NODE_DATA(bin->nid), NR_KERNEL_MISC_RECLAIMABLE,
			    nr_pages);
}

/* Pages that page_pool got from the page allocator, less those it gave back. */
static unsigned int heap_ring_pages(const struct heap_ring *ring)
{
	return ring->pp->pages_state_hold_cnt -
	       atomic_read(&ring->pp->pages_state_release_cnt);
}

/* Of a page that a bin owns. */
static struct page_pool *heap_page_pp(struct page *page)
{
	return __netmem_get_pp(page_to_netmem(page));
}

static struct page *heap_ring_alloc(struct heap_ring *ring, gfp_t gfp)
{
	KUNIT_STATIC_STUB_REDIRECT(heap_ring_alloc, ring, gfp);

	/* Not page_pool_alloc_pages(): its extra call costs 6 % at 32 MiB. */
	return netmem_to_page(page_pool_alloc_netmems(ring->pp, gfp));
}

static inline unsigned int heap_ring_fill(struct heap_ring *ring,
					  struct scatterlist *sg,
					  unsigned int nr, unsigned int order,
					  gfp_t gfp)
{
	unsigned int size = PAGE_SIZE << order;
	struct page *page;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		page = heap_ring_alloc(ring, gfp);
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
	struct heap_ring *ring;
	unsigned int got = 0, n;

	/* Do not wait for a task that found the same and is fetching. */
	if (!READ_ONCE(bin->cached))
		return 0;

	mutex_lock(&bin->lock);
	list_for_each_entry(ring, &bin->rings, node) {
		if (!ring->cached)
			continue;
		n = heap_ring_fill(ring, sg + got, min(nr - got, ring->cached),
				   bin->order, BIN_GFP | __GFP_ZERO);
		heap_bin_add_cached(bin, ring, -(int)n);
		got += n;
		if (got == nr)
			break;
	}
	mutex_unlock(&bin->lock);

	return got;
}

/*
 * The ring with the fewest pages, so that all find room when they come back, or a
 * new one if @max pages can be kept. One task at a time drops the lock to make it.
 */
static struct heap_ring *heap_bin_ring(struct heap_bin *bin, unsigned long max)
{
	struct page_pool_params params = {
		.order = bin->order,
		.nid = bin->nid,
		.pool_size = RING_SIZE,
	};
	struct heap_ring *ring, *best = NULL;

	list_for_each_entry(ring, &bin->rings, node)
		if (!best || heap_ring_pages(ring) < heap_ring_pages(best))
			best = ring;
	if ((best && heap_ring_pages(best) <= RING_FULL) ||
	    list_count_nodes(&bin->rings) < bin->nr_rings ||
	    (unsigned long)bin->nr_rings * RING_FULL >= max ||
	    bin->order > MAX_PAGE_ORDER)
		return best;

	WRITE_ONCE(bin->nr_rings, bin->nr_rings + 1);
	mutex_unlock(&bin->lock);
	ring = kzalloc_obj(*ring);
	if (ring)
		ring->pp = page_pool_create(&params);
	mutex_lock(&bin->lock);
	if (!ring || IS_ERR(ring->pp)) {
		WRITE_ONCE(bin->nr_rings, bin->nr_rings - 1);
		kfree(ring);
		return NULL;
	}
	list_add_tail(&ring->node, &bin->rings);

	return ring;
}

/**
 * heap_bin_fetch - get new pages for an empty bin, and take them
 * @bin:	the bin
 * @sg:		entries to set to them
 * @nr:		how many
 * @max_pages:	bound of all bins, in base pages
 *
 * The pages are zeroed, and the bin's from then on. page_pool gets order 0 in
 * bulk (%PP_ALLOC_CACHE_REFILL); what was not asked for stays cached.
 *
 * Context: may sleep; for memory, or a task that fetches, only if it had to make
 * a page_pool.
 * Return: how many were got; if 0, ask the page allocator.
 */
unsigned int heap_bin_fetch(struct heap_bin *bin, struct scatterlist *sg,
			    unsigned int nr, unsigned long max_pages)
{
	/* Only single pages wake kswapd, as without a pool. */
	gfp_t gfp = bin->order ? BIN_GFP :
		    BIN_GFP | __GFP_KSWAPD_RECLAIM | __GFP_ZERO;
	struct heap_ring *ring;
	unsigned int i;
	u32 held;

	if (!mutex_trylock(&bin->lock))
		return 0;

	ring = heap_bin_ring(bin, max_pages >> bin->order);
	if (!ring || bin->cached) {
		/* If somebody was faster, what is cached is zeroed. */
		mutex_unlock(&bin->lock);
		return heap_bin_take(bin, sg, nr);
	}

	/* What page_pool has ever got from the page allocator; wraps. */
	held = ring->pp->pages_state_hold_cnt;
	nr = umin(nr, umax(FETCH_PAGES >> bin->order, 1));
	nr = heap_ring_fill(ring, sg, nr, bin->order, gfp);
	heap_bin_add_cached(bin, ring, ring->pp->pages_state_hold_cnt - held - nr);
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
 * @bin:	the bin that owns the first one
 * @pages:	head pages
 * @nr:		how many
 *
 * What does not fit goes to the page allocator.
 *
 * Context: may sleep.
 * Return: how many were dealt with, from the first on.
 */
unsigned int heap_bin_put(struct heap_bin *bin, struct page **pages,
			  unsigned int nr)
{
	struct page_pool *pp = heap_page_pp(pages[0]);
	unsigned int kept = 0, i;
	struct heap_ring *ring;

	mutex_lock(&bin->lock);
	/* It is there, as it owns a page. */
	ring = list_first_entry(&bin->rings, struct heap_ring, node);
	while (ring->pp != pp)
		ring = list_next_entry(ring, node);
	nr = min(nr, PUT_MAX);
	for (i = 0; i < nr && heap_page_pp(pages[i]) == pp; i++) {
		if (ring->cached + kept < RING_MAX)
			page_pool_put_full_page(pp, pages[i], true);
		else
			heap_bin_release(pages[i]);
		/* If somebody holds a reference, page_pool has let go of it. */
		kept += heap_bin_owns(pages[i]) && heap_page_pp(pages[i]) == pp;
	}
	heap_bin_add_cached(bin, ring, kept);
	/* The next to take or put looks here first. */
	list_move(&ring->node, &bin->rings);
	mutex_unlock(&bin->lock);

	return i;
}

/**
 * heap_bin_release - give a page to the page allocator, whoever owns it
 * @page:	head page, in use or zeroed
 *
 * Context: any task context, also in reclaim. Takes no lock.
 */
void heap_bin_release(struct page *page)
{
	unsigned int order = compound_order(page);

	if (heap_bin_owns(page)) {
		/* page_pool lets go of one that comes with a second reference. */
		get_page(page);
		page_pool_put_full_page(heap_page_pp(page), page, false);
	}
	__free_pages(page, order);
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
	unsigned int done = 0, n, i;
	struct heap_ring *ring;
	struct page *page;

	if (!READ_ONCE(bin->cached))
		return 0;
	if (wait)
		mutex_lock(&bin->lock);
	else if (!mutex_trylock(&bin->lock))
		return 0;

	/* Those first that pages were put into long ago. */
	list_for_each_entry_reverse(ring, &bin->rings, node) {
		n = min(nr - done, ring->cached);
		for (i = 0; i < n; i++) {
			page = heap_ring_alloc(ring, BIN_GFP | __GFP_ZERO);
			if (!page)
				break;
			heap_bin_release(page);
		}
		heap_bin_add_cached(bin, ring, -(int)i);
		done += i;
		if (done == nr)
			break;
	}
	mutex_unlock(&bin->lock);

	return done;
}

/**
 * heap_bin_trim_rings - give back page_pools that have no pages, but the last one
 * @bin:	the bin
 *
 * Context: may sleep, but not in reclaim: page_pool has a mutex for its list.
 */
void heap_bin_trim_rings(struct heap_bin *bin)
{
	struct heap_ring *ring, *next;
	LIST_HEAD(unused);

	/* Mostly there is one. Whoever closes a buffer need not wait to see that. */
	if (READ_ONCE(bin->nr_rings) < 2)
		return;

	mutex_lock(&bin->lock);
	list_for_each_entry_safe(ring, next, &bin->rings, node) {
		if (bin->nr_rings == 1 || heap_ring_pages(ring))
			continue;
		list_move(&ring->node, &unused);
		WRITE_ONCE(bin->nr_rings, bin->nr_rings - 1);
	}
	mutex_unlock(&bin->lock);

	list_for_each_entry_safe(ring, next, &unused, node) {
		page_pool_destroy(ring->pp);
		kfree(ring);
	}
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
	struct heap_ring *ring;
	unsigned int nr;

	mutex_lock(&bin->lock);
	nr = -bin->cached;
	list_for_each_entry(ring, &bin->rings, node)
		nr += heap_ring_pages(ring);
	mutex_unlock(&bin->lock);

	return nr;
}

/**
 * heap_bin_init - make an empty bin
 * @bin:	zeroed memory
 * @order:	of the pages
 * @nid:	their node
 * @total:	where to count cached base pages
 */
void heap_bin_init(struct heap_bin *bin, unsigned int order, int nid,
		   atomic_long_t *total)
{
	mutex_init(&bin->lock);
	INIT_LIST_HEAD(&bin->rings);
	bin->order = order;
	bin->nid = nid;
	bin->total = total;
}

#ifdef CONFIG_DMABUF_HEAPS_KUNIT_TEST
#include "tests/heap_bin_kunit.c"
#endif
