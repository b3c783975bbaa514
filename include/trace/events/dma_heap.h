/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a heap with pools of clean pages does with its memory. Amounts are in
 * pages of PAGE_SIZE, times in nanoseconds.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dma_heap

#if !defined(_TRACE_DMA_HEAP_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_DMA_HEAP_H

#include <linux/tracepoint.h>

/**
 * dma_heap_alloc - a buffer's memory was, or could not be, allocated
 * @heap:	name
 * @nr_pages:	asked for
 * @hits:	how many pages of each of the three orders were found clean
 * @misses:	how many were not: they came from the page allocator, or the task
 *		cleaned them itself
 * @ns:		how long it took
 * @ret:	0 or an error
 */
TRACE_EVENT(dma_heap_alloc,
	    TP_PROTO(const char *heap, unsigned long nr_pages,
		     const unsigned long *hits, const unsigned long *misses,
		     u64 ns, int ret),

	    TP_ARGS(heap, nr_pages, hits, misses, ns, ret),

	    TP_STRUCT__entry(__string(heap, heap)
			     __field(unsigned long, nr_pages)
			     __array(unsigned long, hits, 3)
			     __array(unsigned long, misses, 3)
			     __field(u64, ns)
			     __field(int, ret)),

	    TP_fast_assign(__assign_str(heap);
			   __entry->nr_pages = nr_pages;
			   memcpy(__entry->hits, hits, sizeof(__entry->hits));
			   memcpy(__entry->misses, misses, sizeof(__entry->misses));
			   __entry->ns = ns;
			   __entry->ret = ret;),

	    TP_printk("heap=%s pages=%lu hits=%lu/%lu/%lu misses=%lu/%lu/%lu ns=%llu ret=%d",
		      __get_str(heap), __entry->nr_pages,
		      __entry->hits[0], __entry->hits[1], __entry->hits[2],
		      __entry->misses[0], __entry->misses[1], __entry->misses[2],
		      __entry->ns, __entry->ret)
);

/**
 * dma_heap_defer - a buffer was closed and is to be cleaned later
 * @heap:	name
 * @nr_pages:	the buffer holds
 * @queued:	pages waiting, with it if it was accepted
 * @accepted:	false if the queue was full and the closing task frees them
 */
TRACE_EVENT(dma_heap_defer,
	    TP_PROTO(const char *heap, unsigned long nr_pages, unsigned long queued,
		     bool accepted),

	    TP_ARGS(heap, nr_pages, queued, accepted),

	    TP_STRUCT__entry(__string(heap, heap)
			     __field(unsigned long, nr_pages)
			     __field(unsigned long, queued)
			     __field(bool, accepted)),

	    TP_fast_assign(__assign_str(heap);
			   __entry->nr_pages = nr_pages;
			   __entry->queued = queued;
			   __entry->accepted = accepted;),

	    TP_printk("heap=%s pages=%lu queued=%lu accepted=%d",
		      __get_str(heap), __entry->nr_pages, __entry->queued,
		      __entry->accepted)
);

/**
 * dma_heap_zero - a batch of pages was cleaned
 * @heap:	name
 * @nr_pages:	in the batch
 * @failed:	of these could not be mapped and went to the page allocator
 * @ns:		how long it took
 */
TRACE_EVENT(dma_heap_zero,
	    TP_PROTO(const char *heap, unsigned long nr_pages, unsigned long failed,
		     u64 ns),

	    TP_ARGS(heap, nr_pages, failed, ns),

	    TP_STRUCT__entry(__string(heap, heap)
			     __field(unsigned long, nr_pages)
			     __field(unsigned long, failed)
			     __field(u64, ns)),

	    TP_fast_assign(__assign_str(heap);
			   __entry->nr_pages = nr_pages;
			   __entry->failed = failed;
			   __entry->ns = ns;),

	    TP_printk("heap=%s pages=%lu failed=%lu ns=%llu", __get_str(heap),
		      __entry->nr_pages, __entry->failed, __entry->ns)
);

/**
 * dma_heap_reclaim - memory held for speed was given back
 * @heap:	name
 * @nid:	node that is short of memory
 * @nr_pages:	asked for
 * @queued:	pages given back from the queue, uncleaned
 * @pooled:	pages given back from the pools
 */
TRACE_EVENT(dma_heap_reclaim,
	    TP_PROTO(const char *heap, int nid, unsigned long nr_pages,
		     unsigned long queued, unsigned long pooled),

	    TP_ARGS(heap, nid, nr_pages, queued, pooled),

	    TP_STRUCT__entry(__string(heap, heap)
			     __field(int, nid)
			     __field(unsigned long, nr_pages)
			     __field(unsigned long, queued)
			     __field(unsigned long, pooled)),

	    TP_fast_assign(__assign_str(heap);
			   __entry->nid = nid;
			   __entry->nr_pages = nr_pages;
			   __entry->queued = queued;
			   __entry->pooled = pooled;),

	    TP_printk("heap=%s nid=%d pages=%lu queued=%lu pooled=%lu",
		      __get_str(heap), __entry->nid, __entry->nr_pages,
		      __entry->queued, __entry->pooled)
);

#endif /* _TRACE_DMA_HEAP_H */

#include <trace/define_trace.h>
