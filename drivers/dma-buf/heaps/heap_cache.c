// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Zeroed pages of a heap, cached by node and order, see heap_cache.h
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/nodemask.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmstat.h>
#include <kunit/static_stub.h>
#include <net/page_pool/helpers.h>

#include "heap_cache.h"

/* Sizes that IOMMUs map well, as in system_heap.c. */
const unsigned int heap_orders[HEAP_NR_ORDERS] = { 8, 4, 0 };

/* Entries of a page_pool's ring. STORE_MIN entries take 8 KiB. */
#define STORE_MIN	1024UL
#define STORE_MAX	16384UL

/* Pages to move each time a bin's lock is held; fewer in reclaim, which has little stack. */
#define HOLD_PAGES	64U
#define SHRINK_PAGES	32U

/* Length of a period. Pages count as used for one or two periods. */
#define USED_TICKS	HZ

/* No reclaim, no reserves, and only memory of the bin's node. */
#define BIN_GFP		((GFP_HIGHUSER | __GFP_ZERO | __GFP_NOWARN | \
			  __GFP_NORETRY | __GFP_NOMEMALLOC | \
			  __GFP_THISNODE) & ~__GFP_RECLAIM)

static struct heap_bin *heap_cache_bin(struct heap_cache *cache, struct page *page)
{
	return &cache->bin[page_to_nid(page)][heap_cache_index(page)];
}

static void heap_bin_add(struct heap_cache *cache, struct heap_bin *bin, int nr)
{
	long nr_pages = nr * (1L << bin->order);

	lockdep_assert_held(&bin->lock);
	WRITE_ONCE(bin->cached, bin->cached + nr);
	if (nr < 0)
		bin->ahead -= umin(bin->ahead, -nr);
	atomic_long_add(nr_pages, &cache->nr_pages);
	mod_node_page_state(NODE_DATA(bin->nid), NR_KERNEL_MISC_RECLAIMABLE,
			    nr_pages);
}

/*
 * How many pages a page_pool owns, or, with @spare, how many a bulk allocation has left
 * in it. Outside the tests, only this function reads page_pool's private members.
 * page_pool exports no way to ask for either.
 */
static u32 heap_pp_pages(const struct page_pool *pp, bool spare)
{
	if (spare)
		return pp->alloc.count;

	return pp->pages_state_hold_cnt - atomic_read(&pp->pages_state_release_cnt);
}

/* The caller has checked @cached, so page_pool need not allocate and zero a page. */
static struct page *heap_bin_take_one(struct heap_bin *bin)
{
	KUNIT_STATIC_STUB_REDIRECT(heap_bin_take_one, bin);

	return page_pool_alloc_pages(bin->store, BIN_GFP);
}

/* Whether memory of the node has ever failed. */
static bool heap_node_poisoned(int nid)
{
#ifdef CONFIG_MEMORY_FAILURE
	return READ_ONCE(NODE_DATA(nid)->mf_stats.total);
#else
	return false;
#endif
}

/**
 * heap_cache_poisoned - whether memory of a page has failed
 * @page:	head page
 *
 * Return: true if nobody may use the page again.
 */
bool heap_cache_poisoned(struct page *page)
{
	unsigned int i;

	if (likely(!heap_node_poisoned(page_to_nid(page))))
		return false;

	for (i = 0; i < compound_nr(page); i++)
		if (PageHWPoison(page + i))
			return true;

	return false;
}

/**
 * heap_cache_free_page - free a page to the page allocator
 * @cache:	the cache
 * @page:	head page, in use or zeroed, owned by a bin or not
 *
 * Context: any task context, also in reclaim. Takes no lock of the cache.
 */
