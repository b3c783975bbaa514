/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Zeroing pages in batches
 *
 * Freed pages are mapped many at a time and cleared through that mapping: the
 * price of a mapping (an address range, a flush of the TLB some time later) is
 * paid once per batch, and highmem needs no special case.
 *
 * A page counts as clean only when every byte of it was written after its last
 * user dropped it. Mapping can fail; then the pages from there on are reported
 * as not clean and must not be handed out.
 */
#ifndef _DMABUF_HEAP_ZERO_H
#define _DMABUF_HEAP_ZERO_H

#include <linux/kconfig.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/types.h>

struct page;

/* Bounds of the batch, in pages of PAGE_SIZE. */
#define HEAP_ZERO_BATCH_MIN	16
#define HEAP_ZERO_BATCH_MAX	1024
/*
 * 512 pages of 4 KiB. On x86-64, in instructions, mapping adds 30 % to what
 * clearing takes with 16 pages at a time, 21 % with 64 and 19 % with 512. How often
 * TLBs are flushed does not depend on it.
 */
#define HEAP_ZERO_BATCH_DEFAULT	MAX(SZ_2M >> PAGE_SHIFT, HEAP_ZERO_BATCH_MIN)

/**
 * enum heap_zero_method - how pages are reached for clearing
 * @HEAP_ZERO_VMAP:	a temporary mapping of a whole batch
 * @HEAP_ZERO_DIRECT:	page by page through the kernel's direct map (a
 *			temporary mapping of one page for highmem)
 */
enum heap_zero_method {
	HEAP_ZERO_VMAP,
	HEAP_ZERO_DIRECT,
};

void heap_zero_direct(struct page *page, unsigned int order);
unsigned int heap_zero_pages(struct page **pages, unsigned int nr,
			     enum heap_zero_method method,
			     struct page **map, unsigned int map_size);

#if IS_ENABLED(CONFIG_KUNIT)
bool heap_zero_map(struct page **map, unsigned int nr);
#endif

#endif /* _DMABUF_HEAP_ZERO_H */
