// SPDX-License-Identifier: GPL-2.0
/*
 * DMA-BUF system heap: exporter and policy
 *
 * The operations follow those of the heap that had no pools:
 * Copyright (C) 2011 Google, Inc.
 * Copyright (C) 2019, 2020 Linaro Ltd.
 *
 * which had parts of Andrew Davis' SRAM heap:
 * Copyright (C) 2019 Texas Instruments Incorporated - http://www.ti.com/
 *	Andrew F. Davis <afd@ti.com>
 *
 * Hands out buffers of ordinary memory. Where the memory comes from and where it
 * goes is the concern of heap_supply.h; this file, which is one because it gives
 * the module and the prefix of the parameters their name, has the operations of the
 * dma_heap and of its dma_bufs, the parameters, and what is particular to the
 * system_cc_shared heap.
 *
 * The pages of a system_cc_shared buffer are decrypted while it exists. They
 * come from the page allocator and go back there, encrypted again: a page that
 * has lost its encryption must not get into a pool from which the system heap
 * takes pages. One that cannot be encrypted again is leaked.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cc_platform.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/mem_encrypt.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pgtable.h>
#include <linux/scatterlist.h>
#include <linux/sched/prio.h>
#include <linux/set_memory.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/vmalloc.h>

#include "heap_supply.h"

/**
 * struct system_heap_priv - what makes one of the heaps
 * @cc_shared:	whether its buffers are decrypted
 */
struct system_heap_priv {
	bool cc_shared;
};

/**
 * struct system_heap_buffer - a buffer
 * @attachments: list of &struct system_heap_attachment, protected by @lock
 * @lock:	also protects @vmap_cnt and @vaddr
 * @len:	in bytes, page aligned
 * @vmap_cnt:	users of @vaddr
 * @vaddr:	kernel mapping
 * @cc_shared:	whether the pages are decrypted
 * @pages:	the memory
 */
struct system_heap_buffer {
	struct list_head attachments;
	struct mutex lock;	/* attachments and kernel mapping */
	unsigned long len;
	int vmap_cnt;
	void *vaddr;
	bool cc_shared;
	struct heap_pages pages;
};

/**
 * struct system_heap_attachment - a device that uses a buffer
 * @dev:	the device
 * @table:	the buffer's pages as the device sees them
 * @list:	entry of &system_heap_buffer.attachments
 * @mapped:	whether @table is mapped
 */
struct system_heap_attachment {
	struct device *dev;
	struct sg_table table;
	struct list_head list;
	bool mapped;
};

static struct heap_supply *supply;

static bool cc_shared_heap(struct dma_heap *heap)
{
	const struct system_heap_priv *priv;

	if (!IS_ENABLED(CONFIG_DMABUF_HEAPS_SYSTEM_CC_SHARED))
		return false;

	priv = dma_heap_get_drvdata(heap);
	return priv->cc_shared;
}

static bool cc_shared_buffer(const struct system_heap_buffer *buffer)
{
	return IS_ENABLED(CONFIG_DMABUF_HEAPS_SYSTEM_CC_SHARED) &&
	       buffer->cc_shared;
}

static int dup_sg_table(const struct sg_table *from, struct sg_table *to)
{
	struct scatterlist *sg, *copy;
	int ret, i;

	ret = sg_alloc_table(to, from->orig_nents, GFP_KERNEL);
	if (ret)
		return ret;

	copy = to->sgl;
	for_each_sgtable_sg(from, sg, i) {
		sg_set_page(copy, sg_page(sg), sg->length, sg->offset);
		copy = sg_next(copy);
	}

	return 0;
}

static int system_heap_attach(struct dma_buf *dmabuf,
			      struct dma_buf_attachment *attachment)
{
	struct system_heap_buffer *buffer = dmabuf->priv;
	struct system_heap_attachment *a;
	int ret;

	a = kzalloc_obj(*a);
	if (!a)
		return -ENOMEM;

	ret = dup_sg_table(&buffer->pages.table, &a->table);
	if (ret) {
		kfree(a);
		return ret;
	}
	a->dev = attachment->dev;
	attachment->priv = a;

