/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Charging recycled pages to the memory cgroup that uses them now
 *
 * The page allocator charges with __GFP_ACCOUNT and uncharges when a page is
 * freed. A recycled page meets neither, so the heap does both. The functions are
 * not exported: a module can't charge.
 */
#ifndef _DMABUF_HEAP_CHARGE_H
#define _DMABUF_HEAP_CHARGE_H

#include <linux/memcontrol.h>
#include <linux/scatterlist.h>

#ifdef MODULE
#define HEAP_CAN_CHARGE	false
static inline int heap_charge(struct scatterlist *sg, unsigned int nr)
{
	return 0;
}

static inline void heap_uncharge(struct page *page) { }
#else
#define HEAP_CAN_CHARGE	true

/* Returns -ENOMEM at the limit of the task's cgroup. May reclaim. */
static inline int heap_charge(struct scatterlist *sg, unsigned int nr)
{
	int ret = 0;

	for (; nr && !ret; nr--, sg++)
		ret = memcg_kmem_charge_page(sg_page(sg), GFP_HIGHUSER,
					     compound_order(sg_page(sg)));

	return ret;
}

/* Does nothing to a page that is not charged. */
static inline void heap_uncharge(struct page *page)
{
	memcg_kmem_uncharge_page(page, compound_order(page));
}
#endif

#endif /* _DMABUF_HEAP_CHARGE_H */