void heap_cache_free_page(struct heap_cache *cache, struct page *page)
{
	unsigned int order = compound_order(page);

	/* With init_on_free this zeroes the page, which takes too long under a spinlock. */
	lockdep_assert_not_held(&heap_cache_bin(cache, page)->lock);
	if (heap_cache_owns(page)) {
		/* page_pool releases a page that comes with a second reference. */
		get_page(page);
		page_pool_put_full_page(heap_cache_bin(cache, page)->source, page,
					false);
	}
	/* The page allocator retires a poisoned page only if its order is 0. */
	if (order && heap_cache_poisoned(page))
		return;

	__free_pages(page, order);
}

/* The most pages that were in use at one time lately. */
static unsigned int heap_bin_used(const struct heap_bin *bin)
{
	if (jiffies - READ_ONCE(bin->since) > 2 * USED_TICKS)
		return 0;

	return max(READ_ONCE(bin->used), READ_ONCE(bin->used_before));
}

/*
 * Record that @nr pages were just taken or missed. Pages count as used if they are
 * taken from the cache, or missed soon after they were freed for reclaim or the limit.
 * Pages of the first buffers of a size start out idle.
 */
static void heap_bin_note_use(struct heap_bin *bin, unsigned int nr)
{
	unsigned int left = bin->cached + bin->reclaimed;
	unsigned long age = jiffies - bin->since;

	if (age > USED_TICKS) {
		WRITE_ONCE(bin->used_before,
			   age > 2 * USED_TICKS ? 0 : bin->used);
		WRITE_ONCE(bin->used, 0);
		bin->peak = left + nr;
		WRITE_ONCE(bin->since, jiffies);
	}
	WRITE_ONCE(bin->used, max(bin->used, bin->peak - left));
}

/* Free poisoned pages and close the gaps. Returns how many of @nr are left. */
static unsigned int heap_cache_drop_poisoned(struct heap_cache *cache,
					     struct scatterlist *sg,
					     unsigned int nr)
{
	unsigned int i, left = 0;

	for (i = 0; i < nr; i++) {
		if (heap_cache_poisoned(sg_page(sg + i)))
			heap_cache_free_page(cache, sg_page(sg + i));
		else
			sg_set_page(sg + left++, sg_page(sg + i), sg->length, 0);
	}

	return left;
}

/**
 * heap_cache_take - take cached pages
 * @cache:	the cache
 * @nid:	the node
 * @i:		index into heap_orders
 * @sg:		entries to set to the pages
 * @nr:		how many at most; a call may take fewer than are cached
 *
 * Context: process context. Never allocates. Sleeps only on PREEMPT_RT.
 * Return: how many were taken; 0 when nothing is cached.
 */
unsigned int heap_cache_take(struct heap_cache *cache, int nid, unsigned int i,
			     struct scatterlist *sg, unsigned int nr)
{
	struct heap_bin *bin = &cache->bin[nid][i];
	unsigned int size = PAGE_SIZE << bin->order, taken;
	struct page *page;

	if (!READ_ONCE(bin->cached))
		return 0;

	spin_lock(&bin->lock);
	nr = min3(nr, bin->cached, HOLD_PAGES);
	for (taken = 0; taken < nr; taken++) {
		page = heap_bin_take_one(bin);
		if (!page)
			break;
		sg_set_page(sg + taken, page, size, 0);
	}
	heap_bin_add(cache, bin, -(int)taken);
	heap_bin_note_use(bin, taken);
	spin_unlock(&bin->lock);

	if (unlikely(heap_node_poisoned(nid)))
		taken = heap_cache_drop_poisoned(cache, sg, taken);

	return taken;
}

/**
 * heap_cache_missed - record that pages were not cached when they were needed
 * @cache:	the cache
 * @nid:	the node
 * @i:		index into heap_orders
 * @nr:		how many
 */
void heap_cache_missed(struct heap_cache *cache, int nid, unsigned int i,
		       unsigned int nr)
{
	struct heap_bin *bin = &cache->bin[nid][i];

	if (!READ_ONCE(bin->reclaimed))
		return;

	guard(spinlock)(&bin->lock);
	if (jiffies - bin->reclaimed_at > USED_TICKS) {
		WRITE_ONCE(bin->reclaimed, 0);
		bin->peak = max(bin->cached, bin->used);
		return;
	}
	nr = min(nr, bin->reclaimed);
	WRITE_ONCE(bin->reclaimed, bin->reclaimed - nr);
	heap_bin_note_use(bin, nr);
}