	mutex_lock(&buffer->lock);
	list_add(&a->list, &buffer->attachments);
	mutex_unlock(&buffer->lock);

	return 0;
}

static void system_heap_detach(struct dma_buf *dmabuf,
			       struct dma_buf_attachment *attachment)
{
	struct system_heap_buffer *buffer = dmabuf->priv;
	struct system_heap_attachment *a = attachment->priv;

	mutex_lock(&buffer->lock);
	list_del(&a->list);
	mutex_unlock(&buffer->lock);

	sg_free_table(&a->table);
	kfree(a);
}

static struct sg_table *
system_heap_map_dma_buf(struct dma_buf_attachment *attachment,
			enum dma_data_direction direction)
{
	struct system_heap_buffer *buffer = attachment->dmabuf->priv;
	struct system_heap_attachment *a = attachment->priv;
	unsigned long attrs = 0;
	int ret;

	if (cc_shared_buffer(buffer))
		attrs = DMA_ATTR_CC_SHARED;

	ret = dma_map_sgtable(attachment->dev, &a->table, direction, attrs);
	if (ret)
		return ERR_PTR(ret);

	a->mapped = true;
	return &a->table;
}

static void system_heap_unmap_dma_buf(struct dma_buf_attachment *attachment,
				      struct sg_table *table,
				      enum dma_data_direction direction)
{
	struct system_heap_attachment *a = attachment->priv;

	a->mapped = false;
	dma_unmap_sgtable(attachment->dev, table, direction, 0);
}

static int system_heap_dma_buf_begin_cpu_access(struct dma_buf *dmabuf,
						enum dma_data_direction direction)
{
	struct system_heap_buffer *buffer = dmabuf->priv;
	struct system_heap_attachment *a;

	mutex_lock(&buffer->lock);
	if (buffer->vmap_cnt)
		invalidate_kernel_vmap_range(buffer->vaddr, buffer->len);
	list_for_each_entry(a, &buffer->attachments, list)
		if (a->mapped)
			dma_sync_sgtable_for_cpu(a->dev, &a->table, direction);
	mutex_unlock(&buffer->lock);

	return 0;
}

static int system_heap_dma_buf_end_cpu_access(struct dma_buf *dmabuf,
					      enum dma_data_direction direction)
{
	struct system_heap_buffer *buffer = dmabuf->priv;
	struct system_heap_attachment *a;

	mutex_lock(&buffer->lock);
	if (buffer->vmap_cnt)
		flush_kernel_vmap_range(buffer->vaddr, buffer->len);
	list_for_each_entry(a, &buffer->attachments, list)
		if (a->mapped)
			dma_sync_sgtable_for_device(a->dev, &a->table, direction);
	mutex_unlock(&buffer->lock);

	return 0;
}

static pgprot_t system_heap_pgprot(const struct system_heap_buffer *buffer,
				   pgprot_t prot)
{
	return cc_shared_buffer(buffer) ? pgprot_decrypted(prot) : prot;
}

/* A chunk of contiguous memory at a time, not a page. */
static int system_heap_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct system_heap_buffer *buffer = dmabuf->priv;
	pgprot_t prot = system_heap_pgprot(buffer, vma->vm_page_prot);
	struct scatterlist *sg = buffer->pages.table.sgl;
	unsigned long addr = vma->vm_start, size;
	unsigned long skip = vma->vm_pgoff;
	int ret;

	while (sg && skip >= sg->length >> PAGE_SHIFT) {
		skip -= sg->length >> PAGE_SHIFT;
		sg = sg_next(sg);
	}

	while (sg && addr < vma->vm_end) {
		size = min(sg->length - (skip << PAGE_SHIFT), vma->vm_end - addr);
		ret = remap_pfn_range(vma, addr, page_to_pfn(sg_page(sg)) + skip,
				      size, prot);
		if (ret)
			return ret;

		addr += size;
		skip = 0;
		sg = sg_next(sg);
	}

	return 0;
}

