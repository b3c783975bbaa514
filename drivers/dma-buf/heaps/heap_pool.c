// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A pool of clean pages of one order on one node, kept in a net page_pool
 *
 * The contract is in heap_pool.h. What is cached is counted here, under the lock:
 * page_pool knows the sum of cached and used pages only.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmstat.h>
#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <net/page_pool/helpers.h>

#include "heap_pool.h"
#include "heap_zero.h"

/* What page_pool_create() accepts at most. */
#define RING_MAX	16384
/*
 * A ptr_ring makes consumed slots available again in batches, so that it can be
 * full with this many fewer entries than its size (a batch is 16 slots with
 * cache lines of 64 bytes, 32 with 128).
 */
#define RING_SLACK	32

/* How many pages of PAGE_SIZE are fetched before the lock is dropped. */
#define FETCH_PAGES	(SZ_1M >> PAGE_SHIFT)

/*
 * For what is fetched under the lock: nothing that sleeps or reclaims, none of
 * the reserves, and only memory that can be recycled into this pool later. Like
 * what the heap itself uses for high orders, it does not wake kswapd either.
 */
#define POOL_GFP	((GFP_HIGHUSER | __GFP_NOWARN | __GFP_NORETRY | \
			  __GFP_NOMEMALLOC | __GFP_THISNODE) & ~__GFP_RECLAIM)

/**
 * struct heap_pool - see heap_pool.h
 * @lock:	makes its holder page_pool's one consumer; protects what follows
 *		unless it says otherwise
 * @pp:		where the pages are
 * @order:	of each page; constant
 * @nid:	node of each page; constant
 * @max:	bound for @cached; constant
 * @cached:	clean pages in @pp, also what vmstat knows about; written under
 *		@lock, read without
 * @set_aside:	clean pages that the holder of @lock has taken out for a moment;
 *		as @cached
 * @hits:	see &struct heap_pool_stats, as the following four
 * @fetched:	.
 * @refilled:	.
 * @recycled:	.
 * @released:	.; not protected by @lock
 */
struct heap_pool {
	struct mutex lock;	/* page_pool has one consumer at a time */
	struct page_pool *pp;
	unsigned int order;
	int nid;
	unsigned int max;
	unsigned int cached;
	unsigned int set_aside;

	unsigned long hits;
	unsigned long fetched;
	unsigned long refilled;
	unsigned long recycled;
	atomic_long_t released;
};

static void heap_pool_add_cached(struct heap_pool *pool, long nr)
{
	if (!nr)
		return;

	WRITE_ONCE(pool->cached, pool->cached + nr);
	mod_node_page_state(NODE_DATA(pool->nid), NR_KERNEL_MISC_RECLAIMABLE,
			    nr * (1L << pool->order));
}

/* How many pages page_pool has ever got from the page allocator; wraps. */
static u32 heap_pool_held(const struct heap_pool *pool)
{
	lockdep_assert_held(&pool->lock);

	return pool->pp->pages_state_hold_cnt;
}

/*
 * Return: whether the page is cached now. page_pool releases it instead if
 * somebody who walks over memory happens to hold a reference to it.
 */
static bool heap_pool_recycle(struct heap_pool *pool, struct page *page)
{
	lockdep_assert_held(&pool->lock);

	page_pool_put_full_page(pool->pp, page, true);

	/* Once released, it cannot become a page of this pool under the lock. */
	if (heap_pool_owns(page) && page->pp == pool->pp)
		return true;

	atomic_long_inc(&pool->released);
	return false;
}

VISIBLE_IF_KUNIT struct page *heap_pool_alloc_page(struct heap_pool *pool,
						   gfp_t gfp)
{
	KUNIT_STATIC_STUB_REDIRECT(heap_pool_alloc_page, pool, gfp);

	/* page_pool_alloc_pages() without the call to a call. */
	return netmem_to_page(page_pool_alloc_netmems(pool->pp, gfp));
}
EXPORT_SYMBOL_IF_KUNIT(heap_pool_alloc_page);

