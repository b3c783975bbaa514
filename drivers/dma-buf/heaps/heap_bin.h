/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Zeroed pages of one order on one node, in net page_pools
 *
 * page_pool was made for one consumer in softirq context. A bin adds a mutex for
 * that side, an exact count of cached pages, their accounting as reclaimable
 * memory, and a way back to the page allocator. Nobody reclaims under the mutex,
 * so a shrinker may take it.
 *
 * Every cached page is zeroed: heap_bin_put() takes zeroed pages only, and what
 * page_pool fetches to keep is fetched with __GFP_ZERO.
 *
 * A page that page_pool fetched belongs to the bin until it is released, also
 * while a buffer uses it; heap_bin_owns() tells. It must come back by
 * heap_bin_put() or heap_bin_release(), never by __free_pages().
 *
 * A page_pool's ring has a fixed size. A bin makes another one when each of those
 * it has owns as many pages as it can keep, until together they can keep what the
 * bound allows. All but one are given back when they own none.
 */
#ifndef _DMABUF_HEAP_BIN_H
#define _DMABUF_HEAP_BIN_H

#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>

struct scatterlist;

/**
 * struct heap_bin - zeroed pages of one order on one node
 * @lock:	its holder is the one consumer of each page_pool
 * @rings:	page_pools, the most recently filled first
 * @nr_rings:	how many, with the one being made; written under @lock
 * @order:	of the pages
 * @nid:	their node
 * @cached:	pages in @rings; written under @lock
 * @total:	base pages cached, of all bins of the heap
 */
struct heap_bin {
	struct mutex lock;	/* consumer side and rings */
	struct list_head rings;
	unsigned int nr_rings;
	unsigned int order;
	int nid;
	unsigned int cached;
	atomic_long_t *total;
};

void heap_bin_init(struct heap_bin *bin, unsigned int order, int nid,
		   atomic_long_t *total);

unsigned int heap_bin_take(struct heap_bin *bin, struct scatterlist *sg,
			   unsigned int nr);
unsigned int heap_bin_fetch(struct heap_bin *bin, struct scatterlist *sg,
			    unsigned int nr, unsigned long max_pages);
unsigned int heap_bin_put(struct heap_bin *bin, struct page **pages,
			  unsigned int nr);
void heap_bin_release(struct page *page);
unsigned int heap_bin_shrink(struct heap_bin *bin, unsigned int nr, bool wait);
void heap_bin_trim_rings(struct heap_bin *bin);
unsigned int heap_bin_inflight(struct heap_bin *bin);

/* Whether a page must go back by heap_bin_put() or heap_bin_release(). */
static inline bool heap_bin_owns(struct page *page)
{
	return page_pool_page_is_pp(page);
}

#endif /* _DMABUF_HEAP_BIN_H */