static void *system_heap_do_vmap(const struct system_heap_buffer *buffer)
{
	unsigned long nr_pages = buffer->len >> PAGE_SHIFT, n = 0;
	struct scatterlist *sg;
	struct page **pages;
	unsigned int j;
	void *vaddr;
	int i;

	pages = kvmalloc_objs(*pages, nr_pages);
	if (!pages)
		return NULL;

	for_each_sgtable_sg(&buffer->pages.table, sg, i)
		for (j = 0; j < sg->length >> PAGE_SHIFT; j++)
			pages[n++] = sg_page(sg) + j;

	vaddr = vmap(pages, nr_pages, VM_MAP,
		     system_heap_pgprot(buffer, PAGE_KERNEL));
	kvfree(pages);

	return vaddr;
}

static int system_heap_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct system_heap_buffer *buffer = dmabuf->priv;
	int ret = 0;

	mutex_lock(&buffer->lock);
	if (!buffer->vmap_cnt)
		buffer->vaddr = system_heap_do_vmap(buffer);
	if (buffer->vaddr) {
		buffer->vmap_cnt++;
		iosys_map_set_vaddr(map, buffer->vaddr);
	} else {
		ret = -ENOMEM;
	}
	mutex_unlock(&buffer->lock);

	return ret;
}

static void system_heap_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct system_heap_buffer *buffer = dmabuf->priv;

	mutex_lock(&buffer->lock);
	if (!--buffer->vmap_cnt) {
		vunmap(buffer->vaddr);
		buffer->vaddr = NULL;
	}
	mutex_unlock(&buffer->lock);

	iosys_map_clear(map);
}

static int system_heap_decrypt(struct system_heap_buffer *buffer)
{
	struct scatterlist *sg;
	int i, ret;

	for_each_sgtable_sg(&buffer->pages.table, sg, i) {
		ret = set_memory_decrypted((unsigned long)sg_virt(sg),
					   sg->length >> PAGE_SHIFT);
		if (ret) {
			pr_warn_ratelimited("failed to decrypt memory: %d\n", ret);
			return ret;
		}
	}

	return 0;
}

static void system_heap_encrypt(struct system_heap_buffer *buffer)
{
	struct scatterlist *sg;
	int i, ret;

	for_each_sgtable_sg(&buffer->pages.table, sg, i) {
		ret = set_memory_encrypted((unsigned long)sg_virt(sg),
					   sg->length >> PAGE_SHIFT);
		if (ret) {
			pr_warn_ratelimited("failed to encrypt memory, leaking it: %d\n",
					    ret);
			sg_assign_page(sg, NULL);
		}
	}
}

static void system_heap_dma_buf_release(struct dma_buf *dmabuf)
{
	struct system_heap_buffer *buffer = dmabuf->priv;

	if (cc_shared_buffer(buffer))
		system_heap_encrypt(buffer);
	heap_supply_free(supply, &buffer->pages);
}

static const struct dma_buf_ops system_heap_buf_ops = {
	.attach = system_heap_attach,
	.detach = system_heap_detach,
	.map_dma_buf = system_heap_map_dma_buf,
	.unmap_dma_buf = system_heap_unmap_dma_buf,
	.begin_cpu_access = system_heap_dma_buf_begin_cpu_access,
	.end_cpu_access = system_heap_dma_buf_end_cpu_access,
	.mmap = system_heap_mmap,
	.vmap = system_heap_vmap,
	.vunmap = system_heap_vunmap,
	.release = system_heap_dma_buf_release,
};

static void system_heap_free_buffer(struct heap_pages *pages)
{
	kfree(container_of(pages, struct system_heap_buffer, pages));
}

