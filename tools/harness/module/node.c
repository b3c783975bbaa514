// SPDX-License-Identifier: GPL-2.0
/*
 * A device node for the heap where the kernel does not export dma_heap_add()
 *
 * Implements what a heap needs of linux/dma-heap.h with a misc device. Userspace
 * gets the same answers and errors from it as from drivers/dma-buf/dma-heap.c.
 */
#include <linux/dma-buf.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/uaccess.h>
#include <uapi/linux/dma-heap.h>

struct dma_heap {
	struct miscdevice misc;
	struct dma_heap_export_info info;
};

void *dma_heap_get_drvdata(struct dma_heap *heap)
{
	return heap->info.priv;
}

const char *dma_heap_get_name(struct dma_heap *heap)
{
	return heap->info.name;
}

static int node_open(struct inode *inode, struct file *file)
{
	file->private_data = container_of(file->private_data, struct dma_heap, misc);

	return nonseekable_open(inode, file);
}

static struct dma_buf *node_allocate(struct dma_heap *heap,
				     const struct dma_heap_allocation_data *data)
{
	size_t len = PAGE_ALIGN(data->len);

	if (data->fd || data->fd_flags & ~DMA_HEAP_VALID_FD_FLAGS ||
	    data->heap_flags & ~DMA_HEAP_VALID_HEAP_FLAGS || !len)
		return ERR_PTR(-EINVAL);

	return heap->info.ops->allocate(heap, len, data->fd_flags, data->heap_flags);
}

static long node_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct dma_heap_allocation_data data = {};
	size_t size = min(_IOC_SIZE(cmd), sizeof(data));
	void __user *user = (void __user *)arg;
	struct dma_buf *dmabuf;
	int fd;

	/* Type, direction and size may differ: only the number is compared. */
	if (_IOC_NR(cmd) != _IOC_NR(DMA_HEAP_IOCTL_ALLOC))
		return -EINVAL;
	if (cmd & IOC_IN && copy_from_user(&data, user, size))
		return -EFAULT;

	dmabuf = node_allocate(file->private_data, &data);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	fd = get_unused_fd_flags(data.fd_flags);
	if (fd < 0) {
		dma_buf_put(dmabuf);
		return fd;
	}

	/* Once installed, the descriptor cannot be taken back. */
	data.fd = fd;
	if (cmd & IOC_OUT && copy_to_user(user, &data, size)) {
		put_unused_fd(fd);
		dma_buf_put(dmabuf);
		return -EFAULT;
	}

	fd_install(fd, dmabuf->file);

	return 0;
}

static const struct file_operations node_fops = {
	.owner = THIS_MODULE,
	.open = node_open,
	.unlocked_ioctl = node_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

struct dma_heap *dma_heap_add(const struct dma_heap_export_info *info)
{
	struct dma_heap *heap;
	int ret = -ENOMEM;

	heap = kzalloc_obj(*heap);
	if (!heap)
		return ERR_PTR(-ENOMEM);

	heap->info = *info;
	heap->misc.minor = MISC_DYNAMIC_MINOR;
	heap->misc.fops = &node_fops;
	heap->misc.name = kasprintf(GFP_KERNEL, "dma_heap/%s", info->name);
	heap->misc.nodename = heap->misc.name;
	if (heap->misc.name)
		ret = misc_register(&heap->misc);
	if (ret) {
		kfree(heap->misc.name);
		kfree(heap);
		return ERR_PTR(ret);
	}

	return heap;
}
