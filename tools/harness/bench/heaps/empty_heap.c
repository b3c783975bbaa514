// SPDX-License-Identifier: GPL-2.0
/*
 * A heap whose buffers have no pages
 *
 * An allocation costs only the ioctl, the buffer's own structure, the export and
 * the file descriptor.  This is the floor to compare measured heaps with.  Only
 * kernels that are measured have this heap.  Nobody can map its buffers.
 */

#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/slab.h>

/* About what a real heap keeps per buffer, so that kzalloc() costs the same */
#define BUFFER_SIZE	128

static struct sg_table *empty_map_dma_buf(struct dma_buf_attachment *attachment,
					  enum dma_data_direction direction)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void empty_unmap_dma_buf(struct dma_buf_attachment *attachment,
				struct sg_table *table,
				enum dma_data_direction direction)
{
}

static void empty_release(struct dma_buf *dmabuf)
{
	kfree(dmabuf->priv);
}

static const struct dma_buf_ops empty_buf_ops = {
	.map_dma_buf = empty_map_dma_buf,
	.unmap_dma_buf = empty_unmap_dma_buf,
	.release = empty_release,
};

static struct dma_buf *empty_allocate(struct dma_heap *heap, unsigned long len,
				      u32 fd_flags, u64 heap_flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	struct dma_buf *dmabuf;

	exp_info.priv = kzalloc(BUFFER_SIZE, GFP_KERNEL);
	if (!exp_info.priv)
		return ERR_PTR(-ENOMEM);

	exp_info.exp_name = dma_heap_get_name(heap);
	exp_info.ops = &empty_buf_ops;
	exp_info.size = len;
	exp_info.flags = fd_flags;
	dmabuf = dma_buf_export(&exp_info);
	if (IS_ERR(dmabuf))
		kfree(exp_info.priv);
	return dmabuf;
}

static const struct dma_heap_ops empty_heap_ops = {
	.allocate = empty_allocate,
};

static int __init empty_heap_create(void)
{
	struct dma_heap_export_info exp_info = {
		.name = "empty",
		.ops = &empty_heap_ops,
	};

	return PTR_ERR_OR_ZERO(dma_heap_add(&exp_info));
}
device_initcall(empty_heap_create);