static struct dma_buf *system_heap_allocate(struct dma_heap *heap,
					    unsigned long len,
					    u32 fd_flags,
					    u64 heap_flags)
{
	unsigned int slots = heap_pages_slots(heap_supply_nents(len));
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	struct system_heap_buffer *buffer;
	struct dma_buf *dmabuf;
	int ret;

	buffer = kzalloc(struct_size(buffer, pages.first, slots), GFP_KERNEL);
	if (!buffer)
		return ERR_PTR(-ENOMEM);

	INIT_LIST_HEAD(&buffer->attachments);
	mutex_init(&buffer->lock);
	buffer->len = len;
	buffer->cc_shared = cc_shared_heap(heap);
	heap_pages_init(&buffer->pages, slots);
	buffer->pages.pooled = !cc_shared_buffer(buffer);
	buffer->pages.charged = mem_accounting;

	ret = heap_supply_alloc(supply, &buffer->pages, len);
	if (ret)
		return ERR_PTR(ret);

	if (cc_shared_buffer(buffer)) {
		ret = system_heap_decrypt(buffer);
		if (ret)
			goto free;
	}

	exp_info.exp_name = dma_heap_get_name(heap);
	exp_info.ops = &system_heap_buf_ops;
	exp_info.size = len;
	exp_info.flags = fd_flags;
	exp_info.priv = buffer;
	dmabuf = dma_buf_export(&exp_info);
	if (!IS_ERR(dmabuf))
		return dmabuf;
	ret = PTR_ERR(dmabuf);

free:
	if (cc_shared_buffer(buffer))
		system_heap_encrypt(buffer);
	heap_supply_free(supply, &buffer->pages);

	return ERR_PTR(ret);
}

static const struct dma_heap_ops system_heap_ops = {
	.allocate = system_heap_allocate,
};

static struct system_heap_priv system_heap_priv = {
	.cc_shared = false,
};

static struct system_heap_priv system_heap_cc_shared_priv = {
	.cc_shared = true,
};

/*
 * Parameters. The limits default to a share of memory that a device notices as
 * speed and not as a loss: all of it is given back when it is wanted elsewhere.
 */
#define POOL_SHARE	8	/* An eighth of memory kept clean. */
#define QUEUE_SHARE	16	/* A sixteenth waiting to be cleaned. */
#define FROM_MEMORY	UINT_MAX

static unsigned int pool_limit_mb = FROM_MEMORY;
static unsigned int queue_limit_mb = FROM_MEMORY;
static int helper_nice;
static unsigned int zero_batch = HEAP_ZERO_BATCH_DEFAULT;
static enum heap_zero_method zero_method = HEAP_ZERO_VMAP;

static const char * const zero_method_names[] = {
	[HEAP_ZERO_VMAP] = "vmap",
	[HEAP_ZERO_DIRECT] = "direct",
};

static unsigned long mb_to_pages(unsigned int mb)
{
	return (unsigned long)mb << (20 - PAGE_SHIFT);
}

/* Before the supply exists, the values are only remembered. */
static void system_heap_apply_parameters(void)
{
	if (IS_ERR_OR_NULL(supply))
		return;

	heap_supply_set_limits(supply, mb_to_pages(pool_limit_mb),
			       mb_to_pages(queue_limit_mb));
	heap_supply_set_zeroing(supply, zero_method, zero_batch);
	heap_supply_set_nice(supply, helper_nice);
}

static int set_limit(const char *val, const struct kernel_param *kp)
{
	int ret;

	ret = param_set_uint_minmax(val, kp, 0, totalram_pages() >>
				    (20 - PAGE_SHIFT));
	if (!ret)
		system_heap_apply_parameters();

	return ret;
}

static int set_batch(const char *val, const struct kernel_param *kp)
{
	int ret;

	ret = param_set_uint_minmax(val, kp, HEAP_ZERO_BATCH_MIN,
				    HEAP_ZERO_BATCH_MAX);
	if (!ret)
		system_heap_apply_parameters();

	return ret;
}

static int set_nice(const char *val, const struct kernel_param *kp)
{
	int nice, ret;

	ret = kstrtoint(val, 0, &nice);
	if (ret)
		return ret;
	if (nice < MIN_NICE || nice > MAX_NICE)
		return -EINVAL;

	helper_nice = nice;
	system_heap_apply_parameters();

	return 0;
}

static int set_method(const char *val, const struct kernel_param *kp)
{
	int method = sysfs_match_string(zero_method_names, val);

	if (method < 0)
		return method;

	zero_method = method;
	system_heap_apply_parameters();

	return 0;
}

static int get_method(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", zero_method_names[zero_method]);
}

