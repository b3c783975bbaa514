/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dma_heap

#if !defined(_TRACE_DMA_HEAP_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_DMA_HEAP_H

#include <linux/tracepoint.h>

/**
 * dma_heap_alloc - a buffer's memory was allocated, or could not be
 * @heap:	name
 * @nr_pages:	base pages asked for
 * @ns:		how long it took, in nanoseconds
 * @ret:	0 or an error
 */
TRACE_EVENT(dma_heap_alloc,
	    TP_PROTO(const char *heap, unsigned long nr_pages, u64 ns, int ret),

	    TP_ARGS(heap, nr_pages, ns, ret),

	    TP_STRUCT__entry(__string(heap, heap)
			     __field(unsigned long, nr_pages)
			     __field(u64, ns)
			     __field(int, ret)),

	    TP_fast_assign(__assign_str(heap);
			   __entry->nr_pages = nr_pages;
			   __entry->ns = ns;
			   __entry->ret = ret;),

	    TP_printk("heap=%s pages=%lu ns=%llu ret=%d", __get_str(heap),
		      __entry->nr_pages, __entry->ns, __entry->ret)
);

/**
 * dma_heap_reclaim - reclaim, the OOM notifier or a write to drain asked for memory
 * @heap:	name
 * @nid:	node whose memory was asked for
 * @nr_pages:	base pages asked for
 * @queued:	freed from the queue of closed buffers, unzeroed
 * @cached:	freed from the cache
 */
TRACE_EVENT(dma_heap_reclaim,
	    TP_PROTO(const char *heap, int nid, unsigned long nr_pages,
		     unsigned long queued, unsigned long cached),

	    TP_ARGS(heap, nid, nr_pages, queued, cached),

	    TP_STRUCT__entry(__string(heap, heap)
			     __field(int, nid)
			     __field(unsigned long, nr_pages)
			     __field(unsigned long, queued)
			     __field(unsigned long, cached)),

	    TP_fast_assign(__assign_str(heap);
			   __entry->nid = nid;
			   __entry->nr_pages = nr_pages;
			   __entry->queued = queued;
			   __entry->cached = cached;),

	    TP_printk("heap=%s nid=%d pages=%lu queued=%lu cached=%lu",
		      __get_str(heap), __entry->nid, __entry->nr_pages,
		      __entry->queued, __entry->cached)
);

#endif /* _TRACE_DMA_HEAP_H */

#include <trace/define_trace.h>
