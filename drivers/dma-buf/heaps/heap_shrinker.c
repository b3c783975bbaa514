// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Giving back what a heap's supply holds, above all to memory reclaim
 *
 * The objects of the shrinker are pages of PAGE_SIZE.
 */
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/swap.h>
#include <trace/events/dma_heap.h>

#include "heap_clean.h"
#include "heap_pool.h"
#include "heap_supply.h"

/* How long a direct reclaimer waits for a pool that others use. */
#define RECLAIM_TICKS	(HZ / 10)

static unsigned long heap_supply_shrink(struct heap_supply *supply, int nid,
					unsigned int i, unsigned long nr_pages,
					bool wait)
{
	struct heap_pool *pool = supply->pools[nid][i];
	unsigned long nr;

	if (!pool || !nr_pages)
		return 0;

	/* Rounded up: what was asked for, or a little more. */
	nr = heap_pool_shrink(pool, ((nr_pages - 1) >> heap_orders[i]) + 1, wait);

	return nr << heap_orders[i];
}

static unsigned long heap_supply_reclaim_pools(struct heap_supply *supply,
					       int nid, unsigned long nr_pages)
{
	unsigned long freed = 0;
	unsigned int i;

	for (i = 0; i < HEAP_NR_ORDERS && freed < nr_pages; i++)
		freed += heap_supply_shrink(supply, nid, i, nr_pages - freed,
					    false);

	return freed;
}

/**
 * heap_supply_reclaim - give memory that is held for speed back
 * @supply:	the supply
 * @nid:	of which node
 * @nr_pages:	how much, in pages of PAGE_SIZE
 *
 * What waits to be cleaned goes first, oldest first and uncleaned (those may be
 * pages of other nodes, but hardly more of them than wait on this one), then clean
 * pages, largest order first.
 *
 * Nobody waits for who uses a pool just then: that may be a task that does not get
 * to run while others have the processor. When there is nothing else, though, a
 * direct reclaimer comes back for up to a tenth of a second, as it would have the
 * OOM killer called if it found nothing anywhere. kswapd goes and looks elsewhere.
 *
 * Context: any task context, also in reclaim. Never allocates, may sleep.
 * Return: pages of PAGE_SIZE given back.
 */
unsigned long heap_supply_reclaim(struct heap_supply *supply, int nid,
				  unsigned long nr_pages)
{
	long waiting = atomic_long_read(&supply->queued[nid]);
	int tries = current_is_kswapd() ? 0 : RECLAIM_TICKS;
	unsigned long queued = 0, pooled = 0;

	if (waiting > 0)
		queued = heap_clean_evict(supply, min(nr_pages, waiting));
	if (queued < nr_pages)
		pooled = heap_supply_reclaim_pools(supply, nid,
						   nr_pages - queued);
	while (!queued && !pooled && tries-- && heap_supply_pooled_on(supply, nid)) {
		schedule_timeout_uninterruptible(1);
		pooled = heap_supply_reclaim_pools(supply, nid, nr_pages);
	}

	atomic_long_add(queued + pooled, &supply->reclaimed);
	trace_dma_heap_reclaim(supply->config.name, nid, nr_pages, queued,
			       pooled);

	return queued + pooled;
}

/**
 * heap_supply_trim - give back what the pools hold beyond their bound
 * @supply:	the supply
 *
 * The smallest pages first, so that hardly more goes than is too much.
 *
 * Context: may sleep.
 */
void heap_supply_trim(struct heap_supply *supply)
{
	unsigned long held, limit;
	unsigned int i;
	int nid;

	for (i = HEAP_NR_ORDERS; i--;) {
		for_each_node_state(nid, N_MEMORY) {
			held = heap_supply_pooled(supply);
			limit = READ_ONCE(supply->config.pool_pages);
			if (held <= limit)
				return;
			heap_supply_shrink(supply, nid, i, held - limit, true);
			cond_resched();
		}
	}
}

static unsigned long heap_shrinker_count(struct shrinker *shrinker,
					 struct shrink_control *sc)
{
	struct heap_supply *supply = shrinker->private_data;
	long queued = atomic_long_read(&supply->queued[sc->nid]);

	return (max(queued, 0) + heap_supply_pooled_on(supply, sc->nid)) ?:
	       SHRINK_EMPTY;
}

static unsigned long heap_shrinker_scan(struct shrinker *shrinker,
					struct shrink_control *sc)
{
	struct heap_supply *supply = shrinker->private_data;
	unsigned long freed;

	freed = heap_supply_reclaim(supply, sc->nid, sc->nr_to_scan);
	/* So that reclaim does not take this for no progress, and fail or go on. */
	mm_account_reclaimed_pages(freed);
	/* A page or a part of a buffer may be larger than what was asked for. */
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

	shrinker = shrinker_alloc(SHRINKER_NUMA_AWARE, "dma-heap-%s",
				  supply->config.name);
	if (!shrinker)
		return -ENOMEM;

	shrinker->count_objects = heap_shrinker_count;
	shrinker->scan_objects = heap_shrinker_scan;
	shrinker->private_data = supply;
	supply->shrinker = shrinker;
	shrinker_register(shrinker);

	return 0;
}
