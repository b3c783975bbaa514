/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A heap's zeroed pages: a bin for each order on each node, and one bound
 */
#ifndef _DMABUF_HEAP_BINS_H
#define _DMABUF_HEAP_BINS_H

#include <linux/atomic.h>
#include <linux/cpuset.h>
#include <linux/topology.h>

#include "heap_bin.h"

/* The orders a heap allocates, largest first: 1 MiB, 64 KiB, 4 KiB on x86. */
#define HEAP_NR_ORDERS	3
#define HEAP_MAX_PAGES	256	/* base pages in the largest */

extern const unsigned int heap_orders[HEAP_NR_ORDERS];

/**
 * struct heap_bins - all bins of a heap
 * @nr_pages:	base pages cached
 * @max_pages:	bound for @nr_pages; may be exceeded until heap_bins_trim()
 * @bin:	[node][index into heap_orders]
 */
struct heap_bins {
	atomic_long_t nr_pages;
	unsigned long max_pages;
	struct heap_bin bin[][HEAP_NR_ORDERS];
};

void heap_bins_init(struct heap_bins *bins);

void heap_bins_put(struct heap_bins *bins, struct page **pages, unsigned int nr);
void heap_bins_refill(struct heap_bins *bins, int nid);

unsigned long heap_bins_pages_on(const struct heap_bins *bins, int nid);
unsigned long heap_bins_shrink(struct heap_bins *bins, int nid,
			       unsigned long nr_pages);
void heap_bins_trim(struct heap_bins *bins);
void heap_bins_trim_rings(struct heap_bins *bins);

/* Whether so many base pages more may be kept; a snapshot. */
static inline bool heap_bins_have_room(const struct heap_bins *bins,
				       unsigned long nr_pages)
{
	return atomic_long_read(&bins->nr_pages) + nr_pages <=
	       READ_ONCE(bins->max_pages);
}

/**
 * heap_bins_local - the bin that a task may take pages from
 * @bins:	the bins
 * @i:		index into heap_orders
 *
 * Return: that of the task's node, or %NULL if a mempolicy or cpuset says where its
 * memory comes from: the page allocator knows the rules.
 */
static inline struct heap_bin *
heap_bins_local(struct heap_bins *bins, unsigned int i)
{
	int nid = numa_mem_id();

#ifdef CONFIG_NUMA
	if (nr_online_nodes > 1 &&
	    (current->mempolicy || !node_isset(nid, cpuset_current_mems_allowed)))
		return NULL;
#endif

	return &bins->bin[nid][i];
}

#endif /* _DMABUF_HEAP_BINS_H */
