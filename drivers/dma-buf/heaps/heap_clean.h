/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * From the deferred free queue back to the pools
 *
 * Supplies the callbacks of a heap's deferred free queue. Pages that a pool owns
 * and has room for are gathered, across buffers, cleared a batch at a time and
 * put back; all others go to the page allocator, uncleared.
 */
#ifndef _DMABUF_HEAP_CLEAN_H
#define _DMABUF_HEAP_CLEAN_H

#include <linux/deferred_free.h>
#include <linux/gfp_types.h>

struct heap_clean;
struct heap_supply;

extern const struct deferred_free_ops heap_clean_ops;

struct heap_clean *heap_clean_create(struct heap_supply *supply,
				     unsigned int batch_max, gfp_t gfp);
void heap_clean_destroy(struct heap_clean *clean);
void *heap_clean_priv(struct heap_clean *clean);

unsigned long heap_clean_evict(struct heap_supply *supply,
			       unsigned long nr_pages);
unsigned long heap_clean_help(struct heap_supply *supply, unsigned int order,
			      unsigned long nr_pages);

#endif /* _DMABUF_HEAP_CLEAN_H */
