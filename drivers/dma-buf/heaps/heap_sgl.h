/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The pages of one buffer: a scatterlist that grows
 *
 * Pages of a page_pool can't be on a list, as it uses the memory of ->lru, so they
 * go into the scatterlist as they come. The entries needed when memory is not
 * fragmented are part of the buffer's own allocation, more are chained on. Only
 * heap_sgl_fini() may free it. No locking.
 */
#ifndef _DMABUF_HEAP_SGL_H
#define _DMABUF_HEAP_SGL_H

#include <linux/scatterlist.h>

#include "deferred_free.h"

/**
 * struct heap_sgl - the pages of one buffer; embed it last
 * @table:	the scatterlist, after heap_sgl_end()
 * @item:	for the queue of closed buffers
 * @nr_pages:	base pages added
 * @next:	the entry to fill next, later the entry to pop next
 * @last:	the last entry added
 * @left:	entries that can be filled, or are to be popped, from @next on
 * @nr_first:	usable entries in @first
 * @charged:	set by the heap: charge the pages to a memory cgroup
 * @first:	the first entries, and one for a chain
 */
struct heap_sgl {
	struct sg_table table;
	struct deferred_free_item item;
	unsigned long nr_pages;
	struct scatterlist *next;
	struct scatterlist *last;
	unsigned int left;
	unsigned int nr_first;
	bool charged;
	struct scatterlist first[];
};

/* So that a buffer stays within a page: 120 MiB in pages of order 8. */
#define HEAP_SGL_FIRST_MAX	(SG_MAX_SINGLE_ALLOC - 8)

int heap_sgl_chain(struct heap_sgl *sgl);
struct page *heap_sgl_pop(struct heap_sgl *sgl);
void heap_sgl_fini(struct heap_sgl *sgl);

/**
 * heap_sgl_init - start an empty scatterlist
 * @sgl:	zeroed memory
 * @slots:	entries in &heap_sgl.first, at least 2
 */
static inline void heap_sgl_init(struct heap_sgl *sgl, unsigned int slots)
{
	sgl->nr_first = slots - 1;
	sgl->next = sgl->first;
	sgl->left = sgl->nr_first;
	sgl->table.sgl = sgl->first;
}

/**
 * heap_sgl_added - make entries that were set part of the list
 * @sgl:	the scatterlist
 * @nr:		how many, from 1 to &heap_sgl.left
 * @order:	of their pages
 */
static inline void heap_sgl_added(struct heap_sgl *sgl, unsigned int nr,
				  unsigned int order)
{
	sgl->next += nr;
	sgl->last = sgl->next - 1;
	sgl->left -= nr;
	sgl->table.orig_nents += nr;
	sgl->nr_pages += (unsigned long)nr << order;
}

/**
 * heap_sgl_end - no more pages will be added; from now on they can be popped
 * @sgl:	the scatterlist
 */
static inline void heap_sgl_end(struct heap_sgl *sgl)
{
	sgl->table.nents = sgl->table.orig_nents;
	/* Not @next - 1: that may be the first entry of a new segment. */
	if (sgl->last)
		sg_mark_end(sgl->last);
	sgl->next = sgl->first;
	sgl->left = sgl->table.orig_nents;
}

#endif /* _DMABUF_HEAP_SGL_H */
