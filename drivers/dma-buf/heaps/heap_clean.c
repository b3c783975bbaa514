// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * From the deferred free queue back to the pools, see heap_clean.h
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <trace/events/dma_heap.h>

#include "heap_clean.h"
#include "heap_pool.h"
#include "heap_supply.h"

/* How many pages to get at a time, under the pool's lock, for foreign ones. */
#define REFILL_MAX	(SZ_1M >> PAGE_SHIFT)

/**
 * struct heap_clean - pages gathered by one context to be cleared together
 * @supply:	whose pages they are
 * @order:	a helping task wants pages of this order
 * @nr_foreign:	pages of order 0 freed that were the page allocator's, for which
 *		the pool should get as many
 * @foreign_nid: node of the last of them
 * @nr:		head pages gathered
 * @nr_pages:	the same in pages of PAGE_SIZE
 * @batch:	pages of PAGE_SIZE to gather, and to map at once
 * @batch_max:	what @arrays has room for
 * @arrays:	@batch_max head pages, then @batch_max entries for mapping them
 */
struct heap_clean {
	struct heap_supply *supply;
	unsigned int order;
	unsigned int nr_foreign;
	int foreign_nid;
	unsigned int nr;
	unsigned int nr_pages;
	unsigned int batch;
	unsigned int batch_max;
	struct page *arrays[];
};

static struct page **heap_clean_map(struct heap_clean *clean)
{
	return clean->arrays + clean->batch_max;
}

/**
 * heap_clean_create - prepare for gathering
 * @supply:	the supply
 * @batch_max:	largest batch, in pages of PAGE_SIZE
 * @gfp:	allocation flags
 *
 * Return: what deferred_free_pass.priv has to point to in runs that are not under
 * pressure, or %NULL.
 */
struct heap_clean *heap_clean_create(struct heap_supply *supply,
				     unsigned int batch_max, gfp_t gfp)
{
	struct heap_clean *clean;

	clean = kmalloc(struct_size(clean, arrays, 2 * batch_max), gfp);
	if (!clean)
		return NULL;

	clean->supply = supply;
	clean->order = 0;
	clean->nr_foreign = 0;
	clean->nr = 0;
	clean->nr_pages = 0;
	clean->batch = min(READ_ONCE(supply->batch), batch_max);
	clean->batch_max = batch_max;

	return clean;
}

/**
 * heap_clean_destroy - the opposite of heap_clean_create()
 * @clean:	with nothing gathered
 */
void heap_clean_destroy(struct heap_clean *clean)
{
	kfree(clean);
}

/* Put @nr clean pages back, those of one pool at a time. */
static void heap_clean_put(struct heap_supply *supply, struct page **pages,
			   unsigned int nr)
{
	unsigned int run, order;
	int nid;

	for (; nr; pages += run, nr -= run) {
		order = compound_order(pages[0]);
		nid = page_to_nid(pages[0]);
		for (run = 1; run < nr; run++)
			if (compound_order(pages[run]) != order ||
			    page_to_nid(pages[run]) != nid)
				break;
		heap_pool_put(heap_supply_pool(supply, pages[0], order), pages,
			      run);
	}
}

static void heap_clean_batch(struct heap_clean *clean)
{
	struct heap_supply *supply = clean->supply;
	struct page **pages = clean->arrays;
	unsigned long lost = 0;
	unsigned int done, i;
	u64 start = 0;

	if (trace_dma_heap_zero_enabled())
		start = ktime_get_ns();

	if (clean->nr) {
		done = heap_zero_pages(pages, clean->nr,
				       READ_ONCE(supply->method),
				       heap_clean_map(clean), clean->batch);
		/* What could not be cleared must not be seen by anybody again. */
		for (i = done; i < clean->nr; i++) {
			lost += compound_nr(pages[i]);
			heap_supply_release(supply, pages[i],
					    compound_order(pages[i]));
		}
		heap_clean_put(supply, pages, done);
		atomic_long_add(clean->nr_pages - lost, &supply->zeroed);
		if (lost)
			atomic_long_add(lost, &supply->zero_failed);
		if (start)
			trace_dma_heap_zero(supply->config.name, clean->nr_pages,
					    lost, ktime_get_ns() - start);
	}

	clean->nr = 0;
	clean->nr_pages = 0;
	clean->batch = min(READ_ONCE(supply->batch), clean->batch_max);
}

/*
 * A page with a hardware error is not worth keeping. What becomes of it is up to
 * the page allocator, as without pools.
 */
static bool heap_clean_poisoned(struct page *page, unsigned int order)
{
	unsigned int i;

	if (IS_ENABLED(CONFIG_MEMORY_FAILURE))
		for (i = 0; i < 1U << order; i++)
			if (PageHWPoison(page + i))
				return true;

	return false;
}

