/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Charging recycled pages to the memory cgroup that uses them now
 *
 * The page allocator charges a page it was asked for with __GFP_ACCOUNT and
 * uncharges it when it is freed. A page that is recycled meets neither, so the
 * heap does both itself, with the same functions. They are not exported: a heap
 * that is a module cannot charge, heap_can_charge() says so, and what has to be
 * charged must then come from and go to the page allocator directly.
 */
#ifndef _DMABUF_HEAP_CHARGE_H
#define _DMABUF_HEAP_CHARGE_H

#include <linux/kconfig.h>
#include <linux/memcontrol.h>

#ifdef MODULE

static inline bool heap_can_charge(void)
{
	return false;
}

static inline int heap_charge(struct page *page, gfp_t gfp, unsigned int order)
{
	return 0;
}

static inline void heap_uncharge(struct page *page, unsigned int order) { }

#else

static inline bool heap_can_charge(void)
{
	return true;
}

/* Return: 0, or -ENOMEM when current's cgroup is at its limit. */
static inline int heap_charge(struct page *page, gfp_t gfp, unsigned int order)
{
	return memcg_kmem_charge_page(page, gfp, order);
}

/* Nothing happens to a page that is not charged. */
static inline void heap_uncharge(struct page *page, unsigned int order)
{
	memcg_kmem_uncharge_page(page, order);
}

#endif

#endif /* _DMABUF_HEAP_CHARGE_H */