/* Pages freed by reclaim or for the limit count as if they were still cached. */
static void heap_bin_add_reclaimed(struct heap_bin *bin, unsigned int nr)
{
	WRITE_ONCE(bin->reclaimed, umin(bin->reclaimed + nr, STORE_MAX));
	bin->reclaimed_at = jiffies;
	bin->peak = max(bin->peak, bin->cached + bin->reclaimed);
}

/**
 * heap_cache_reclaimed - record that reclaim is freeing a queued page
 * @cache:	the cache
 * @page:	head page, not freed yet
 */
void heap_cache_reclaimed(struct heap_cache *cache, struct page *page)
{
	struct heap_bin *bin = heap_cache_bin(cache, page);

	guard(spinlock)(&bin->lock);
	heap_bin_add_reclaimed(bin, 1);
}

/**
 * heap_cache_put - cache a zeroed page
 * @cache:	the cache
 * @page:	head page
 *
 * A page that no bin owns, or for which the page_pool has no room, is freed. The caller
 * enforces the limit.
 *
 * Context: process context. Sleeps only on PREEMPT_RT.
 */
void heap_cache_put(struct heap_cache *cache, struct page *page)
{
	struct heap_bin *bin = heap_cache_bin(cache, page);
	u32 owned;

	if (!heap_cache_owns(page) || READ_ONCE(bin->cached) >= STORE_MAX) {
		heap_cache_free_page(cache, page);
		return;
	}

	guard(spinlock_bh)(&bin->lock);
	owned = heap_pp_pages(bin->store, false);
	page_pool_put_full_page(bin->store, page, true);
	/* page_pool releases a page that somebody else holds. */
	if (owned != heap_pp_pages(bin->store, false))
		return;
	heap_bin_add(cache, bin, 1);
	bin->peak = max(bin->peak, bin->cached + bin->reclaimed);
}

static unsigned long heap_bin_shrink(struct heap_cache *cache, struct heap_bin *bin,
				     unsigned long nr_pages)
{
	struct page *pages[SHRINK_PAGES];
	unsigned long done = 0;
	unsigned int n, i;

	while (done < nr_pages && READ_ONCE(bin->cached)) {
		spin_lock(&bin->lock);
		for (n = 0; done < nr_pages && n < min(bin->cached, SHRINK_PAGES); n++) {
			pages[n] = heap_bin_take_one(bin);
			if (!pages[n])
				break;
			done += 1UL << bin->order;
		}
		heap_bin_add(cache, bin, -(int)n);
		heap_bin_add_reclaimed(bin, n);
		spin_unlock(&bin->lock);
		if (!n)
			break;
		for (i = 0; i < n; i++)
			heap_cache_free_page(cache, pages[i]);
		cond_resched();
	}

	return done;
}

static long heap_cache_excess(const struct heap_cache *cache)
{
	return atomic_long_read(&cache->nr_pages) - READ_ONCE(cache->limit);
}

static bool heap_bin_create_pools(struct heap_bin *bin)
{
	struct page_pool_params params = {
		.order = bin->order,
		.nid = bin->nid,
		.pool_size = 1,
	};
	struct page_pool *source, *store;

	if (bin->source)
		return true;

	source = page_pool_create(&params);
	if (IS_ERR(source))
		return false;
	/* A store needs no more slots than the node has pages of this order. */
	params.pool_size = clamp(node_present_pages(bin->nid) >> bin->order,
				 STORE_MIN, STORE_MAX);
	store = page_pool_create(&params);
	if (IS_ERR(store)) {
		page_pool_destroy(source);
		return false;
	}

	guard(spinlock)(&bin->lock);
	bin->source = source;
	bin->store = store;

	return true;
}