/* Inlined, like what follows, for a loop without calls but to page_pool. */
static __always_inline unsigned int
heap_pool_alloc(struct heap_pool *pool, struct scatterlist *sg, unsigned int nr,
		gfp_t gfp)
{
	unsigned int size = PAGE_SIZE << pool->order;
	struct page *page;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		page = heap_pool_alloc_page(pool, gfp);
		if (!page)
			break;
		sg_set_page(sg + i, page, size, 0);
	}

	return i;
}

static __always_inline unsigned int
heap_pool_take_locked(struct heap_pool *pool, struct scatterlist *sg,
		      unsigned int nr)
{
	nr = heap_pool_alloc(pool, sg, min(nr, pool->cached),
			     POOL_GFP | __GFP_ZERO);
	heap_pool_add_cached(pool, -(long)nr);
	pool->hits += nr;

	return nr;
}

/**
 * heap_pool_take - take clean pages out of a pool
 * @pool:	the pool
 * @sg:		entries to set to them, one each
 * @nr:		how many are wanted
 *
 * Never asks the page allocator for anything.
 *
 * Context: may sleep, on a mutex that is held for a short time only.
 * Return: how many were taken; 0 when nothing is cached.
 */
unsigned int heap_pool_take(struct heap_pool *pool, struct scatterlist *sg,
			    unsigned int nr)
{
	/* Whoever fetches holds the lock for longer, and found this to be 0. */
	if (!READ_ONCE(pool->cached))
		return 0;

	mutex_lock(&pool->lock);
	nr = heap_pool_take_locked(pool, sg, nr);
	mutex_unlock(&pool->lock);

	return nr;
}
EXPORT_SYMBOL_IF_KUNIT(heap_pool_take);

/**
 * heap_pool_fetch - get new pages for a pool that has none, and take them
 * @pool:	the pool
 * @sg:		entries to set to them, one each
 * @nr:		how many are wanted
 *
 * The pages are from then on the pool's, and clean. page_pool gets pages of
 * order 0 by the dozen (%PP_ALLOC_CACHE_REFILL of them); those that were not
 * asked for remain cached.
 *
 * Pages of higher orders are cleared after the lock was dropped, unless the page
 * allocator clears every page anyway (init_on_alloc, init_on_free). Those of
 * order 0 have to be clean before that, as some of them may remain.
 *
 * Context: may sleep (to clear), but neither waits for memory nor for another
 * task that is fetching.
 * Return: how many were got; 0 when memory or the lock was not to be had at
 * once, and the caller should ask the page allocator itself.
 */
unsigned int heap_pool_fetch(struct heap_pool *pool, struct scatterlist *sg,
			     unsigned int nr)
{
	gfp_t gfp = pool->order ? POOL_GFP : POOL_GFP | __GFP_ZERO;
	unsigned int got, fresh = 0, i;
	u32 held;

	if (!mutex_trylock(&pool->lock))
		return 0;

	got = heap_pool_take_locked(pool, sg, nr);
	if (!got) {
		held = heap_pool_held(pool);
		nr = min(nr, max(FETCH_PAGES >> pool->order, 1));
		fresh = heap_pool_alloc(pool, sg, nr, gfp);
		/* Fewer are new than came if page_pool had refused to give one. */
		heap_pool_add_cached(pool, (s32)(heap_pool_held(pool) - held -
						 fresh));
		pool->fetched += fresh;
	}
	mutex_unlock(&pool->lock);

	if (pool->order && !want_init_on_alloc(0) && !want_init_on_free()) {
		for (i = 0; i < fresh; i++)
			heap_zero_direct(sg_page(sg + i), pool->order);
	}

	return got + fresh;
}
EXPORT_SYMBOL_IF_KUNIT(heap_pool_fetch);

/**
 * heap_pool_refill - fetch pages to keep
 * @pool:	the pool
 * @nr:		how many
 * @scratch:	space for what is cached and @nr more
 * @size:	entries in @scratch; what does not fit is not fetched
 *
 * For the helper thread, to make up for pages of the page allocator that it was
 * given to free. page_pool gets new pages only once it has handed out all it
 * has, so that is what happens here; meanwhile nothing is cached, and tasks ask
 * the page allocator rather than wait.
 *
 * Context: may sleep, does not wait for memory.
 */
