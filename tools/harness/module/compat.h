/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Adapts the sources to kernels since 6.12 that lack a function or name it differently.
 * The compiler reads this before each file. HAVE_* comes from Kbuild, which asks
 * the kernel's headers and Module.symvers.
 */
#include <linux/dma-heap.h>
#include <linux/dma-mapping.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

/* MODULE_IMPORT_NS() takes a token before 6.13, a string since, as in the sources. */
#undef MODULE_IMPORT_NS
#define MODULE_IMPORT_NS(ns)	MODULE_INFO(import_ns, ns)

#ifndef kzalloc_obj
#define kzalloc_obj(obj)	kzalloc(sizeof(obj), GFP_KERNEL)
#endif

/* Where kthread_run_worker() is missing, kthread_create_worker() starts the thread. */
#ifndef kthread_run_worker
#define kthread_run_worker	kthread_create_worker
#endif

/* If the architecture does not define it, the kernel has this loop or none. */
#ifndef clear_pages
#define clear_pages		compat_clear_pages
static inline void compat_clear_pages(void *addr, unsigned int nr)
{
	for (; nr; nr--, addr += PAGE_SIZE)
		clear_page(addr);
}
#endif

/* Only system_cc_shared uses it, which the module leaves to the kernel's heap. */
#ifndef DMA_ATTR_CC_SHARED
#define DMA_ATTR_CC_SHARED	0
#endif

#ifndef HAVE_MEM_ACCOUNTING
#define mem_accounting		false
#endif

/* zero_method is then direct, see module.edit. */
#ifndef HAVE_VM_MAP_RAM
#define vm_map_ram		compat_map_ram
static inline void *compat_map_ram(struct page **pages, unsigned int nr, int node)
{
	return NULL;
}

#define vm_unmap_ram		compat_unmap_ram
static inline void compat_unmap_ram(const void *mem, unsigned int nr) { }
#endif
