// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What a heap's supply holds and has done, under debugfs dma_heap/<heap>/
 *
 *   stats   read: figures, one per line, then a table with a line per order
 *   drain   write: give everything back the way memory reclaim does
 */
#include <linux/dcache.h>
#include <linux/debugfs.h>
#include <linux/deferred_free.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/shrinker.h>

#include "heap_pool.h"
#include "heap_supply.h"

/* How long to wait for somebody who cleans pages while the rest is drained. */
#define DRAIN_TICKS	HZ

static void show_bytes(struct seq_file *m, const char *name,
		       unsigned long nr_pages)
{
	seq_printf(m, "%s %llu\n", name, (u64)nr_pages << PAGE_SHIFT);
}

static int stats_show(struct seq_file *m, void *unused)
{
	struct heap_supply *supply = m->private;
	unsigned int i;
	int nid;

	show_bytes(m, "pool_limit_bytes",
		   READ_ONCE(supply->config.pool_pages));
	show_bytes(m, "pool_bytes", heap_supply_pooled(supply));
	show_bytes(m, "queue_limit_bytes", deferred_free_limit(supply->queue));
	show_bytes(m, "queue_bytes", deferred_free_pages(supply->queue));
	seq_printf(m, "queue_buffers %lu\n", deferred_free_items(supply->queue));
	show_bytes(m, "zeroed_bytes", atomic_long_read(&supply->zeroed));
	show_bytes(m, "zero_failed_bytes", atomic_long_read(&supply->zero_failed));
	show_bytes(m, "helped_bytes", atomic_long_read(&supply->helped));
	show_bytes(m, "refused_bytes", atomic_long_read(&supply->refused));
	show_bytes(m, "reclaimed_bytes", atomic_long_read(&supply->reclaimed));

	seq_puts(m, "order cached hits misses recycled released refilled inflight\n");
	for (i = 0; i < HEAP_NR_ORDERS; i++) {
		struct heap_pool_stats stats = { };

		for_each_node_state(nid, N_MEMORY)
			if (supply->pools[nid][i])
				heap_pool_get_stats(supply->pools[nid][i],
						    &stats);
		seq_printf(m, "%u %lu %lu %lu %lu %lu %lu %lu\n",
			   heap_orders[i], stats.cached, stats.hits,
			   stats.fetched + atomic_long_read(&supply->misses[i]),
			   stats.recycled, stats.released, stats.refilled,
			   stats.inflight);
	}

	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

/* Return: whether there is nothing left to give back. */
static bool drain_some(struct heap_supply *supply, unsigned long *freed)
{
	struct shrinker *shrinker = supply->shrinker;
	struct shrink_control sc = { .gfp_mask = GFP_KERNEL };
	bool empty = !deferred_free_pages(supply->queue);
	unsigned long nr;

	/* Let lockdep see what the shrinker does in reclaim. */
	fs_reclaim_acquire(GFP_KERNEL);
	for_each_node_state(sc.nid, N_MEMORY) {
		if (shrinker->count_objects(shrinker, &sc) == SHRINK_EMPTY)
			continue;
		empty = false;
		sc.nr_to_scan = 1024;
		sc.nr_scanned = sc.nr_to_scan;
		nr = shrinker->scan_objects(shrinker, &sc);
		if (nr != SHRINK_STOP)
			*freed += nr;
	}
	fs_reclaim_release(GFP_KERNEL);

	return empty;
}

static ssize_t drain_write(struct file *file, const char __user *user,
			   size_t len, loff_t *pos)
{
	struct heap_supply *supply = file_inode(file)->i_private;
	unsigned int stalled = 0;
	unsigned long freed;

	while (stalled < DRAIN_TICKS) {
		freed = 0;
		if (drain_some(supply, &freed))
			return len;
		if (fatal_signal_pending(current))
			return -ERESTARTSYS;
		if (freed) {
			cond_resched();
			continue;
		}
		/* Somebody is cleaning the rest, and will be done shortly. */
		if (schedule_timeout_interruptible(1))
			return -ERESTARTSYS;
		stalled++;
	}

	return -EBUSY;
}

static const struct file_operations drain_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = drain_write,
	.llseek = noop_llseek,
};

/**
 * heap_debugfs_register - make a supply's figures readable
 * @supply:	the supply, complete and with its shrinker registered
 */
void heap_debugfs_register(struct heap_supply *supply)
{
	struct dentry *found = debugfs_lookup("dma_heap", NULL);
	struct dentry *root;

	/* There is no debugfs in this kernel. */
	if (IS_ERR(found))
		return;
	root = found ?: debugfs_create_dir("dma_heap", NULL);

	supply->debugfs = debugfs_create_dir(supply->config.name, root);
	dput(found);
	debugfs_create_file("stats", 0444, supply->debugfs, supply, &stats_fops);
	debugfs_create_file("drain", 0200, supply->debugfs, supply, &drain_fops);
}