void heap_pool_refill(struct heap_pool *pool, unsigned int nr,
		      struct page **scratch, unsigned int size)
{
	unsigned int cached, kept = 0, got, i;

	mutex_lock(&pool->lock);
	cached = pool->cached;
	nr = min3(nr, pool->max - min(pool->max, cached),
		  size - min(size, cached));
	if (nr) {
		WRITE_ONCE(pool->set_aside, cached);
		heap_pool_add_cached(pool, -(long)cached);
		for (got = 0; got < cached + nr; got++) {
			scratch[got] = heap_pool_alloc_page(pool,
							    POOL_GFP | __GFP_ZERO);
			if (!scratch[got])
				break;
		}
		/* page_pool may have got some more than it was asked for. */
		kept = got < cached ? cached - got : pool->pp->alloc.count;
		for (i = 0; i < got; i++)
			kept += heap_pool_recycle(pool, scratch[i]);
		heap_pool_add_cached(pool, kept);
		WRITE_ONCE(pool->set_aside, 0);
		pool->refilled += kept - min(kept, cached);
	}
	mutex_unlock(&pool->lock);
}
EXPORT_SYMBOL_IF_KUNIT(heap_pool_refill);

/**
 * heap_pool_put - give clean pages back to their pool
 * @pool:	the pool, which must own them
 * @pages:	the pages, all of them clean
 * @nr:		how many
 *
 * What is more than the pool may hold goes to the page allocator.
 *
 * Context: may sleep.
 */
void heap_pool_put(struct heap_pool *pool, struct page **pages, unsigned int nr)
{
	unsigned int keep, kept = 0, i;

	mutex_lock(&pool->lock);
	keep = min(nr, pool->max - min(pool->max, pool->cached));
	for (i = 0; i < keep; i++)
		kept += heap_pool_recycle(pool, pages[i]);
	heap_pool_add_cached(pool, kept);
	pool->recycled += kept;
	mutex_unlock(&pool->lock);

	for (i = keep; i < nr; i++)
		heap_pool_release(pool, pages[i]);
}
EXPORT_SYMBOL_IF_KUNIT(heap_pool_put);

/**
 * heap_pool_owns - whether a page of the heap belongs to one of its pools
 * @page:	head page
 *
 * Return: true if it must go back by heap_pool_put() or heap_pool_release().
 */
bool heap_pool_owns(struct page *page)
{
	return page_pool_page_is_pp(page);
}
EXPORT_SYMBOL_IF_KUNIT(heap_pool_owns);

/**
 * heap_pool_release - give a page to the page allocator instead of its pool
 * @pool:	the pool, which must own @page
 * @page:	head page, clean or not
 *
 * Context: any task context, also in reclaim. Takes no lock.
 */
void heap_pool_release(struct heap_pool *pool, struct page *page)
{
	/*
	 * page_pool releases a page that it is given while somebody else holds
	 * a reference to it. There is no other way out through its interface.
	 */
	get_page(page);
	page_pool_put_full_page(pool->pp, page, false);
	__free_pages(page, pool->order);
	atomic_long_inc(&pool->released);
}
EXPORT_SYMBOL_IF_KUNIT(heap_pool_release);

/**
 * heap_pool_shrink - give cached pages to the page allocator
 * @pool:	the pool
 * @nr:		how many at most
 * @wait:	what to do when somebody else has the lock: wait for it, or nothing
 *
 * Context: any task context, also in reclaim. May sleep if @wait.
 * Return: how many were given; 0 when nothing is cached.
 */
