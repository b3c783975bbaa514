// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A heap's zeroed pages, see heap_bins.h
 */
#include <linux/nodemask.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "heap_bins.h"

/* Sizes that IOMMUs map well; the system heap has always used these. */
const unsigned int heap_orders[HEAP_NR_ORDERS] = { 8, 4, 0 };

/* Base pages to release under one hold of a bin's lock when the bound is lowered. */
#define TRIM_PAGES	(SZ_4M >> PAGE_SHIFT)

static struct heap_bin *heap_bins_of(struct heap_bins *bins, struct page *page)
{
	unsigned int order = compound_order(page), i = 0;

	while (heap_orders[i] > order)
		i++;

	return &bins->bin[page_to_nid(page)][i];
}

/**
 * heap_bins_put - keep zeroed pages
 * @bins:	the bins
 * @pages:	head pages, owned by one of them
 * @nr:		how many
 *
 * Context: may sleep.
 */
void heap_bins_put(struct heap_bins *bins, struct page **pages, unsigned int nr)
{
	unsigned int done;

	for (; nr; pages += done, nr -= done)
		done = heap_bin_put(heap_bins_of(bins, pages[0]), pages, nr);
}

/**
 * heap_bins_refill - get pages of order 0 to keep, if a node has none
 * @bins:	the bins
 * @nid:	the node
 *
 * Context: may sleep.
 */
void heap_bins_refill(struct heap_bins *bins, int nid)
{
	struct heap_bin *bin = &bins->bin[nid][HEAP_NR_ORDERS - 1];
	struct scatterlist sg = { };
	struct page *page;

	if (READ_ONCE(bin->cached) || !heap_bins_have_room(bins, 1))
		return;

	/* That brings PP_ALLOC_CACHE_REFILL of them. */
	if (heap_bin_fetch(bin, &sg, 1, READ_ONCE(bins->max_pages))) {
		page = sg_page(&sg);
		heap_bin_put(bin, &page, 1);
	}
}

/**
 * heap_bins_pages_on - how much memory of a node is cached
 * @bins:	the bins
 * @nid:	the node
 *
 * Return: base pages; a snapshot.
 */
unsigned long heap_bins_pages_on(const struct heap_bins *bins, int nid)
{
	unsigned long nr_pages = 0;
	const struct heap_bin *bin;
	unsigned int i;

	for (i = 0; i < HEAP_NR_ORDERS; i++) {
		bin = &bins->bin[nid][i];
		nr_pages += (unsigned long)READ_ONCE(bin->cached) << bin->order;
	}

	return nr_pages;
}

static unsigned long heap_bins_shrink_one(struct heap_bins *bins, int nid,
					  unsigned int i, unsigned long nr_pages,
					  bool wait)
{
	struct heap_bin *bin = &bins->bin[nid][i];
	unsigned int nr = ((nr_pages - 1) >> bin->order) + 1;

	return (unsigned long)heap_bin_shrink(bin, nr, wait) << bin->order;
}

/**
 * heap_bins_shrink - give a node's cached pages to the page allocator
 * @bins:	the bins
 * @nid:	the node
 * @nr_pages:	how many base pages; orders are rounded up
 *
 * Largest orders first. Skips busy bins: their user may not get to run.
 *
 * Context: any task context, also in reclaim. Never sleeps or allocates.
 * Return: base pages given.
 */
unsigned long heap_bins_shrink(struct heap_bins *bins, int nid,
			       unsigned long nr_pages)
{
	unsigned long freed = 0;
	unsigned int i;

	for (i = 0; i < HEAP_NR_ORDERS && freed < nr_pages; i++)
		freed += heap_bins_shrink_one(bins, nid, i, nr_pages - freed,
					      false);

	return freed;
}

/**
 * heap_bins_trim - shrink to the bound, smallest pages first
 * @bins:	the bins
 *
 * Context: may sleep.
 */
void heap_bins_trim(struct heap_bins *bins)
{
	unsigned int i;
	long excess;
	int nid;

	for (i = HEAP_NR_ORDERS; i--;) {
		for_each_node_state(nid, N_MEMORY) {
			do {
				excess = atomic_long_read(&bins->nr_pages) -
					 READ_ONCE(bins->max_pages);
				if (excess <= 0)
					return;
				cond_resched();
				excess = min(excess, TRIM_PAGES);
			} while (heap_bins_shrink_one(bins, nid, i, excess, true));
		}
	}
}

/* heap_bin_trim_rings() of all bins; not in reclaim either. */
void heap_bins_trim_rings(struct heap_bins *bins)
{
	unsigned int i;
	int nid;

	for_each_node_state(nid, N_MEMORY)
		for (i = 0; i < HEAP_NR_ORDERS; i++)
			heap_bin_trim_rings(&bins->bin[nid][i]);
}

/**
 * heap_bins_init - make empty bins
 * @bins:	zeroed memory, for nr_node_ids nodes
 */
void heap_bins_init(struct heap_bins *bins)
{
	unsigned int i;
	int nid;

	for (nid = 0; nid < nr_node_ids; nid++)
		for (i = 0; i < HEAP_NR_ORDERS; i++)
			heap_bin_init(&bins->bin[nid][i], heap_orders[i], nid,
				      &bins->nr_pages);
}
