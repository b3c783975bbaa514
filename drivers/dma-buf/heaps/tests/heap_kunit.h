/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What several of the heaps' KUnit suites need: writing and reading whole pages
 * and an exact view of vmstat
 */
#ifndef _DMABUF_HEAP_KUNIT_H
#define _DMABUF_HEAP_KUNIT_H

#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/percpu.h>
#include <linux/string.h>

/* What tests leave in a page that somebody has to clear. */
#define HEAP_KUNIT_DIRT		0xa5

static inline void heap_kunit_dirty(struct page *page, unsigned int order)
{
	unsigned int i;
	void *vaddr;

	for (i = 0; i < 1U << order; i++) {
		vaddr = kmap_local_page(page + i);
		memset(vaddr, HEAP_KUNIT_DIRT, PAGE_SIZE);
		kunmap_local(vaddr);
	}
}

/* Return: whether every byte of the page is 0. */
static inline bool heap_kunit_clean(struct page *page, unsigned int order)
{
	unsigned int i;
	void *vaddr;
	bool clean;

	for (i = 0; i < 1U << order; i++) {
		vaddr = kmap_local_page(page + i);
		clean = !memchr_inv(vaddr, 0, PAGE_SIZE);
		kunmap_local(vaddr);
		if (!clean)
			return false;
	}

	return true;
}

/*
 * The node's reclaimable pages, all nodes' for NUMA_NO_NODE, with what CPUs have not
 * folded in yet.
 */
static inline long heap_kunit_reclaimable(int nid)
{
	const enum node_stat_item item = NR_KERNEL_MISC_RECLAIMABLE;
	struct pglist_data *pgdat;
	long nr_pages = 0;
	int node, cpu;

	for_each_node_state(node, N_MEMORY) {
		if (nid != NUMA_NO_NODE && nid != node)
			continue;
		pgdat = NODE_DATA(node);
		nr_pages += atomic_long_read(&pgdat->vm_stat[item]);
		if (!IS_ENABLED(CONFIG_SMP))
			continue;
		for_each_online_cpu(cpu)
			nr_pages += per_cpu_ptr(pgdat->per_cpu_nodestats,
						cpu)->vm_node_stat_diff[item];
	}

	return nr_pages;
}

/*
 * Return: whether that is @expected. A CPU may be folding its share in just now, so
 * that one look is not enough.
 */
static inline bool heap_kunit_reclaimable_is(int nid, long expected)
{
	unsigned int tries;

	for (tries = 0; tries < 100; tries++) {
		if (heap_kunit_reclaimable(nid) == expected)
			return true;
		usleep_range(1000, 2000);
	}

	return false;
}

#endif /* _DMABUF_HEAP_KUNIT_H */