static bool heap_clean_wanted(struct heap_clean *clean, struct page *page,
			      unsigned int order)
{
	struct heap_supply *supply = clean->supply;
	unsigned long held;

	if (!heap_pool_owns(page) ||
	    heap_pool_full(heap_supply_pool(supply, page, order)))
		return false;

	/* Who has a reference may still write, after we have cleared it. */
	if (page_count(page) != 1)
		return false;

	held = heap_supply_pooled(supply) + clean->nr_pages + (1UL << order);
	return held <= READ_ONCE(supply->config.pool_pages) &&
	       !heap_clean_poisoned(page, order);
}

static unsigned long heap_clean_free(struct deferred_free_item *item,
				     unsigned long nr_pages,
				     struct deferred_free_pass *run)
{
	struct heap_pages *pages = container_of(item, struct heap_pages, item);
	struct heap_supply *supply = pages->supply;
	struct heap_clean *clean = NULL;
	unsigned long freed = 0, unaccounted = 0;
	int nid = NUMA_NO_NODE;
	struct page *page;
	unsigned int order;

	if (run->reason == DEFERRED_FREE_NORMAL)
		clean = run->priv;

	/* A full batch is cleaned when nobody has to wait for @item. */
	while (freed < nr_pages && (!clean || clean->nr_pages < clean->batch)) {
		page = heap_pages_pop(pages, &order);
		if (!page)
			break;

		if (page_to_nid(page) != nid) {
			if (unaccounted)
				heap_supply_add_queued(supply, nid,
						       -(long)unaccounted);
			unaccounted = 0;
			nid = page_to_nid(page);
		}
		unaccounted += 1UL << order;
		freed += 1UL << order;

		if (clean && heap_clean_wanted(clean, page, order)) {
			clean->arrays[clean->nr++] = page;
			clean->nr_pages += 1U << order;
			continue;
		}

		if (clean && !order && !heap_pool_owns(page)) {
			clean->nr_foreign++;
			clean->foreign_nid = nid;
		}
		heap_supply_release(supply, page, order);
	}

	if (unaccounted)
		heap_supply_add_queued(supply, nid, -(long)unaccounted);

	if (!pages->left) {
		heap_pages_fini(pages);
		supply->config.free_buffer(pages);
	}

	return freed;
}

/*
 * Pages of order 0 come from the page allocator one by one, so that nobody waits
 * for more to be cleared than is needed, and cannot be pooled. Get the pool others
 * in their place.
 */
static void heap_clean_refill(struct heap_clean *clean)
{
	struct heap_supply *supply = clean->supply;
	unsigned long limit = READ_ONCE(supply->config.pool_pages);
	unsigned long held = heap_supply_pooled(supply);
	struct heap_pool *pool;

	pool = supply->pools[clean->foreign_nid][HEAP_NR_ORDERS - 1];
	if (pool && held < limit)
		heap_pool_refill(pool, min3(clean->nr_foreign, REFILL_MAX,
					    limit - held),
				 clean->arrays, 2 * clean->batch_max);
	clean->nr_foreign = 0;
}

static void heap_clean_flush(struct deferred_free_pass *run)
{
	struct heap_clean *clean = run->priv;

	if (run->reason != DEFERRED_FREE_NORMAL)
		return;

	heap_clean_batch(clean);
	if (clean->nr_foreign)
		heap_clean_refill(clean);

	/* Several contexts may have found the same room. */
	heap_supply_trim(clean->supply);
}

/* Whether the oldest buffer has pages of the order a helping task needs. */
static bool heap_clean_accept(const struct deferred_free_item *item,
			      const struct deferred_free_pass *run)
{
	const struct heap_pages *pages = container_of_const(item, struct heap_pages,
							    item);
	const struct heap_clean *clean = run->priv;

	/* Entries are in order of size, so that the next one is the largest. */
	return run->reason != DEFERRED_FREE_NORMAL ||
	       get_order(pages->next->length) == clean->order;
}

const struct deferred_free_ops heap_clean_ops = {
	.free = heap_clean_free,
	.flush = heap_clean_flush,
	.accept = heap_clean_accept,
};

/**
 * heap_clean_help - do some of the helper thread's work
 * @supply:	the supply
 * @order:	order of the pages that are needed
 * @nr_pages:	how much is needed, in pages of PAGE_SIZE
 *
 * For a task that found nothing cached while memory waits to be cleaned: that
 * costs it what clearing new memory would, and the memory is cleared once
 * instead of twice. Does nothing if the oldest buffer has no use for the task.
 *
 * Context: may sleep, allocates.
 * Return: pages of PAGE_SIZE taken off the queue; some may have been given to the
 * page allocator instead of cleaned.
 */
unsigned long heap_clean_help(struct heap_supply *supply, unsigned int order,
			      unsigned long nr_pages)
{
	struct deferred_free_pass run = { .reason = DEFERRED_FREE_NORMAL };
	struct heap_clean *clean;
	unsigned long done;

	clean = heap_clean_create(supply, min(READ_ONCE(supply->batch), nr_pages),
				  GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY);
	if (!clean)
		return 0;

	clean->order = order;
	run.priv = clean;
	done = deferred_free_run(supply->queue, nr_pages, &run);
	atomic_long_add(done, &supply->helped);
	heap_clean_destroy(clean);

	return done;
}
