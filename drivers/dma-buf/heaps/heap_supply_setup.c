// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Making a heap's supply, and changing its settings; see heap_supply.h
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/sprintf.h>

#include "heap_clean.h"
#include "heap_pool.h"
#include "heap_supply.h"

/**
 * heap_supply_set_limits - change the bounds
 * @supply:	the supply
 * @pool_pages:	for clean pages kept; 0 turns pooling off
 * @queue_pages: for pages waiting to be cleaned
 *
 * Context: may sleep.
 */
void heap_supply_set_limits(struct heap_supply *supply, unsigned long pool_pages,
			    unsigned long queue_pages)
{
	if (!IS_ENABLED(CONFIG_DMABUF_HEAPS_POOL))
		return;

	WRITE_ONCE(supply->config.pool_pages, pool_pages);
	WRITE_ONCE(supply->config.queue_pages, queue_pages);
	deferred_free_set_limit(supply->queue, queue_pages);
	heap_supply_trim(supply);
}
EXPORT_SYMBOL_NS_GPL(heap_supply_set_limits, "DMA_BUF_HEAP");

/**
 * heap_supply_set_zeroing - change how pages are cleaned
 * @supply:	the supply
 * @method:	by which mapping
 * @batch:	how many pages at a time, from %HEAP_ZERO_BATCH_MIN to
 *		%HEAP_ZERO_BATCH_MAX
 */
void heap_supply_set_zeroing(struct heap_supply *supply,
			     enum heap_zero_method method, unsigned int batch)
{
	WRITE_ONCE(supply->method, method);
	WRITE_ONCE(supply->batch, clamp(batch, HEAP_ZERO_BATCH_MIN,
					HEAP_ZERO_BATCH_MAX));
}
EXPORT_SYMBOL_NS_GPL(heap_supply_set_zeroing, "DMA_BUF_HEAP");

/**
 * heap_supply_set_nice - change the priority of the thread that cleans
 * @supply:	the supply
 * @nice:	from %MIN_NICE to %MAX_NICE
 *
 * Context: process context.
 */
void heap_supply_set_nice(struct heap_supply *supply, int nice)
{
	if (IS_ENABLED(CONFIG_DMABUF_HEAPS_POOL))
		deferred_free_set_nice(supply->queue, nice);
}
EXPORT_SYMBOL_NS_GPL(heap_supply_set_nice, "DMA_BUF_HEAP");

static int heap_supply_create_pools(struct heap_supply *supply)
{
	struct heap_pool *pool;
	unsigned int i;
	int nid;

	for_each_node_state(nid, N_MEMORY) {
		for (i = 0; i < HEAP_NR_ORDERS; i++) {
			/* There are no such pages. */
			if (heap_orders[i] > MAX_PAGE_ORDER)
				continue;
			/* The bound can be raised up to all memory. */
			pool = heap_pool_create(heap_orders[i], nid,
						totalram_pages());
			if (IS_ERR(pool))
				return PTR_ERR(pool);
			supply->pools[nid][i] = pool;
		}
	}

	return 0;
}

/**
 * heap_supply_destroy - the opposite of heap_supply_create()
 * @supply:	the supply; no page of it may be in use
 *
 * Context: may sleep.
 */
void heap_supply_destroy(struct heap_supply *supply)
{
	unsigned int i;
	int nid;

	if (!IS_ENABLED(CONFIG_DMABUF_HEAPS_POOL))
		goto free;

	debugfs_remove(supply->debugfs);
	shrinker_free(supply->shrinker);
	if (!IS_ERR_OR_NULL(supply->queue))
		deferred_free_destroy(supply->queue);
	for (nid = 0; nid < nr_node_ids; nid++)
		for (i = 0; i < HEAP_NR_ORDERS; i++)
			if (supply->pools[nid][i])
				heap_pool_destroy(supply->pools[nid][i]);
	if (supply->helper)
		heap_clean_destroy(supply->helper);
free:
	kfree(supply->queued);
	kfree(supply);
}
EXPORT_SYMBOL_NS_GPL(heap_supply_destroy, "DMA_BUF_HEAP");

/**
 * heap_supply_create - make a supply
 * @config:	copied
 *
 * Context: may sleep.
 * Return: the supply, or an ERR_PTR().
 */
struct heap_supply *heap_supply_create(const struct heap_supply_config *config)
{
	char thread[TASK_COMM_LEN];
	struct heap_supply *supply;
	int ret;

	supply = kzalloc(struct_size(supply, pools, nr_node_ids), GFP_KERNEL);
	if (!supply)
		return ERR_PTR(-ENOMEM);

	supply->config = *config;
	supply->batch = HEAP_ZERO_BATCH_DEFAULT;
	if (!IS_ENABLED(CONFIG_DMABUF_HEAPS_POOL))
		return supply;

	supply->queued = kcalloc(nr_node_ids, sizeof(*supply->queued),
				 GFP_KERNEL);
	supply->helper = heap_clean_create(supply, HEAP_ZERO_BATCH_MAX,
					   GFP_KERNEL);
	if (!supply->queued || !supply->helper) {
		ret = -ENOMEM;
		goto destroy;
	}

	ret = heap_supply_create_pools(supply);
	if (ret)
		goto destroy;

	snprintf(thread, sizeof(thread), "dma-heap-%s", config->name);
	supply->queue = deferred_free_create(thread, &heap_clean_ops,
					     heap_clean_priv(supply->helper),
					     config->queue_pages);
	if (IS_ERR(supply->queue)) {
		ret = PTR_ERR(supply->queue);
		goto destroy;
	}

	ret = heap_shrinker_register(supply);
	if (ret)
		goto destroy;
	heap_debugfs_register(supply);

	return supply;

destroy:
	heap_supply_destroy(supply);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_NS_GPL(heap_supply_create, "DMA_BUF_HEAP");
