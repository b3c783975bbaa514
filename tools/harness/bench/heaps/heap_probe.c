// SPDX-License-Identifier: GPL-2.0
/*
 * What only the kernel can measure about a heap
 *
 * Built into the bench kernel only. Under debugfs, heap_probe/run takes a
 * command and then gives its answer, two numbers on a line: ticks of the time
 * stamp counter and nanoseconds, unless said otherwise.
 *
 *   vmap FD                       vmap and vunmap a dma-buf
 *   attach FD                     attach a device to it, map, unmap, detach
 *   size FD                       bytes that the exporter keeps of it beside its
 *                                 scatterlist, and entries of the scatterlist
 *   zero METHOD ORDER BATCH MIB   clear that much by heap_zero_pages(), and have
 *                                 all mappings gone; METHOD is 0 for a mapping
 *                                 of BATCH pages, 1 for the direct map. The
 *                                 answer has a third number: how many times the
 *                                 kernel's part of the TLB was flushed for it.
 *                                 ORDER 9 is a mixture of 8, 4 and 0, in batches
 *                                 of 512 pages or a multiple
 *   map METHOD ORDER BATCH MIB    map that much and unmap it, no clearing; METHOD
 *                                 is 0 for vm_map_ram(), 1 for vmap(), 2 for one
 *                                 area that is kept and flushed at each unmap.
 *                                 Three numbers, in ticks: for the array of
 *                                 pages, to map, to unmap and flush
 *   watch PID                     from now on, note when that task goes to sleep;
 *                                 0 ends it
 *   slept                         when it did first, as values of the clocks, and
 *                                 how often it has since
 *
 * One command at a time; a failed one is an error of write(). What is watched
 * must not run while that is changed.
 */
#include <linux/debugfs.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/sched.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/timex.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <trace/events/sched.h>
#include <trace/events/vmalloc.h>

#if __has_include("heap_zero.h")
#include "heap_zero.h"
#define HAVE_HEAP_ZERO
#endif

struct stamp {
	u64 ticks, ns;
};

static DEFINE_MUTEX(probe_lock);
static struct platform_device *probe_dev;
static char answer[96];
static struct stamp slept;
static pid_t watched;
static unsigned int sleeps;
static atomic_t purges;

static void stamp_now(struct stamp *s)
{
	s->ns = ktime_get_raw_ns();
	s->ticks = get_cycles();
}

/* Since @s; read the other way round, so that both cover the same work. */
static void stamp_since(struct stamp *s)
{
	u64 ticks = get_cycles();

	s->ticks = ticks - s->ticks;
	s->ns = ktime_get_raw_ns() - s->ns;
}

static void reply(const struct stamp *s)
{
	snprintf(answer, sizeof(answer), "%llu %llu\n", s->ticks, s->ns);
}

static int run_vmap(struct dma_buf *dmabuf)
{
	struct iosys_map map;
	struct stamp s;
	int ret;

	stamp_now(&s);
	ret = dma_buf_vmap_unlocked(dmabuf, &map);
	if (ret)
		return ret;
	dma_buf_vunmap_unlocked(dmabuf, &map);
	stamp_since(&s);
	reply(&s);

	return 0;
}

/* @nents: set to the entries of the device's scatterlist, unless %NULL. */
static int attach_once(struct dma_buf *dmabuf, unsigned int *nents)
{
	struct dma_buf_attachment *attachment;
	struct sg_table *table;

	attachment = dma_buf_attach(dmabuf, &probe_dev->dev);
	if (IS_ERR(attachment))
		return PTR_ERR(attachment);

	table = dma_buf_map_attachment_unlocked(attachment, DMA_BIDIRECTIONAL);
	if (!IS_ERR(table)) {
		if (nents)
			*nents = table->orig_nents;
		dma_buf_unmap_attachment_unlocked(attachment, table,
						  DMA_BIDIRECTIONAL);
	}
	dma_buf_detach(dmabuf, attachment);

	return PTR_ERR_OR_ZERO(table);
}

static int run_attach(struct dma_buf *dmabuf)
{
	struct stamp s;
	int ret;

	stamp_now(&s);
	ret = attach_once(dmabuf, NULL);
	stamp_since(&s);
	reply(&s);

	return ret;
}

static int run_size(struct dma_buf *dmabuf)
{
	unsigned int nents;
	int ret;

	ret = attach_once(dmabuf, &nents);
	if (!ret)
		snprintf(answer, sizeof(answer), "%zu %u\n",
			 ksize(dmabuf->priv), nents);

	return ret;
}

static int with_dmabuf(int fd, int (*run)(struct dma_buf *dmabuf))
{
	struct dma_buf *dmabuf = dma_buf_get(fd);
	int ret;

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = run(dmabuf);
	dma_buf_put(dmabuf);

	return ret;
}