unsigned int heap_pool_shrink(struct heap_pool *pool, unsigned int nr, bool wait)
{
	struct page *page;
	unsigned int i;

	if (!heap_pool_cached(pool))
		return 0;
	if (!mutex_trylock(&pool->lock)) {
		if (!wait)
			return 0;
		mutex_lock(&pool->lock);
	}

	nr = min(nr, pool->cached);
	for (i = 0; i < nr; i++) {
		page = heap_pool_alloc_page(pool, POOL_GFP | __GFP_ZERO);
		if (!page)
			break;
		heap_pool_release(pool, page);
	}
	heap_pool_add_cached(pool, -(long)i);
	mutex_unlock(&pool->lock);

	return i;
}
EXPORT_SYMBOL_IF_KUNIT(heap_pool_shrink);

/**
 * heap_pool_cached - how many clean pages a pool holds
 * @pool:	the pool
 *
 * Return: pages of the pool's order; a snapshot.
 */
unsigned long heap_pool_cached(const struct heap_pool *pool)
{
	return READ_ONCE(pool->cached) + READ_ONCE(pool->set_aside);
}
EXPORT_SYMBOL_IF_KUNIT(heap_pool_cached);

/**
 * heap_pool_full - whether a pool would keep one more page
 * @pool:	the pool
 *
 * Return: true if there is no room; a snapshot.
 */
bool heap_pool_full(const struct heap_pool *pool)
{
	return READ_ONCE(pool->cached) >= pool->max;
}
EXPORT_SYMBOL_IF_KUNIT(heap_pool_full);

/* Pages may be released while this is being worked out. */
static unsigned int heap_pool_inflight(const struct heap_pool *pool)
{
	u32 released = atomic_read(&pool->pp->pages_state_release_cnt);

	return max((s32)(heap_pool_held(pool) - released - pool->cached), 0);
}

/**
 * heap_pool_get_stats - add a pool's figures to @stats
 * @pool:	the pool
 * @stats:	what to add to
 *
 * Context: may sleep.
 */
void heap_pool_get_stats(struct heap_pool *pool, struct heap_pool_stats *stats)
{
	mutex_lock(&pool->lock);
	stats->cached += pool->cached;
	stats->inflight += heap_pool_inflight(pool);
	stats->hits += pool->hits;
	stats->fetched += pool->fetched;
	stats->refilled += pool->refilled;
	stats->recycled += pool->recycled;
	stats->released += atomic_long_read(&pool->released);
	mutex_unlock(&pool->lock);
}
EXPORT_SYMBOL_IF_KUNIT(heap_pool_get_stats);

/**
 * heap_pool_create - make an empty pool
 * @order:	of the pages
 * @nid:	their node
 * @max_pages:	bound for what is cached, in pages of PAGE_SIZE
 *
 * Context: may sleep.
 * Return: the pool, or an ERR_PTR().
 */
struct heap_pool *heap_pool_create(unsigned int order, int nid,
				   unsigned long max_pages)
{
	struct page_pool_params params = {
		.order = order,
		.nid = nid,
	};
	struct heap_pool *pool;
	int err;

	pool = kzalloc_obj(*pool);
	if (!pool)
		return ERR_PTR(-ENOMEM);

	mutex_init(&pool->lock);
	pool->order = order;
	pool->nid = nid;
	pool->max = min(max_pages >> order, RING_MAX - RING_SLACK);

	params.pool_size = pool->max + RING_SLACK;
	pool->pp = page_pool_create(&params);
	if (IS_ERR(pool->pp)) {
		err = PTR_ERR(pool->pp);
		kfree(pool);
		return ERR_PTR(err);
	}

	return pool;
}
EXPORT_SYMBOL_IF_KUNIT(heap_pool_create);

/**
 * heap_pool_destroy - free a pool and what it caches
 * @pool:	the pool; none of its pages may be in use
 *
 * Context: may sleep.
 */
void heap_pool_destroy(struct heap_pool *pool)
{
	/* page_pool frees what it caches. */
	heap_pool_add_cached(pool, -(long)pool->cached);
	page_pool_destroy(pool->pp);
	mutex_destroy(&pool->lock);
	kfree(pool);
}
EXPORT_SYMBOL_IF_KUNIT(heap_pool_destroy);
