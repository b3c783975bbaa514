// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A heap's zeroed pages, see heap_bins.h
 */
#include <linux/nodemask.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>

#include "heap_bins.h"

/* Sizes that IOMMUs map well; the system heap has always used these. */
const unsigned int heap_orders[HEAP_NR_ORDERS] = { 8, 4, 0 };

static struct heap_bin *heap_bins_of(const struct heap_bins *bins,
				     struct page *page)
{
	unsigned int order = compound_order(page), i = 0;

	while (heap_orders[i] > order)
		i++;

	return bins->bin[page_to_nid(page)][i];
}

/**
 * heap_bins_have_room - whether to keep a page
 * @bins:	the bins
 * @page:	head page, owned by one of them
 * @more:	base pages that will be put before it
 *
 * Return: false if the bound or the page's bin is reached; a snapshot.
 */
bool heap_bins_have_room(const struct heap_bins *bins, struct page *page,
			 unsigned long more)
{
	const struct heap_bin *bin = heap_bins_of(bins, page);

	more += atomic_long_read(&bins->nr_pages) + compound_nr(page);

	return more <= READ_ONCE(bins->max_pages) &&
	       READ_ONCE(bin->cached) < bin->max;
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
	struct heap_bin *bin;
	unsigned int run;

	for (; nr; pages += run, nr -= run) {
		bin = heap_bins_of(bins, pages[0]);
		for (run = 1; run < nr; run++)
			if (heap_bins_of(bins, pages[run]) != bin)
				break;
		heap_bin_put(bin, pages, run);
	}
}

/**
 * heap_bins_refill - get pages of order 0 to keep, if a node has none
 * @bins:	the bins
 * @nid:	the node
 *
 * Context: may sleep, but not for memory.
 */
void heap_bins_refill(struct heap_bins *bins, int nid)
{
	struct heap_bin *bin = bins->bin[nid][HEAP_NR_ORDERS - 1];
	struct scatterlist sg = { };
	struct page *page;

	if (!bin || READ_ONCE(bin->cached) ||
	    atomic_long_read(&bins->nr_pages) >= READ_ONCE(bins->max_pages))
		return;

	/* That brings PP_ALLOC_CACHE_REFILL of them. */
	if (heap_bin_fetch(bin, &sg, 1)) {
		page = sg_page(&sg);
		heap_bin_put(bin, &page, 1);
	}
}

/**
 * heap_bins_release - give a page to the page allocator, whoever owns it
 * @bins:	the bins
 * @page:	head page
 *
 * Context: any task context, also in reclaim.
 */
void heap_bins_release(struct heap_bins *bins, struct page *page)
{
	if (heap_bin_owns(page))
		heap_bin_release(heap_bins_of(bins, page), page);
	else
		__free_pages(page, compound_order(page));
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
		bin = bins->bin[nid][i];
		if (bin)
			nr_pages += (unsigned long)READ_ONCE(bin->cached) <<
				    bin->order;
	}

	return nr_pages;
}

static unsigned long heap_bins_shrink_one(struct heap_bins *bins, int nid,
					  unsigned int i, unsigned long nr_pages,
					  bool wait)
{
	struct heap_bin *bin = bins->bin[nid][i];
	unsigned long nr;

	if (!bin || !nr_pages)
		return 0;

	nr = heap_bin_shrink(bin, ((nr_pages - 1) >> heap_orders[i]) + 1, wait);

	return nr << heap_orders[i];
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
	unsigned long nr_pages, max_pages;
	unsigned int i;
	int nid;

	for (i = HEAP_NR_ORDERS; i--;) {
		for_each_node_state(nid, N_MEMORY) {
			nr_pages = atomic_long_read(&bins->nr_pages);
			max_pages = READ_ONCE(bins->max_pages);
			if (nr_pages <= max_pages)
				return;
			heap_bins_shrink_one(bins, nid, i, nr_pages - max_pages,
					     true);
			cond_resched();
		}
	}
}

/**
 * heap_bins_create - make the bins that there is memory for
 * @bins:	zeroed memory, for nr_node_ids nodes
 *
 * The heap does without the others.
 *
 * Context: may sleep.
 */
void heap_bins_create(struct heap_bins *bins)
{
	unsigned int i;
	int nid;

	for_each_node_state(nid, N_MEMORY)
		for (i = 0; i < HEAP_NR_ORDERS; i++)
			if (heap_orders[i] <= MAX_PAGE_ORDER)
				/* The bound can be raised up to all memory. */
				bins->bin[nid][i] =
					heap_bin_create(heap_orders[i], nid,
							totalram_pages(),
							&bins->nr_pages);
}
