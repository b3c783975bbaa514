// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Zeroing pages in batches, see heap_zero.h
 */
#include <linux/highmem.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>
#include <kunit/static_stub.h>

#include "heap_zero.h"

/* Between voluntary preemption points. */
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
 * heap_zero_direct - clear one page through the direct map
 * @page:	head page
 *
 * Context: may sleep. Cannot fail.
 */
void heap_zero_direct(struct page *page)
{
	unsigned int i;

	if (!PageHighMem(page)) {
		heap_zero_range(page_address(page), compound_nr(page));
		return;
	}

	for (i = 0; i < compound_nr(page); i++) {
		clear_highpage(page + i);
		cond_resched();
	}
}

/* Returns false if the pages can't be mapped; not static for tests. */
bool heap_zero_map(struct page **map, unsigned int nr)
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

/**
 * heap_zero_pages - clear pages through mappings
 * @pages:	head pages of any orders
 * @nr:		how many
 * @map:	scratch space
 * @map_size:	entries in @map, which is how many base pages are mapped at once
 *
 * A page larger than @map_size takes several mappings, smaller ones share one.
 *
 * Context: may sleep, allocates (page tables, an address range).
 * Return: how many of @pages are zeroed, counted from the first. Less than @nr
 * when a mapping failed; the contents of the others are undefined.
 */
unsigned int heap_zero_pages(struct page **pages, unsigned int nr,
			     struct page **map, unsigned int map_size)
{
	unsigned int mapped = 0, zeroed = 0, i, j, n;
	struct page *page;

	for (i = 0; i < nr; i++) {
		page = pages[i];
		for (n = compound_nr(page); n; n -= j) {
			for (j = 0; j < n && mapped < map_size; j++)
				map[mapped++] = page++;
			if (mapped < map_size)
				continue;
			if (!heap_zero_map(map, mapped))
				return zeroed;
			mapped = 0;
			/* A page counts when it was mapped to its end. */
			zeroed = j == n ? i + 1 : i;
		}
	}

	if (mapped && !heap_zero_map(map, mapped))
		return zeroed;

	return nr;
}

#ifdef CONFIG_DMABUF_HEAPS_KUNIT_TEST
#include "tests/heap_zero_kunit.c"
#endif
