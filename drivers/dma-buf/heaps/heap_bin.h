/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Zeroed pages of one order on one node, in a net page_pool
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
 * page_pool's ring ends at 16384 entries, 64 MiB of order 0 with 4 KiB pages.
 */
#ifndef _DMABUF_HEAP_BIN_H
#define _DMABUF_HEAP_BIN_H

#include <linux/mm.h>
#include <linux/mutex.h>

struct page_pool;
struct scatterlist;

/**
 * struct heap_bin - zeroed pages of one order on one node
 * @lock:	its holder is page_pool's one consumer
 * @pp:		where the pages are
 * @order:	of the pages
 * @nid:	their node
 * @max:	bound for @cached
 * @cached:	pages in @pp; written under @lock
 * @total:	base pages cached, of all bins of the heap
 */
struct heap_bin {
	struct mutex lock;	/* page_pool's consumer side */
	struct page_pool *pp;
	unsigned int order;
	int nid;
	unsigned int max;
	unsigned int cached;
	atomic_long_t *total;
};

struct heap_bin *heap_bin_create(unsigned int order, int nid,
				 unsigned long max_pages, atomic_long_t *total);

unsigned int heap_bin_take(struct heap_bin *bin, struct scatterlist *sg,
			   unsigned int nr);
unsigned int heap_bin_fetch(struct heap_bin *bin, struct scatterlist *sg,
			    unsigned int nr);
void heap_bin_put(struct heap_bin *bin, struct page **pages, unsigned int nr);
void heap_bin_release(struct heap_bin *bin, struct page *page);
unsigned int heap_bin_shrink(struct heap_bin *bin, unsigned int nr, bool wait);

unsigned int heap_bin_inflight(struct heap_bin *bin);

/* Whether a page must go back by heap_bin_put() or heap_bin_release(). */
static inline bool heap_bin_owns(struct page *page)
{
	return page_pool_page_is_pp(page);
}

#endif /* _DMABUF_HEAP_BIN_H */
