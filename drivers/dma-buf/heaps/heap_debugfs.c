// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What a heap's pool holds and has done, under debugfs dma_heap/<heap>/
 *
 *   stats   read: figures, one per line, then a table with a line per order
 *   drain   write: give everything back the way memory reclaim does
 */
#include <linux/debugfs.h>
#include <linux/export.h>
#include <linux/nodemask.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/shrinker.h>

#include "heap_pool.h"
#include "heap_recycle.h"

static void show_bytes(struct seq_file *m, const char *name,
		       unsigned long nr_pages)
{
	seq_printf(m, "%s %llu\n", name, (u64)nr_pages << PAGE_SHIFT);
}

static int stats_show(struct seq_file *m, void *unused)
{
	struct heap_pool *pool = m->private;
	struct heap_recycle *recycle = pool->recycle;
	struct heap_bin *bin;
	unsigned int i;
	int nid;

	show_bytes(m, "pool_limit_bytes", READ_ONCE(pool->bins->max_pages));
	show_bytes(m, "pool_bytes", atomic_long_read(&pool->bins->nr_pages));
	show_bytes(m, "queue_limit_bytes", READ_ONCE(recycle->queue.max_pages));
	show_bytes(m, "queue_bytes", deferred_free_pages(&recycle->queue));
	seq_printf(m, "queue_buffers %lu\n", READ_ONCE(recycle->queue.nr_items));
	show_bytes(m, "zeroed_bytes", atomic_long_read(&recycle->zeroed));
	show_bytes(m, "zero_failed_bytes",
		   atomic_long_read(&recycle->zero_failed));
	show_bytes(m, "refused_bytes", atomic_long_read(&recycle->refused));
	show_bytes(m, "reclaimed_bytes", atomic_long_read(&pool->reclaimed));

	seq_puts(m, "order cached hits misses inflight\n");
	for (i = 0; i < HEAP_NR_ORDERS; i++) {
		unsigned long cached = 0, inflight = 0;

		for_each_node_state(nid, N_MEMORY) {
			bin = &pool->bins->bin[nid][i];
			cached += READ_ONCE(bin->cached);
			inflight += heap_bin_inflight(bin);
		}
		seq_printf(m, "%u %lu %lu %lu %lu\n", heap_orders[i], cached,
			   atomic_long_read(&pool->hits[i]),
			   atomic_long_read(&pool->misses[i]), inflight);
	}

	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

static void drain_all(struct heap_pool *pool)
{
	struct shrink_control sc = { .nr_to_scan = 1024 };
	struct shrinker *shrinker = pool->shrinker;

	/* Let lockdep see what the shrinker does in reclaim. */
	fs_reclaim_acquire(GFP_KERNEL);
	for_each_node_state(sc.nid, N_MEMORY) {
		do {
			cond_resched();
		} while (!fatal_signal_pending(current) &&
			 shrinker->count_objects(shrinker, &sc) != SHRINK_EMPTY &&
			 shrinker->scan_objects(shrinker, &sc) != SHRINK_STOP);
	}
	fs_reclaim_release(GFP_KERNEL);
}

static int drain_set(void *data, u64 unused)
{
	struct heap_pool *pool = data;

	drain_all(pool);
	/* The helper may have had a batch in hand. */
	kthread_flush_worker(pool->recycle->queue.worker);
	drain_all(pool);

	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(drain_fops, NULL, drain_set, "%llu\n");

/**
 * heap_debugfs_register - make a pool's figures readable, for good
 * @pool:	the pool
 */
void heap_debugfs_register(struct heap_pool *pool)
{
	static struct dentry *root;
	struct dentry *dir;

	if (!root)
		root = debugfs_create_dir("dma_heap", NULL);
	dir = debugfs_create_dir(pool->name, root);
	debugfs_create_file("stats", 0444, dir, pool, &stats_fops);
	debugfs_create_file_unsafe("drain", 0200, dir, pool, &drain_fops);
}
EXPORT_SYMBOL_NS_GPL(heap_debugfs_register, "DMA_BUF_HEAP");
