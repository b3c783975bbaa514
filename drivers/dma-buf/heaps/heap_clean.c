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

/* How many pages are taken off the queue at a time, under its lock. */
#define TAKE_MAX	32

#define ANY_ORDER	UINT_MAX

/**
 * struct heap_taken - pages that one context has just taken off the queue
 * @supply:	whose pages they are
 * @order:	only of this order, or %ANY_ORDER
 * @room:	for so many pages of PAGE_SIZE
 * @nr:		head pages taken
 * @pages:	the pages
 */
struct heap_taken {
	struct heap_supply *supply;
	unsigned int order;
	unsigned long room;
	unsigned int nr;
	struct page *pages[TAKE_MAX];
};

/**
 * struct heap_clean - pages gathered by one context to be cleared together
 * @taken:	what has been taken, and not looked at yet
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
	struct heap_taken taken;
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

static struct heap_clean *heap_clean_of(struct deferred_free_pass *run)
{
	return container_of((struct heap_taken *)run->priv, struct heap_clean,
			    taken);
}

/**
 * heap_clean_create - prepare for gathering
 * @supply:	the supply
 * @batch_max:	largest batch, in pages of PAGE_SIZE
 * @gfp:	allocation flags
 *
 * Return: what to pass to heap_clean_priv(), or %NULL.
 */
struct heap_clean *heap_clean_create(struct heap_supply *supply,
				     unsigned int batch_max, gfp_t gfp)
{
	struct heap_clean *clean;

	clean = kmalloc(struct_size(clean, arrays, 2 * batch_max), gfp);
	if (!clean)
		return NULL;

	clean->taken.supply = supply;
	clean->taken.order = ANY_ORDER;
	clean->taken.nr = 0;
	clean->nr_foreign = 0;
	clean->nr = 0;
	clean->nr_pages = 0;
	clean->batch = min(READ_ONCE(supply->batch), batch_max);
	clean->batch_max = batch_max;
	clean->taken.room = clean->batch;

	return clean;
}

/**
 * heap_clean_priv - the &deferred_free_pass.priv of runs that gather and clear
 * @clean:	from heap_clean_create()
 *
 * Return: the pointer to set it to.
 */
void *heap_clean_priv(struct heap_clean *clean)
{
	return &clean->taken;
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
	struct heap_supply *supply = clean->taken.supply;
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
	clean->taken.room = clean->batch;
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
	struct heap_supply *supply = clean->taken.supply;
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

static unsigned long heap_clean_take(struct deferred_free_item *item,
				     unsigned long nr_pages,
				     struct deferred_free_pass *run)
{
	struct heap_pages *pages = container_of(item, struct heap_pages, item);
	struct heap_taken *taken = run->priv;
	unsigned long done = 0;
	unsigned int order;
	struct page *page;

	/* Entries are in order of size, so that the next one is the largest. */
	if (taken->order != ANY_ORDER &&
	    get_order(pages->next->length) != taken->order)
		return 0;

	nr_pages = min(nr_pages, taken->room);
	while (done < nr_pages && taken->nr < TAKE_MAX) {
		page = heap_pages_pop(pages, &order);
		if (!page)
			break;
		taken->pages[taken->nr++] = page;
		done += 1UL << order;
	}

	return done;
}

static void heap_clean_unaccount(const struct heap_taken *taken)
{
	int nid = page_to_nid(taken->pages[0]);
	long nr_pages = 0;
	unsigned int i;

	for (i = 0; i < taken->nr; i++) {
		if (page_to_nid(taken->pages[i]) != nid) {
			heap_supply_add_queued(taken->supply, nid, -nr_pages);
			nid = page_to_nid(taken->pages[i]);
			nr_pages = 0;
		}
		nr_pages += compound_nr(taken->pages[i]);
	}
	heap_supply_add_queued(taken->supply, nid, -nr_pages);
}

/* Gather for the batch what can be kept, release the rest. */
static void heap_clean_gather(struct heap_clean *clean)
{
	const struct heap_taken *taken = &clean->taken;
	unsigned int i, order;
	struct page *page;

	for (i = 0; i < taken->nr; i++) {
		page = taken->pages[i];
		order = compound_order(page);
		if (heap_clean_wanted(clean, page, order)) {
			clean->arrays[clean->nr++] = page;
			clean->nr_pages += 1U << order;
			continue;
		}

		if (!order && !heap_pool_owns(page)) {
			clean->nr_foreign++;
			clean->foreign_nid = page_to_nid(page);
		}
		heap_supply_release(taken->supply, page, order);
	}
}

/*
 * Pages of order 0 come from the page allocator one by one, so that nobody waits
 * for more to be cleared than is needed, and cannot be pooled. Get the pool others
 * in their place.
 */
static void heap_clean_refill(struct heap_clean *clean)
{
	struct heap_supply *supply = clean->taken.supply;
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

static void heap_clean_dispose(struct deferred_free_pass *run, bool last)
{
	struct heap_taken *taken = run->priv;
	struct heap_clean *clean;
	unsigned int i;

	if (taken->nr)
		heap_clean_unaccount(taken);

	if (run->reason == DEFERRED_FREE_PRESSURE) {
		for (i = 0; i < taken->nr; i++)
			heap_supply_release(taken->supply, taken->pages[i],
					    compound_order(taken->pages[i]));
		taken->nr = 0;
		return;
	}

	clean = heap_clean_of(run);
	heap_clean_gather(clean);
	taken->nr = 0;
	taken->room = clean->batch - min(clean->batch, clean->nr_pages);
	if (taken->room && !last)
		return;

	heap_clean_batch(clean);
	if (clean->nr_foreign)
		heap_clean_refill(clean);

	/* Several contexts may have found the same room. */
	heap_supply_trim(taken->supply);
}

static void heap_clean_release(struct deferred_free_item *item)
{
	struct heap_pages *pages = container_of(item, struct heap_pages, item);

	heap_pages_fini(pages);
	pages->supply->config.free_buffer(pages);
}

const struct deferred_free_ops heap_clean_ops = {
	.take = heap_clean_take,
	.dispose = heap_clean_dispose,
	.release = heap_clean_release,
};

/**
 * heap_clean_evict - give queued pages to the page allocator, uncleared
 * @supply:	the supply
 * @nr_pages:	how many, in pages of PAGE_SIZE
 *
 * Context: any task context, also in reclaim.
 * Return: pages of PAGE_SIZE given; 0 when none wait.
 */
unsigned long heap_clean_evict(struct heap_supply *supply, unsigned long nr_pages)
{
	struct heap_taken taken = {
		.supply = supply,
		.order = ANY_ORDER,
		.room = ULONG_MAX,
	};
	struct deferred_free_pass run = {
		.reason = DEFERRED_FREE_PRESSURE,
		.priv = &taken,
	};

	return deferred_free_run(supply->queue, nr_pages, &run);
}

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

	clean->taken.order = order;
	run.priv = heap_clean_priv(clean);
	done = deferred_free_run(supply->queue, nr_pages, &run);
	atomic_long_add(done, &supply->helped);
	heap_clean_destroy(clean);

	return done;
}