/**
 * heap_cache_fetch - cache a new page from the page allocator
 * @cache:	the cache
 * @nid:	the node
 * @i:		index into heap_orders
 *
 * page_pool allocates single pages in bulk. The first page is cached. Further pages are
 * cached while the limit has room, and each saves a later call. The rest are freed.
 * None stays in the source, where reclaim cannot find it.
 *
 * Context: the heap's thread only. May sleep.
 */
void heap_cache_fetch(struct heap_cache *cache, int nid, unsigned int i)
{
	struct heap_bin *bin = &cache->bin[nid][i];
	struct page *page;
	bool due = true;

	scoped_guard(spinlock, &bin->lock) {
		if (bin->ahead) {
			bin->ahead--;
			return;
		}
	}
	if (!heap_bin_create_pools(bin))
		return;

	do {
		page = page_pool_alloc_pages(bin->source, BIN_GFP);
		if (!page)
			return;
		if (due || heap_cache_excess(cache) < 0) {
			heap_cache_put(cache, page);
			guard(spinlock)(&bin->lock);
			bin->ahead += !due;
		} else {
			heap_cache_free_page(cache, page);
		}
		due = false;
	} while (heap_pp_pages(bin->source, true));
}

/* Cached pages that nobody has used for a while, in base pages. */
static unsigned long heap_bin_idle(const struct heap_bin *bin)
{
	unsigned int used = heap_bin_used(bin), cached = READ_ONCE(bin->cached);

	return (unsigned long)(cached - min(cached, used)) << bin->order;
}

static unsigned long heap_bin_pages(const struct heap_bin *bin)
{
	return (unsigned long)READ_ONCE(bin->cached) << bin->order;
}

/**
 * heap_cache_count - how much memory of a node is cached
 * @cache:	the cache
 * @nid:	the node
 * @count:	set to base pages; a snapshot
 */
void heap_cache_count(const struct heap_cache *cache, int nid,
		      struct heap_count *count)
{
	const struct heap_bin *bin = cache->bin[nid];
	unsigned long cached, used;
	unsigned int i;

	memset(count, 0, sizeof(*count));
	for (i = 0; i < HEAP_NR_ORDERS; i++, bin++) {
		cached = heap_bin_pages(bin);
		used = (unsigned long)heap_bin_used(bin) << bin->order;
		count->idle += cached - min(cached, used);
		count->used += min(cached, used);
		count->lacking += used - min(cached, used);
	}
}

static unsigned long heap_cache_pages(const struct heap_cache *cache, int nid)
{
	struct heap_count count;

	heap_cache_count(cache, nid, &count);

	return count.idle + count.used;
}

/**
 * heap_cache_shrink - free a node's cached pages, smallest first
 * @cache:	the cache
 * @nid:	the node
 * @nr_pages:	how many base pages; rounded up to a whole page of an order
 * @used:	whether to free pages that were used lately, too
 *
 * Context: any task context, also in reclaim. Never allocates.
 * Return: base pages freed.
 */
unsigned long heap_cache_shrink(struct heap_cache *cache, int nid,
				unsigned long nr_pages, bool used)
{
	struct heap_bin *bin = &cache->bin[nid][HEAP_NR_ORDERS];
	unsigned long freed = 0, nr;

	while (bin-- > cache->bin[nid] && freed < nr_pages) {
		nr = nr_pages - freed;
		if (!used)
			nr = min(nr, heap_bin_idle(bin));
		freed += heap_bin_shrink(cache, bin, nr);
	}

	return freed;
}

/**
 * heap_cache_make_room - make room for a page within the limit
 * @cache:	the cache
 * @page:	head page that is in use
 * @pending:	base pages that the thread is about to cache
 *
 * At the limit this frees pages of other nodes beyond their share, then smaller pages
 * of the node, then larger ones that are idle.
 *
 * Context: the heap's thread only.
 * Return: whether there is room.
 */
