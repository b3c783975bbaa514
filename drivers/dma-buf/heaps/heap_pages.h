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
 * @last:	the last entry added
 * @left:	entries that can be filled or are to be freed, from @next on
 * @nr_first:	usable entries in @first
 * @hits:	entries, by index into heap_orders, that were found clean in a pool
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
	struct scatterlist *last;
	unsigned int left;
	unsigned int nr_first;
	u32 hits[3];
	bool pooled;
	bool charged;
	struct scatterlist first[];
};

/*
 * At most so many entries are part of the buffer's allocation, to keep that
 * within a page together with what surrounds it: 120 MiB in pages of order 8.
 */
#define HEAP_PAGES_FIRST_MAX	(SG_MAX_SINGLE_ALLOC - 8)

/*
 * Entries to allocate for @first so that @nr can be used. Where more cannot be
 * chained on when memory turns out to be fragmented, all that fit.
 */
#define heap_pages_slots(nr)						\
	(min_t(unsigned long, HEAP_PAGES_FIRST_MAX,			\
	       IS_ENABLED(CONFIG_ARCH_NO_SG_CHAIN) ? ULONG_MAX : (nr)) + 1)

int heap_pages_chain(struct heap_pages *pages);
struct page *heap_pages_pop(struct heap_pages *pages, unsigned int *order);
void heap_pages_fini(struct heap_pages *pages);

/**
 * heap_pages_init - start an empty scatterlist
 * @pages:	zeroed memory
 * @nr_slots:	entries allocated for @first, see heap_pages_slots()
 */
static inline void heap_pages_init(struct heap_pages *pages,
				   unsigned int nr_slots)
{
	pages->nr_first = nr_slots - 1;
	pages->next = pages->first;
	pages->left = pages->nr_first;
	pages->table.sgl = pages->first;
}

/**
 * heap_pages_reserve - get entries to fill
 * @pages:	the scatterlist
 *
 * From &heap_pages.next on, &heap_pages.left entries may be set to pages, and
 * then be made part of the list by heap_pages_added().
 *
 * Context: may sleep to allocate.
 * Return: 0 if there is at least one entry, or -ENOMEM.
 */
static inline int heap_pages_reserve(struct heap_pages *pages)
{
	return likely(pages->left) ? 0 : heap_pages_chain(pages);
}

/**
 * heap_pages_added - the next entries have been set
 * @pages:	the scatterlist
 * @nr:		how many, at least 1 and not more than &heap_pages.left
 * @order:	of each of their pages
 */
static inline void heap_pages_added(struct heap_pages *pages, unsigned int nr,
				    unsigned int order)
{
	pages->next += nr;
	pages->last = pages->next - 1;
	pages->left -= nr;
	pages->table.orig_nents += nr;
	pages->nr_pages += (unsigned long)nr << order;
}

/**
 * heap_pages_end - no more pages will be added
 * @pages:	the scatterlist
 */
static inline void heap_pages_end(struct heap_pages *pages)
{
	pages->table.nents = pages->table.orig_nents;
	/* Not @next - 1: that may be the first entry of a new segment. */
	if (pages->last)
		sg_mark_end(pages->last);
}

/**
 * heap_pages_rewind - start over at the first page, to take them out again
 * @pages:	the scatterlist, after heap_pages_end()
 */
static inline void heap_pages_rewind(struct heap_pages *pages)
{
	pages->next = pages->first;
	pages->left = pages->table.orig_nents;
}

#endif /* _DMABUF_HEAP_PAGES_H */
