// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The pages of one buffer, see heap_sgl.h
 */
#include <linux/slab.h>
#include <kunit/static_stub.h>

#include "heap_sgl.h"

/**
 * heap_sgl_chain - get more entries to fill
 * @sgl:	the scatterlist, with &heap_sgl.room 0
 *
 * The caller may then set up to &heap_sgl.room entries, starting at &heap_sgl.fill,
 * and must call heap_sgl_added() for them.
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int heap_sgl_chain(struct heap_sgl *sgl)
{
	struct scatterlist *segment;

	KUNIT_STATIC_STUB_REDIRECT(heap_sgl_chain, sgl);

	segment = kcalloc(SG_MAX_SINGLE_ALLOC, sizeof(*segment), GFP_KERNEL);
	if (!segment)
		return -ENOMEM;

	/* The last entry of a segment is reserved for this. */
	sg_chain(sgl->fill, 1, segment);
	sgl->fill = segment;
	sgl->room = SG_MAX_SINGLE_ALLOC - 1;

	return 0;
}

/**
 * heap_sgl_pop - take the next page out
 * @sgl:	the scatterlist, after heap_sgl_end()
 *
 * Return: the head page, or %NULL after the last one.
 */
struct page *heap_sgl_pop(struct heap_sgl *sgl)
{
	struct scatterlist *sg = sgl->table.sgl;

	if (!sgl->table.orig_nents)
		return NULL;

	sgl->table.orig_nents--;
	sgl->table.sgl = sg_next(sg);

	return sg_page(sg);
}

/**
 * heap_sgl_fini - free the segments and the buffer
 * @sgl:	the scatterlist; its pages must be gone
 */
void heap_sgl_fini(struct heap_sgl *sgl)
{
	struct scatterlist *link = &sgl->first[sgl->nr_first];

	while (sg_is_chain(link)) {
		struct scatterlist *segment = sg_chain_ptr(link);
		struct scatterlist next = segment[SG_MAX_SINGLE_ALLOC - 1];

		kfree(segment);
		*link = next;
	}
	kfree(sgl->buffer);
}

#ifdef CONFIG_DMABUF_HEAPS_KUNIT_TEST
#include "tests/heap_sgl_kunit.c"
#endif
