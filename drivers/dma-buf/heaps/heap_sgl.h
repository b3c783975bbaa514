/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The pages of one buffer: a scatterlist that grows
 *
 * Pages of a page_pool cannot be on a list, as it uses the memory of ->lru. Each page
 * goes into the scatterlist as it is allocated. The entries needed when memory is not
 * fragmented are part of the buffer's own allocation; further ones are chained on.
 * Only heap_sgl_fini() may free the chain. The caller does the locking.
 */
#ifndef _DMABUF_HEAP_SGL_H
#define _DMABUF_HEAP_SGL_H

#include <linux/scatterlist.h>

/**
 * struct heap_sgl - the pages of one buffer; embed it last
 * @table:	the scatterlist, after heap_sgl_end(), without the popped pages
 * @node:	position in the queue of closed buffers
 * @nr_pages:	base pages added
 * @fill:	the entry to fill next
 * @room:	entries that can be filled from @fill on
 * @last:	the last entry added
 * @nr_first:	usable entries in @first
 * @closed_by:	process that closed the buffer
 * @charged:	set by the heap: charge the pages to a memory cgroup
 * @buffer:	set by the heap: the allocation that @first is part of
 * @first:	the first entries, and one for a chain
 */
struct heap_sgl {
	struct sg_table table;
	struct list_head node;
	unsigned long nr_pages;
	struct scatterlist *fill;
	struct scatterlist *last;
	unsigned int room;
	unsigned int nr_first;
	pid_t closed_by;
	bool charged;
	void *buffer;
	struct scatterlist first[];
};

/* With this many entries, enough for 120 MiB, a buffer's structure fits into a page. */
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
	sgl->fill = sgl->first;
	sgl->room = sgl->nr_first;
	sgl->table.sgl = sgl->first;
}

/**
 * heap_sgl_added - append the entries that the caller has set
 * @sgl:	the scatterlist
 * @nr:		how many, from 1 to &heap_sgl.room
 * @order:	order of their pages
 */
static inline void heap_sgl_added(struct heap_sgl *sgl, unsigned int nr,
				  unsigned int order)
{
	sgl->fill += nr;
	sgl->last = sgl->fill - 1;
	sgl->room -= nr;
	sgl->table.orig_nents += nr;
	sgl->nr_pages += (unsigned long)nr << order;
}

/**
 * heap_sgl_end - end the list; from now on its pages can be popped
 * @sgl:	the scatterlist
 */
static inline void heap_sgl_end(struct heap_sgl *sgl)
{
	sgl->table.nents = sgl->table.orig_nents;
	/* @last is not always @fill - 1, as @fill may start a new segment. */
	if (sgl->last)
		sg_mark_end(sgl->last);
}

#endif /* _DMABUF_HEAP_SGL_H */