bool heap_cache_make_room(struct heap_cache *cache, struct page *page,
			  unsigned long pending)
{
	unsigned long nr_pages = pending + compound_nr(page);
	unsigned long share = READ_ONCE(cache->limit) / num_node_state(N_MEMORY);
	unsigned int i = heap_cache_index(page), j;
	int nid = page_to_nid(page), other;
	struct heap_bin *bins = cache->bin[nid];
	unsigned long less[HEAP_NR_ORDERS], theirs, bulk = 0;
	long excess, worth_less = 0;

	/* The page_pool has no slot, however much the limit allows. */
	if (READ_ONCE(bins[i].cached) >= STORE_MAX)
		return false;
	excess = heap_cache_excess(cache) + nr_pages;
	if (excess <= 0)
		return true;

	for (j = 0; j < HEAP_NR_ORDERS; j++) {
		less[j] = j < i ? heap_bin_idle(&bins[j]) :
			  j > i ? heap_bin_pages(&bins[j]) : 0;
		worth_less += less[j];
	}
	/* The fetch that replaces this page allocates in bulk: make room for all its pages. */
	if (!heap_orders[i] && !heap_cache_owns(page))
		bulk = PP_ALLOC_CACHE_REFILL - 1;
	/* First free cached pages of other nodes beyond their share. */
	for_each_node_state(other, N_MEMORY) {
		if (excess <= 0 || heap_cache_pages(cache, nid) + nr_pages > share)
			break;
		theirs = heap_cache_pages(cache, other);
		if (other != nid && theirs > share)
			excess -= heap_cache_shrink(cache, other,
						    umin(excess + bulk, theirs - share),
						    true);
	}
	if (worth_less < excess)
		return false;
	while (j-- && excess > 0)
		excess -= heap_bin_shrink(cache, &bins[j], umin(excess, less[j]));

	return excess <= 0;
}

/**
 * heap_cache_trim - free cached pages beyond the limit, smallest first
 * @cache:	the cache
 *
 * Context: may sleep.
 */
void heap_cache_trim(struct heap_cache *cache)
{
	unsigned long share = READ_ONCE(cache->limit) / num_node_state(N_MEMORY);
	unsigned long theirs, nr;
	long excess;
	int nid;

	for_each_node_state(nid, N_MEMORY) {
		do {
			excess = heap_cache_excess(cache);
			theirs = heap_cache_pages(cache, nid);
			if (excess <= 0 || theirs <= share)
				break;
			/* Free a little at a time, as another task may trim, too. */
			nr = umin(umin(excess, theirs - share), SZ_4M >> PAGE_SHIFT);
		} while (heap_cache_shrink(cache, nid, nr, true));
	}
}

/**
 * heap_cache_inflight - how many pages of a bin are in use or wait to be zeroed
 * @bin:	the bin
 *
 * Return: pages of the bin's order.
 */
unsigned int heap_cache_inflight(struct heap_bin *bin)
{
	guard(spinlock)(&bin->lock);

	/* Pages that @store released count as released there, not in @source. */
	return bin->source ? heap_pp_pages(bin->source, false) +
			     heap_pp_pages(bin->store, false) - bin->cached : 0;
}

/**
 * heap_cache_create - make an empty cache with a limit of 0
 *
 * Context: may sleep.
 * Return: the cache, or %NULL.
 */
struct heap_cache *heap_cache_create(void)
{
	struct heap_cache *cache;
	struct heap_bin *bin;
	unsigned int i;
	int nid;

	cache = kzalloc(struct_size(cache, bin, nr_node_ids), GFP_KERNEL);
	if (!cache)
		return NULL;

	for (nid = 0; nid < nr_node_ids; nid++) {
		for (i = 0; i < HEAP_NR_ORDERS; i++) {
			bin = &cache->bin[nid][i];
			spin_lock_init(&bin->lock);
			bin->order = heap_orders[i];
			bin->nid = nid;
		}
	}

	return cache;
}

#ifdef CONFIG_DMABUF_HEAPS_KUNIT_TEST
#include "tests/heap_cache_kunit.c"
#endif
