// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The pages of one buffer, see heap_pages.h for the contract
 *
 * Entries come in segments, the first in the structure itself, each further one
 * an allocation of its own. The last entry of a segment is reserved for the
 * chain to the next.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <kunit/visibility.h>

#include "heap_pages.h"

/**
 * heap_pages_chain - get a new segment when the present one is used up
 * @pages:	the scatterlist
 *
 * Context: may sleep to allocate.
 * Return: 0 or -ENOMEM.
 */
int heap_pages_chain(struct heap_pages *pages)
{
	struct scatterlist *segment;

	if (IS_ENABLED(CONFIG_ARCH_NO_SG_CHAIN))
		return -ENOMEM;

	segment = kcalloc(SG_MAX_SINGLE_ALLOC, sizeof(*segment), GFP_KERNEL);
	if (!segment)
		return -ENOMEM;

	/* @next is the entry reserved for this. */
	sg_chain(pages->next, 1, segment);
	pages->next = segment;
	pages->left = SG_MAX_SINGLE_ALLOC - 1;

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(heap_pages_chain);

/**
 * heap_pages_pop - take the next page out
 * @pages:	the scatterlist, after heap_pages_rewind()
 * @order:	where to store the page's order
 *
 * Return: the head page, or %NULL after the last one. An entry whose page was
 * taken away by sg_assign_page() is passed over.
 */
struct page *heap_pages_pop(struct heap_pages *pages, unsigned int *order)
{
	while (pages->left) {
		struct scatterlist *sg = pages->next;

		pages->left--;
		pages->next = sg_next(sg);
		if (!sg_page(sg))
			continue;

		*order = get_order(sg->length);
		return sg_page(sg);
	}

	return NULL;
}
EXPORT_SYMBOL_IF_KUNIT(heap_pages_pop);

/**
 * heap_pages_fini - free what heap_pages_reserve() has allocated
 * @pages:	the scatterlist; its pages are no concern of this
 */
void heap_pages_fini(struct heap_pages *pages)
{
	struct scatterlist *link = &pages->first[pages->nr_first];

	while (sg_is_chain(link)) {
		struct scatterlist *segment = sg_chain_ptr(link);
		struct scatterlist next = segment[SG_MAX_SINGLE_ALLOC - 1];

		kfree(segment);
		*link = next;
	}
}
EXPORT_SYMBOL_IF_KUNIT(heap_pages_fini);
