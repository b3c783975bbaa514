/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The pages of one buffer
 *
 * A scatterlist that is built in place, page by page, while it is not yet known
 * how many entries it will have: the entries that are needed when memory is not
 * fragmented are part of the buffer's own allocation, further ones are chained
 * on. It is walked like any other scatterlist, but only heap_pages_fini() may
 * free it.
 *
 * Once the buffer is closed the same structure waits in a deferred free queue
 * and remembers how far it has been taken apart.
 *
 * No locking: one context at a time has a &struct heap_pages.
 */
#ifndef _DMABUF_HEAP_PAGES_H
#define _DMABUF_HEAP_PAGES_H

#include <linux/deferred_free.h>
#include <linux/minmax.h>
#include <linux/scatterlist.h>

struct heap_supply;

/**
 * struct heap_pages - the pages of one buffer; embed it last
 * @table:	the scatterlist; valid after heap_pages_end()
 * @supply:	where the pages came from
 * @item:	for the deferred free queue
 * @nr_pages:	pages of PAGE_SIZE added
 * @next:	while allocating the entry to fill next, while freeing the entry to
 *		free next
 * @left:	entries that can be filled or are to be freed, from @next on
 * @nr_first:	usable entries in @first
 * @pooled:	whether pools and the deferred free queue may be used
 * @charged:	whether the pages are charged to a memory cgroup
 * @first:	the first entries, and one more for a chain
 */
struct heap_pages {
	struct sg_table table;
	struct heap_supply *supply;
	struct deferred_free_item item;
	unsigned long nr_pages;
	struct scatterlist *next;
	unsigned int left;
	unsigned int nr_first;
	bool pooled;
	bool charged;
	struct scatterlist first[];
};

/*
 * At most so many entries are part of the buffer's allocation, to keep that
 * within a page together with what surrounds it: 120 MiB in pages of order 8.
 */
#define HEAP_PAGES_FIRST_MAX	(SG_MAX_SINGLE_ALLOC - 8)

/* Entries to allocate for @first so that @nr can be used. */
#define heap_pages_slots(nr)	(min_t(unsigned int, nr, HEAP_PAGES_FIRST_MAX) + 1)

void heap_pages_init(struct heap_pages *pages, unsigned int nr_slots);
int heap_pages_add(struct heap_pages *pages, struct page *page,
		   unsigned int order);
void heap_pages_end(struct heap_pages *pages);
void heap_pages_rewind(struct heap_pages *pages);
struct page *heap_pages_pop(struct heap_pages *pages, unsigned int *order);
void heap_pages_fini(struct heap_pages *pages);

#endif /* _DMABUF_HEAP_PAGES_H */
