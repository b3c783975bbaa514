// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Zeroing pages in batches, see heap_zero.h for the contract
 */
#include <linux/highmem.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>
#include <kunit/static_stub.h>
#include <kunit/visibility.h>

#include "heap_zero.h"

/* Between voluntary preemption points while clearing. */
#define RESCHED_PAGES	(SZ_256K >> PAGE_SHIFT)

static void heap_zero_range(void *addr, unsigned int nr)
{
	unsigned int n;

	for (; nr; nr -= n, addr += n * PAGE_SIZE) {
		n = min(nr, RESCHED_PAGES);
		clear_pages(addr, n);
		cond_resched();
	}
}

/**
 * heap_zero_direct - clear one page without a batch
 * @page:	head page
 * @order:	its order
 *
 * Context: may sleep. Cannot fail.
 */
void heap_zero_direct(struct page *page, unsigned int order)
{
	unsigned int i;

	if (!PageHighMem(page)) {
		heap_zero_range(page_address(page), 1U << order);
		return;
	}

	for (i = 0; i < 1U << order; i++) {
		clear_highpage(page + i);
		cond_resched();
	}
}
EXPORT_SYMBOL_IF_KUNIT(heap_zero_direct);

/* Return: false if the pages could not be mapped. */
VISIBLE_IF_KUNIT bool heap_zero_map(struct page **map, unsigned int nr)
{
	void *vaddr;

	KUNIT_STATIC_STUB_REDIRECT(heap_zero_map, map, nr);

	vaddr = vm_map_ram(map, nr, NUMA_NO_NODE);
	if (!vaddr)
		return false;

	heap_zero_range(vaddr, nr);
	/* What was written through this alias must be seen through others. */
	flush_kernel_vmap_range(vaddr, nr * PAGE_SIZE);
	vm_unmap_ram(vaddr, nr);

	return true;
}
EXPORT_SYMBOL_IF_KUNIT(heap_zero_map);

/**
 * heap_zero_pages - clear a number of pages
 * @pages:	head pages, of any mix of orders
 * @nr:		entries in @pages
 * @method:	how
 * @map:	scratch space for %HEAP_ZERO_VMAP
 * @map_size:	entries in @map: how many pages of PAGE_SIZE are mapped at once
 *
 * A page larger than @map_size is cleared in several mappings, pages smaller
 * than that share one.
 *
 * Context: may sleep, allocates (for page tables and an address range).
 * Return: how many of @pages are clean, counted from the first. Less than @nr
 * when a mapping failed; the contents of the others are undefined.
 */
unsigned int heap_zero_pages(struct page **pages, unsigned int nr,
			     enum heap_zero_method method,
			     struct page **map, unsigned int map_size)
{
	unsigned int mapped = 0, clean = 0, i, j, n;
	struct page *page;

	if (method == HEAP_ZERO_DIRECT) {
		for (i = 0; i < nr; i++)
			heap_zero_direct(pages[i], compound_order(pages[i]));
		return nr;
	}

	for (i = 0; i < nr; i++) {
		page = pages[i];
		for (n = compound_nr(page); n; n -= j) {
			for (j = 0; j < n && mapped < map_size; j++)
				map[mapped++] = page++;
			if (mapped < map_size)
				continue;
			if (!heap_zero_map(map, mapped))
				return clean;
			mapped = 0;
			/* What has not been mapped to its end is not clean yet. */
			clean = j == n ? i + 1 : i;
		}
	}

	if (mapped && !heap_zero_map(map, mapped))
		return clean;

	return nr;
}
EXPORT_SYMBOL_IF_KUNIT(heap_zero_pages);
