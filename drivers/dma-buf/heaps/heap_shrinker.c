// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Giving back what a heap's supply holds, above all to memory reclaim
 *
 * The objects of the shrinker are pages of PAGE_SIZE.
 */
#include <linux/deferred_free.h>
#include <linux/nodemask.h>
#include <linux/shrinker.h>

#include "heap_pool.h"
#include "heap_supply.h"

/**
 * heap_supply_reclaim - give memory that is held for speed back
 * @supply:	the supply
 * @nr_pages:	how much, in pages of PAGE_SIZE
 *
 * What waits to be cleaned goes first, oldest first and uncleaned, then clean
 * pages, largest order first.
 *
 * Context: any task context, also in reclaim. Never allocates; waits for nobody.
 * Return: pages of PAGE_SIZE given back.
 */
unsigned long heap_supply_reclaim(struct heap_supply *supply,
				  unsigned long nr_pages)
{
	struct deferred_free_run run = { .reason = DEFERRED_FREE_PRESSURE };
	unsigned long freed, nr;
	unsigned int i;
	int nid;

	freed = deferred_free_run(supply->queue, nr_pages, &run);

	for (i = 0; i < HEAP_NR_ORDERS; i++) {
		for_each_node_state(nid, N_MEMORY) {
			if (freed >= nr_pages)
				goto out;
			if (!supply->pools[nid][i])
				continue;
			nr = (nr_pages - freed - 1) >> heap_orders[i];
			nr = heap_pool_shrink(supply->pools[nid][i], nr + 1);
			freed += nr << heap_orders[i];
		}
	}
out:
	atomic_long_add(freed, &supply->reclaimed);

	return freed;
}

/**
 * heap_supply_trim - give back what the pools hold beyond their bound
 * @supply:	the supply
 *
 * Context: may sleep.
 */
void heap_supply_trim(struct heap_supply *supply)
{
	unsigned int i;
	int nid;

	for (i = 0; i < HEAP_NR_ORDERS; i++)
		for_each_node_state(nid, N_MEMORY)
			while (heap_supply_pooled(supply) >
			       READ_ONCE(supply->config.pool_pages))
				if (!supply->pools[nid][i] ||
				    !heap_pool_shrink(supply->pools[nid][i], 1))
					break;
}

static unsigned long heap_shrinker_count(struct shrinker *shrinker,
					 struct shrink_control *sc)
{
	struct heap_supply *supply = shrinker->private_data;

	return (deferred_free_pages(supply->queue) +
		heap_supply_pooled(supply)) ?: SHRINK_EMPTY;
}

static unsigned long heap_shrinker_scan(struct shrinker *shrinker,
					struct shrink_control *sc)
{
	struct heap_supply *supply = shrinker->private_data;
	unsigned long freed = heap_supply_reclaim(supply, sc->nr_to_scan);

	/* An item may be larger than what was asked for. */
	sc->nr_scanned = max(sc->nr_to_scan, freed);

	/* All there was is being worked on by somebody else. */
	return freed ?: SHRINK_STOP;
}

/**
 * heap_shrinker_register - let memory reclaim at a supply
 * @supply:	the supply, complete
 *
 * Return: 0 or -ENOMEM.
 */
int heap_shrinker_register(struct heap_supply *supply)
{
	struct shrinker *shrinker;

	shrinker = shrinker_alloc(0, "dma-heap-%s", supply->config.name);
	if (!shrinker)
		return -ENOMEM;

	shrinker->count_objects = heap_shrinker_count;
	shrinker->scan_objects = heap_shrinker_scan;
	shrinker->private_data = supply;
	supply->shrinker = shrinker;
	shrinker_register(shrinker);

	return 0;
}