static const struct kernel_param_ops limit_ops = {
	.set = set_limit,
	.get = param_get_uint,
};

static const struct kernel_param_ops batch_ops = {
	.set = set_batch,
	.get = param_get_uint,
};

static const struct kernel_param_ops nice_ops = {
	.set = set_nice,
	.get = param_get_int,
};

static const struct kernel_param_ops method_ops = {
	.set = set_method,
	.get = get_method,
};

/* Parsed late, when it is known how much memory there is. */
device_param_cb(pool_limit_mb, &limit_ops, &pool_limit_mb, 0644);
MODULE_PARM_DESC(pool_limit_mb,
		 "Clean pages to keep for reuse at most, in MiB; 0 to keep none and defer nothing (default: an eighth of memory)");
device_param_cb(queue_limit_mb, &limit_ops, &queue_limit_mb, 0644);
MODULE_PARM_DESC(queue_limit_mb,
		 "Freed pages waiting to be zeroed at most, in MiB (default: a sixteenth of memory)");
module_param_cb(helper_nice, &nice_ops, &helper_nice, 0644);
MODULE_PARM_DESC(helper_nice,
		 "Priority of the thread that zeroes freed pages, -20 to 19 (default 0)");
module_param_cb(zero_method, &method_ops, NULL, 0644);
MODULE_PARM_DESC(zero_method,
		 "How freed pages are zeroed: vmap (map a batch, default) or direct (page by page through the direct map)");
module_param_cb(zero_batch, &batch_ops, &zero_batch, 0644);
MODULE_PARM_DESC(zero_batch,
		 "Pages to map at a time for zeroing, 16 to 1024 (default 512)");

static int __init system_heap_create_supply(void)
{
	unsigned int total_mb = totalram_pages() >> (20 - PAGE_SHIFT);
	struct heap_supply_config config = {
		.name = "system",
		.free_buffer = system_heap_free_buffer,
	};

	/* A module's parameters can be written before it is initialised. */
	kernel_param_lock(THIS_MODULE);
	if (pool_limit_mb == FROM_MEMORY)
		pool_limit_mb = total_mb / POOL_SHARE;
	if (queue_limit_mb == FROM_MEMORY)
		queue_limit_mb = total_mb / QUEUE_SHARE;
	config.pool_pages = mb_to_pages(pool_limit_mb);
	config.queue_pages = mb_to_pages(queue_limit_mb);

	supply = heap_supply_create(&config);
	system_heap_apply_parameters();
	kernel_param_unlock(THIS_MODULE);

	return PTR_ERR_OR_ZERO(supply);
}

static void __init system_heap_destroy_supply(void)
{
	struct heap_supply *unused = supply;

	kernel_param_lock(THIS_MODULE);
	supply = NULL;
	kernel_param_unlock(THIS_MODULE);
	heap_supply_destroy(unused);
}

static int __init system_heap_create(void)
{
	struct dma_heap_export_info exp_info = {
		.name = "system",
		.ops = &system_heap_ops,
		.priv = &system_heap_priv,
	};
	struct dma_heap *heap;
	int ret;

	ret = system_heap_create_supply();
	if (ret)
		return ret;

	heap = dma_heap_add(&exp_info);
	if (IS_ERR(heap)) {
		system_heap_destroy_supply();
		return PTR_ERR(heap);
	}

	if (IS_ENABLED(CONFIG_HIGHMEM) ||
	    !IS_ENABLED(CONFIG_DMABUF_HEAPS_SYSTEM_CC_SHARED) ||
	    !cc_platform_has(CC_ATTR_MEM_ENCRYPT))
		return 0;

	exp_info.name = "system_cc_shared";
	exp_info.priv = &system_heap_cc_shared_priv;
	heap = dma_heap_add(&exp_info);
	/* The other heap is in use perhaps, and there is no way to take it back. */
	if (IS_ERR(heap))
		pr_err("no heap %s: %pe\n", exp_info.name, heap);

	return 0;
}
module_init(system_heap_create);

MODULE_DESCRIPTION("DMA-BUF System Heap");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("DMA_BUF_HEAP");