#ifdef HAVE_HEAP_ZERO

/* One flush of the kernel's part of the TLB each, see __purge_vmap_area_lazy. */
static void purged(void *data, unsigned long start, unsigned long end,
		   unsigned int nr)
{
	if (nr)
		atomic_inc(&purges);
}

/* Of ORDER_MIXED, in turn: a page of order 8, 8 of order 4 and 128 of order 0. */
#define ORDER_MIXED	9
#define MIXED_HEADS	137
#define MIXED_PAGES	512

static unsigned int order_of(unsigned int order, unsigned int i)
{
	if (order != ORDER_MIXED)
		return order;
	i %= MIXED_HEADS;
	if (!i)
		return 8;

	return i <= 8 ? 4 : 0;
}

/* How many of them have @base pages. */
static unsigned int heads(unsigned int order, unsigned int base)
{
	if (order == ORDER_MIXED)
		return base / MIXED_PAGES * MIXED_HEADS;

	return max(base >> order, 1);
}

static int zero_pages(struct page **pages, unsigned int nr, unsigned int method,
		      unsigned int step, struct page **map)
{
	bool zeroed = true;
	struct stamp s;
	unsigned int i;

	/* What others left to be flushed is not ours to pay. */
	vm_unmap_aliases();
	atomic_set(&purges, 0);
	stamp_now(&s);
	if (method == HEAP_ZERO_VMAP) {
		for (i = 0; i < nr && zeroed; i += step)
			zeroed = heap_zero_pages(pages + i, min(step, nr - i),
						 map);
		vm_unmap_aliases();
	} else {
		for (i = 0; i < nr; i++)
			heap_zero_direct(pages[i]);
	}
	stamp_since(&s);
	if (!zeroed)
		return -EIO;
	snprintf(answer, sizeof(answer), "%llu %llu %d\n", s.ticks, s.ns,
		 atomic_read(&purges));

	return 0;
}

enum { BY_VM_MAP_RAM, BY_VMAP, BY_KEPT_AREA, NR_BY };

static void *map_batch(struct vm_struct *area, unsigned int method,
		       struct page **map, unsigned int n)
{
	unsigned long addr = (unsigned long)area->addr;

	if (method == BY_VM_MAP_RAM)
		return vm_map_ram(map, n, NUMA_NO_NODE);
	if (method == BY_VMAP)
		return vmap(map, n, VM_MAP, PAGE_KERNEL);
	if (vm_area_map_pages(area, addr, addr + n * PAGE_SIZE, map))
		return NULL;

	return area->addr;
}

static void unmap_batch(struct vm_struct *area, unsigned int method, void *vaddr,
			unsigned int n)
{
	unsigned long addr = (unsigned long)vaddr;

	if (method == BY_VM_MAP_RAM)
		vm_unmap_ram(vaddr, n);
	else if (method == BY_VMAP)
		vunmap(vaddr);
	else
		vm_area_unmap_pages(area, addr, addr + n * PAGE_SIZE);
}

static int map_pages(struct page **pages, unsigned int nr, unsigned int method,
		     unsigned int step, struct page **map)
{
	u64 t, fill = 0, mapping = 0, unmapping = 0;
	unsigned int i, j, k, n, last;
	struct vm_struct *area;
	void *vaddr = NULL;

	area = get_vm_area(4096 * PAGE_SIZE, VM_SPARSE);
	if (!area)
		return -ENOMEM;
	vm_unmap_aliases();
	for (i = 0; i < nr; i = last) {
		last = min(i + step, nr);
		t = get_cycles();
		for (n = 0, j = i; j < last; j++)
			for (k = 0; k < compound_nr(pages[j]); k++)
				map[n++] = pages[j] + k;
		fill -= t;
		t = get_cycles();
		fill += t;
		vaddr = map_batch(area, method, map, n);
		if (!vaddr)
			break;
		mapping -= t;
		t = get_cycles();
		mapping += t;
		unmap_batch(area, method, vaddr, n);
		unmapping += get_cycles() - t;
	}
	t = get_cycles();
	vm_unmap_aliases();
	unmapping += get_cycles() - t;
	free_vm_area(area);
	if (!vaddr)
		return -EIO;
	snprintf(answer, sizeof(answer), "%llu %llu %llu\n", fill, mapping,
		 unmapping);

	return 0;
}

