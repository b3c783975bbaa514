/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * From freed to zeroed to kept
 *
 * Owns the queue of closed buffers. The helper thread takes pages from it, zeroes
 * those that a bin owns and has room for, a batch at a time, and puts them there.
 * All others go to the page allocator as they are, under memory pressure all do.
 *
 * What is queued is accounted as reclaimable memory of its node until it is taken.
 */
#ifndef _DMABUF_HEAP_RECYCLE_H
#define _DMABUF_HEAP_RECYCLE_H

#include <linux/atomic.h>

#include "deferred_free.h"
#include "heap_zero.h"

struct heap_bins;
struct heap_sgl;

/**
 * struct heap_recycle - closed buffers of a heap, and what became of them
 * @queue:	the buffers
 * @bins:	where zeroed pages go
 * @free_buffer: see heap_pool_create()
 * @method:	likewise
 * @zeroed:	zeroed; in base pages, as all that follows
 * @zero_failed: could not be mapped for it, and were released
 * @refused:	freed by the closing task, as the queue was full
 * @queued:	[node] in the queue, as in vmstat
 */
struct heap_recycle {
	struct deferred_free_queue queue;
	struct heap_bins *bins;
	void (*free_buffer)(struct heap_sgl *sgl);
	const enum heap_zero_method *method;

	atomic_long_t zeroed;
	atomic_long_t zero_failed;
	atomic_long_t refused;
	atomic_long_t queued[];
};

struct heap_recycle *heap_recycle_create(const char *name, struct heap_bins *bins,
					 const enum heap_zero_method *method,
					 void (*free_buffer)(struct heap_sgl *sgl));

void heap_recycle_free(struct heap_recycle *recycle, struct heap_sgl *sgl);
unsigned long heap_recycle_shrink(struct heap_recycle *recycle,
				  unsigned long nr_pages);

#endif /* _DMABUF_HEAP_RECYCLE_H */
