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

/* Base pages to clear between voluntary preemption points. */
#define RESCHED_PAGES	(SZ_256K >> PAGE_SHIFT)

static void heap_zero_range(void *addr, unsigned int nr)
{
	unsigned int n;

	for (; nr; nr -= n, addr += n * PAGE_SIZE) {
		n = min(nr, RESCHED_PAGES);
		clear_pages(addr, n);
		/* Make the zeroes visible through other mappings of the pages. */
		flush_kernel_vmap_range(addr, n * PAGE_SIZE);
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

static void *heap_zero_map(struct page **pages, unsigned int nr)
{
	KUNIT_STATIC_STUB_REDIRECT(heap_zero_map, pages, nr);

	return vm_map_ram(pages, nr, NUMA_NO_NODE);
}

/**
 * heap_zero_pages - clear pages through one mapping
 * @pages:	head pages of any orders, each followed by an entry for each tail page
 * @nr:		entries, not 0
 *
 * Context: may sleep, allocates (page tables, an address range).
 * Return: false if the pages could not be mapped.
 */
bool heap_zero_pages(struct page **pages, unsigned int nr)
{
	unsigned int i, j, n;
	void *vaddr;

	KUNIT_STATIC_STUB_REDIRECT(heap_zero_pages, pages, nr);

	for (i = 0; i < nr; i += n) {
		n = compound_nr(pages[i]);
		for (j = 1; j < n; j++)
			pages[i + j] = pages[i] + j;
	}

	vaddr = heap_zero_map(pages, nr);
	if (!vaddr)
		return false;

	heap_zero_range(vaddr, nr);
	vm_unmap_ram(vaddr, nr);

	return true;
}

#ifdef CONFIG_DMABUF_HEAPS_KUNIT_TEST
#include "tests/heap_zero_kunit.c"
#endif
