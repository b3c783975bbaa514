// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Debugfs files of a heap's pool, in dma_heap/<heap>/
 *
 *   stats   read: figures, one per line, then a table with a line per order
 *   drain   write: free everything the way memory reclaim does
 */
#include <linux/dcache.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/nodemask.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/shrinker.h>

#include "deferred_free.h"
#include "heap_pool.h"

static void show_bytes(struct seq_file *m, const char *name,
		       unsigned long nr_pages)
{
	seq_printf(m, "%s %llu\n", name, (u64)nr_pages << PAGE_SHIFT);
}

static int stats_show(struct seq_file *m, void *unused)
{
	struct heap_pool *pool = m->private;
	struct deferred_free *queue = pool->queue;
	struct heap_bin *bin;
	unsigned int i;
	int nid;

	show_bytes(m, "pool_limit_bytes", READ_ONCE(pool->cache->limit));
	show_bytes(m, "pool_bytes", atomic_long_read(&pool->cache->nr_pages));
	show_bytes(m, "queue_limit_bytes", READ_ONCE(queue->limit));
	show_bytes(m, "queue_bytes", deferred_free_pages(queue));
	seq_printf(m, "queue_buffers %lu\n", READ_ONCE(queue->nr_buffers));
	show_bytes(m, "zeroed_bytes", atomic_long_read(&queue->zeroed));
	show_bytes(m, "zero_failed_bytes", atomic_long_read(&queue->zero_failed));
	show_bytes(m, "refused_bytes", atomic_long_read(&queue->refused));
	show_bytes(m, "reused_bytes", atomic_long_read(&queue->reused));
	show_bytes(m, "reclaimed_bytes", atomic_long_read(&pool->reclaimed));

	seq_puts(m, "order cached hits misses inflight\n");
	for (i = 0; i < HEAP_NR_ORDERS; i++) {
		unsigned long cached = 0, inflight = 0;

		for_each_node_state(nid, N_MEMORY) {
			bin = &pool->cache->bin[nid][i];
			cached += READ_ONCE(bin->cached);
			inflight += heap_cache_inflight(bin);
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
	struct shrinker *shrinker = pool->shrinkers[HEAP_USED];
	struct shrink_control sc = { .nr_to_scan = 1024 };

	/* Let lockdep see what the shrinker does in reclaim. */
	fs_reclaim_acquire(GFP_KERNEL);
	for_each_node_state(sc.nid, N_MEMORY)
		while (!fatal_signal_pending(current) &&
		       shrinker->scan_objects(shrinker, &sc) != SHRINK_STOP)
			;
	fs_reclaim_release(GFP_KERNEL);
}

static int drain_set(void *data, u64 unused)
{
	struct heap_pool *pool = data;

	drain_all(pool);
	/* The thread may have dequeued a batch. */
	kthread_flush_worker(pool->queue->worker);
	drain_all(pool);

	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(drain_fops, NULL, drain_set, "%llu\n");

/**
 * heap_debugfs_register - create a pool's debugfs files, which are never removed
 * @pool:	the pool
 */
void heap_debugfs_register(struct heap_pool *pool)
{
	struct dentry *found = debugfs_lookup("dma_heap", NULL), *dir;

	/* The directory may exist already. */
	dir = found ?: debugfs_create_dir("dma_heap", NULL);
	dir = debugfs_create_dir(pool->name, dir);
	/* Without debugfs, debugfs_lookup() returned an error pointer. */
	if (!IS_ERR_OR_NULL(found))
		dput(found);
	debugfs_create_file("stats", 0444, dir, pool, &stats_fops);
	debugfs_create_file_unsafe("drain", 0200, dir, pool, &drain_fops);
}
EXPORT_SYMBOL_NS_GPL(heap_debugfs_register, "DMA_BUF_HEAP");
