// SPDX-License-Identifier: GPL-2.0
/*
 * Write to a dma-buf from inside the kernel
 *
 * Only kernels that are measured in real time have this. Writing a file descriptor
 * to heap_write in debugfs attaches a device to that dma-buf, and writes a word to
 * each cache line of the buffer, as a processor that fills it would. Reading the
 * file gives the nanoseconds that the writes took. They go through the kernel's own
 * mapping of the pages: no page fault and no mapping is measured.
 */
#include <linux/cache.h>
#include <linux/debugfs.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/scatterlist.h>
#include <linux/timekeeping.h>

static struct platform_device *write_dev;
static u64 write_ns;

static void write_lines(struct sg_table *table)
{
	struct scatterlist *sg;
	unsigned int i, at;
	char *vaddr;

	for_each_sgtable_sg(table, sg, i) {
		vaddr = page_address(sg_page(sg));
		for (at = 0; at < sg->length; at += L1_CACHE_BYTES)
			WRITE_ONCE(*(unsigned long *)(vaddr + at), at);
	}
}

static int write_set(void *data, u64 fd)
{
	struct dma_buf_attachment *attachment;
	struct dma_buf *dmabuf = dma_buf_get(fd);
	struct sg_table *table;
	u64 start;

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	attachment = dma_buf_attach(dmabuf, &write_dev->dev);
	table = IS_ERR(attachment) ? ERR_CAST(attachment) :
		dma_buf_map_attachment_unlocked(attachment, DMA_TO_DEVICE);
	if (!IS_ERR(table)) {
		start = ktime_get_ns();
		write_lines(table);
		write_ns = ktime_get_ns() - start;
		dma_buf_unmap_attachment_unlocked(attachment, table, DMA_TO_DEVICE);
	}
	if (!IS_ERR(attachment))
		dma_buf_detach(dmabuf, attachment);
	dma_buf_put(dmabuf);

	return PTR_ERR_OR_ZERO(table);
}

static int write_get(void *data, u64 *ns)
{
	*ns = write_ns;

	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(write_fops, write_get, write_set, "%llu\n");

static int __init heap_write_init(void)
{
	write_dev = platform_device_register_simple("heap-write",
						    PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(write_dev))
		return PTR_ERR(write_dev);
	debugfs_create_file_unsafe("heap_write", 0600, NULL, NULL, &write_fops);

	return 0;
}
module_init(heap_write_init);

MODULE_DESCRIPTION("Write to dma-bufs, for measuring");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