static int run_zero(bool zero, unsigned int method, unsigned int order,
		    unsigned int batch, unsigned int mib)
{
	unsigned int base = mib << (20 - PAGE_SHIFT), nr, i;
	struct page **pages, **map = NULL;
	int ret = -ENOMEM;

	if (method >= (zero ? HEAP_ZERO_DIRECT + 1 : NR_BY) ||
	    order > ORDER_MIXED || batch < 1 || batch > 4096 ||
	    (order == ORDER_MIXED && (batch % MIXED_PAGES ||
				      base % MIXED_PAGES)) ||
	    !base || mib > 1024)
		return -EINVAL;

	nr = heads(order, base);
	pages = kvmalloc_array(nr, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		pages[i] = alloc_pages(GFP_KERNEL | __GFP_COMP,
				       order_of(order, i));
		if (!pages[i])
			goto free;
	}
	map = kvmalloc_array(max(batch, 1U << min(order, MAX_PAGE_ORDER)),
			     sizeof(*map), GFP_KERNEL);
	if (!map)
		goto free;
	ret = register_trace_purge_vmap_area_lazy(purged, NULL);
	if (ret)
		goto free;
	ret = (zero ? zero_pages : map_pages)(pages, nr, method,
					      heads(order, batch), map);
	unregister_trace_purge_vmap_area_lazy(purged, NULL);
	tracepoint_synchronize_unregister();

free:
	kvfree(map);
	while (i--)
		__free_pages(pages[i], order_of(order, i));
	kvfree(pages);

	return ret;
}

#else

static int run_zero(bool zero, unsigned int method, unsigned int order,
		    unsigned int batch, unsigned int mib)
{
	return -EOPNOTSUPP;
}

#endif

static void switched(void *data, bool preempt, struct task_struct *prev,
		     struct task_struct *next, unsigned int prev_state)
{
	if (prev->pid != READ_ONCE(watched) || !prev_state || preempt)
		return;
	if (!sleeps++)
		stamp_now(&slept);
}

static int run_watch(pid_t pid)
{
	int ret = 0;

	if (pid && !watched)
		ret = register_trace_sched_switch(switched, NULL);
	else if (!pid && watched)
		unregister_trace_sched_switch(switched, NULL);
	if (!ret) {
		sleeps = 0;
		WRITE_ONCE(watched, pid);
	}

	return ret;
}

static int run(const char *command)
{
	unsigned int a, b, c, d;

	if (sscanf(command, "vmap %u", &a) == 1)
		return with_dmabuf(a, run_vmap);
	if (sscanf(command, "attach %u", &a) == 1)
		return with_dmabuf(a, run_attach);
	if (sscanf(command, "size %u", &a) == 1)
		return with_dmabuf(a, run_size);
	if (sscanf(command, "zero %u %u %u %u", &a, &b, &c, &d) == 4)
		return run_zero(true, a, b, c, d);
	if (sscanf(command, "map %u %u %u %u", &a, &b, &c, &d) == 4)
		return run_zero(false, a, b, c, d);
	if (sscanf(command, "watch %u", &a) == 1)
		return run_watch(a);
	if (!strncmp(command, "slept", 5)) {
		snprintf(answer, sizeof(answer), "%llu %llu %u\n", slept.ticks,
			 slept.ns, sleeps);
		return 0;
	}

	return -EINVAL;
}

static ssize_t run_write(struct file *file, const char __user *user, size_t len,
			 loff_t *pos)
{
	char command[64];
	int ret;

	if (len >= sizeof(command))
		return -EINVAL;
	if (copy_from_user(command, user, len))
		return -EFAULT;
	command[len] = '\0';

	mutex_lock(&probe_lock);
	answer[0] = '\0';
	ret = run(command);
	mutex_unlock(&probe_lock);

	return ret ?: len;
}

/* Always from the start, so that a file can stay open for many commands. */
static ssize_t run_read(struct file *file, char __user *user, size_t len,
			loff_t *pos)
{
	size_t n;

	mutex_lock(&probe_lock);
	n = min(len, strlen(answer));
	if (copy_to_user(user, answer, n))
		n = 0;
	mutex_unlock(&probe_lock);

	return n;
}

static const struct file_operations run_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = run_write,
	.read = run_read,
	.llseek = noop_llseek,
};

static int __init heap_probe_init(void)
{
	struct dentry *dir;
	int ret;

	probe_dev = platform_device_register_simple("heap-probe", -1, NULL, 0);
	if (IS_ERR(probe_dev))
		return PTR_ERR(probe_dev);
	ret = dma_coerce_mask_and_coherent(&probe_dev->dev, DMA_BIT_MASK(64));
	if (ret) {
		platform_device_unregister(probe_dev);
		return ret;
	}
	/* A scatterlist's entry is a page of the heap, up to 1 MiB and more. */
	dma_set_max_seg_size(&probe_dev->dev, UINT_MAX);

	dir = debugfs_create_dir("heap_probe", NULL);
	debugfs_create_file("run", 0600, dir, NULL, &run_fops);

	return 0;
}
module_init(heap_probe_init);

MODULE_DESCRIPTION("Measurements of heaps from inside the kernel");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
