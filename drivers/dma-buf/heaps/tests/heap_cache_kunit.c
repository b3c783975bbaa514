// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of the cache: each cached page is zeroed, unshared and counted, and the
 * pages that are worth least make room
 */
#include "heap_kunit.h"

static const struct cache_param {
	const char *desc;
	unsigned int i;
	unsigned int nr;	/* pages a test works with */
} cache_params[] = {
	{ "order 8", LARGES, 6 },
	{ "order 4", MEDIUMS, 20 },
	/* More pages than page_pool fetches, or than are moved under the lock, at a time */
	{ "order 0", SMALLS, PP_ALLOC_CACHE_REFILL + 36 },
};

KUNIT_ARRAY_PARAM_DESC(cache, cache_params, desc);

/* Pages that the test has taken. */
#define MAX_PAGES	256
static struct scatterlist sgs[MAX_PAGES];
static struct page *pages[MAX_PAGES];

/* The bin on the task's node. */
static struct heap_bin *test_bin(unsigned int i)
{
	return &heap_test.cache->bin[heap_test.nid][i];
}

static void fetch(unsigned int i, unsigned int nr)
{
	heap_test_fetch(heap_test.nid, i, nr);
}

static void take(struct kunit *test, unsigned int i, unsigned int nr)
{
	unsigned int n, taken = 0;

	/* If @nr is 0, ask for one page and expect none. */
	do {
		n = heap_cache_take(heap_test.cache, heap_test.nid, i, sgs + taken,
				    nr - taken ?: 1);
		taken += n;
	} while (n && taken < nr);
	KUNIT_ASSERT_EQ(test, nr, taken);
	for (n = 0; n < nr; n++)
		pages[n] = sg_page(sgs + n);
}

static void put(unsigned int nr)
{
	unsigned int n;

	for (n = 0; n < nr; n++)
		heap_cache_put(heap_test.cache, pages[n]);
}

static void take_and_put(struct kunit *test, unsigned int i, unsigned int nr)
{
	take(test, i, nr);
	put(nr);
}

static unsigned long shrink(unsigned long nr_pages, bool used)
{
	return heap_cache_shrink(heap_test.cache, heap_test.nid, nr_pages, used);
}

/* Expect @cached pages of the order, and none in another bin. */
static void expect_bin(struct kunit *test, unsigned int i, unsigned int cached,
		       unsigned int inflight)
{
	KUNIT_EXPECT_EQ(test, cached, test_bin(i)->cached);
	KUNIT_EXPECT_EQ(test, inflight, heap_cache_inflight(test_bin(i)));
	heap_test_expect(test, 0, (unsigned long)cached << heap_orders[i]);
}

static void expect_bins(struct kunit *test, unsigned int larges,
			unsigned int mediums, unsigned int smalls)
{
	KUNIT_EXPECT_EQ(test, larges, test_bin(LARGES)->cached);
	KUNIT_EXPECT_EQ(test, mediums, test_bin(MEDIUMS)->cached);
	KUNIT_EXPECT_EQ(test, smalls, test_bin(SMALLS)->cached);
}

/* Fetched pages are cached, zeroed, and taken once. Pages that were put back are taken again. */
static void test_fetch(struct kunit *test)
{
	const struct cache_param *param = test->param_value;
	unsigned int i = param->i, order = heap_orders[i], n, j;
	unsigned int all = order ? param->nr : round_up(param->nr, HEAP_TEST_BULK);

	take(test, i, 0);
	KUNIT_EXPECT_EQ(test, 0UL, shrink(1, true));
	expect_bin(test, i, 0, 0);

	/* Leave dirty pages for the page allocator to hand out next. */
	for (n = 0; n < param->nr; n++) {
		pages[n] = heap_test_page(test, heap_test.nid, i);
		heap_test_dirty(pages[n]);
	}
	while (n--)
		put_page(pages[n]);
	fetch(i, param->nr);
	/* No page is left in the source, even of order 0. */
	expect_bin(test, i, all, 0);
	take_and_put(test, i, 2);
	expect_bin(test, i, all, 0);
	take(test, i, all);
	expect_bin(test, i, 0, all);
	for (n = 0; n < all; n++) {
		KUNIT_EXPECT_EQ(test, sgs[n].length, PAGE_SIZE << order);
		KUNIT_EXPECT_TRUE(test, heap_cache_owns(pages[n]));
		KUNIT_EXPECT_EQ(test, order, compound_order(pages[n]));
		KUNIT_EXPECT_EQ(test, heap_test.nid, page_to_nid(pages[n]));
		KUNIT_EXPECT_EQ(test, 1, page_count(pages[n]));
		KUNIT_EXPECT_TRUE(test, heap_test_is_zero(pages[n]));
		for (j = 0; j < n; j++)
			KUNIT_EXPECT_PTR_NE(test, pages[j], pages[n]);
	}
	put(all);
	expect_bin(test, i, all, 0);
}

/* Of the pages of a bulk allocation, only those that the limit allows are cached. */
static void test_fetch_limit(struct kunit *test)
{
	heap_test.cache->limit = HEAP_TEST_BULK / 2 + 1;
	fetch(SMALLS, 1);
	expect_bin(test, SMALLS, heap_test.cache->limit, 0);
}

/* A page that somebody else holds belongs to no bin after it was put or freed. */
static void test_held(struct kunit *test)
{
	const struct cache_param *param = test->param_value;
	unsigned int i = param->i, left, n;

	fetch(i, 3);
	take(test, i, 3);
	left = test_bin(i)->cached;
	get_page(pages[0]);
	get_page(pages[1]);
	heap_cache_free_page(heap_test.cache, pages[0]);
	heap_cache_put(heap_test.cache, pages[1]);
	heap_cache_put(heap_test.cache, pages[2]);
	for (n = 0; n < 2; n++) {
		KUNIT_EXPECT_FALSE(test, heap_cache_owns(pages[n]));
		KUNIT_EXPECT_EQ(test, 1, page_count(pages[n]));
		put_page(pages[n]);
	}
	expect_bin(test, i, left + 1, 0);
}

/* A poisoned page is not handed out. The page allocator gets it only if its order is 0. */
static void test_poisoned(struct kunit *test)
{
	const struct cache_param *param = test->param_value;
	unsigned int i = param->i, order = heap_orders[i], n;
	struct page *page, *poisoned;

	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");

	fetch(i, 4);
	take(test, i, 4);
	shrink(ULONG_MAX, true);
	page = pages[1];
	poisoned = page + compound_nr(page) - 1;
	put(4);
	heap_test_poison(poisoned, true);
	/* Hold the page, so that the test can look at it afterwards. */
	get_page(page);
	KUNIT_EXPECT_EQ(test, 3U, heap_cache_take(heap_test.cache, heap_test.nid, i,
						  sgs, MAX_PAGES));
	KUNIT_EXPECT_FALSE(test, heap_cache_owns(page));
	KUNIT_EXPECT_EQ(test, order ? 2 : 1, page_count(page));
	heap_test_poison(poisoned, false);
	if (page_count(page) == 2)
		put_page(page);
	put_page(page);

	for (n = 0; n < 3; n++) {
		KUNIT_EXPECT_PTR_NE(test, page, sg_page(sgs + n));
		heap_cache_free_page(heap_test.cache, sg_page(sgs + n));
	}
	expect_bin(test, i, 0, 0);
}

/* The store has room for STORE_MAX pages. Further ones are freed. */
static void test_full(struct kunit *test)
{
	struct heap_bin *bin = test_bin(SMALLS);
	struct page *page;

	heap_test.cache->limit = SZ_128M >> PAGE_SHIFT;
	fetch(SMALLS, 100);
	if (PAGE_SIZE > SZ_4K)
		kunit_skip(test, "too much memory");
	fetch(SMALLS, STORE_MAX);
	take_and_put(test, SMALLS, 100);
	fetch(SMALLS, 100);
	/* Nothing was released for want of room in the page_pool. */
	KUNIT_EXPECT_EQ(test, 0U, heap_pp_pages(bin->store, false));
	expect_bin(test, SMALLS, STORE_MAX, 0);
	/* A full bin has no room, so the thread zeroes no page in vain. */
	page = alloc_pages_node(heap_test.nid, GFP_KERNEL, 0);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_FALSE(test, heap_cache_make_room(heap_test.cache, page, 0));
	__free_page(page);
}

static struct page *take_nothing(struct heap_bin *bin)
{
	return NULL;
}

/* The page_pool has fewer pages than the bin counts. */
static void test_take_fails(struct kunit *test)
{
	fetch(LARGES, 2);
	kunit_activate_static_stub(test, heap_bin_take_one, take_nothing);
	take(test, LARGES, 0);
	KUNIT_EXPECT_EQ(test, 0UL, shrink(1, true));
	kunit_deactivate_static_stub(test, heap_bin_take_one);
	expect_bin(test, LARGES, 2, 0);
}

/* Set the start of the bin's current period to @ticks ago. */
static void age(unsigned int i, unsigned long ticks)
{
	test_bin(i)->since = jiffies - ticks;
}

static void expect_used(struct kunit *test, unsigned int i, unsigned int used)
{
	KUNIT_EXPECT_EQ(test, used, heap_bin_used(test_bin(i)));
}

/* For a while, the most pages taken at one time count as used. */
static void test_used(struct kunit *test)
{
	const struct cache_param *param = test->param_value;
	unsigned int i = param->i, order = heap_orders[i];

	fetch(i, 6);
	expect_used(test, i, 0);
	shrink((test_bin(i)->cached - 6UL) << order, false);
	take(test, i, 3);
	age(i, 0);
	expect_used(test, i, 3);
	put(3);
	take_and_put(test, i, 2);
	expect_used(test, i, 3);
	KUNIT_EXPECT_EQ(test, 1UL << order, shrink(1, false));
	KUNIT_EXPECT_EQ(test, 2UL << order, shrink(ULONG_MAX, false));
	expect_bin(test, i, 3, 0);

	/* The previous period counts as well. Freed pages do not count as taken. */
	age(i, USED_TICKS + 1);
	take_and_put(test, i, 1);
	expect_used(test, i, 3);
	KUNIT_EXPECT_EQ(test, 0UL, shrink(ULONG_MAX, false));
	age(i, USED_TICKS + 1);
	take_and_put(test, i, 1);
	expect_used(test, i, 1);
	KUNIT_EXPECT_EQ(test, 2UL << order, shrink(ULONG_MAX, false));
	take_and_put(test, i, 1);
	expect_used(test, i, 1);

	age(i, 2 * USED_TICKS + 1);
	expect_used(test, i, 0);
	KUNIT_EXPECT_EQ(test, 1UL << order, shrink(ULONG_MAX, false));

	/* Pages taken before the previous period do not count. */
	fetch(i, 2);
	take_and_put(test, i, 2);
	age(i, 2 * USED_TICKS + 1);
	take_and_put(test, i, 1);
	expect_used(test, i, 1);
	fetch(i, 2);
	take(test, i, 3);
	expect_used(test, i, 3);
	put(3);
}

/* Reclaim and a lower limit free the smallest pages first. */
static void test_smallest_first(struct kunit *test)
{
	struct heap_cache *cache = heap_test.cache;
	unsigned int smalls;

	fetch(LARGES, 2);
	fetch(MEDIUMS, 2);
	fetch(SMALLS, 2);
	smalls = test_bin(SMALLS)->cached;
	heap_cache_trim(cache);
	shrink(1, true);
	expect_bins(test, 2, 2, smalls - 1);
	cache->limit = 2 * LARGE + 2 * MEDIUM + 1;
	heap_cache_trim(cache);
	expect_bins(test, 2, 2, 1);
	shrink(2, true);
	expect_bins(test, 2, 1, 0);
	cache->limit = LARGE + MEDIUM;
	heap_cache_trim(cache);
	expect_bins(test, 1, 0, 0);
	cache->limit = 0;
	heap_cache_trim(cache);
	heap_test_expect(test, 0, 0);
}

static bool make_room(struct kunit *test, unsigned int i, unsigned long pending)
{
	struct page *page = heap_test_page(test, heap_test.nid, i);
	bool room = heap_cache_make_room(heap_test.cache, page, pending);

	put_page(page);

	return room;
}

static void test_make_room(struct kunit *test)
{
	struct heap_cache *cache = heap_test.cache;

	/* The limit includes pages that are about to be cached. */
	cache->limit = 2 * LARGE;
	KUNIT_EXPECT_TRUE(test, make_room(test, LARGES, LARGE));
	KUNIT_EXPECT_FALSE(test, make_room(test, LARGES, LARGE + 1));

	/* Just enough smaller pages make room for larger ones, smallest first. */
	fetch(MEDIUMS, 2);
	fetch(SMALLS, 4);
	shrink(test_bin(SMALLS)->cached - 4, true);
	cache->limit = LARGE - 1;
	KUNIT_EXPECT_FALSE(test, make_room(test, LARGES, 0));
	expect_bins(test, 0, 2, 4);
	cache->limit = LARGE + 2 * MEDIUM + 1;
	KUNIT_EXPECT_TRUE(test, make_room(test, LARGES, 0));
	expect_bins(test, 0, 2, 1);
	KUNIT_EXPECT_TRUE(test, make_room(test, LARGES, 2));
	expect_bins(test, 0, 1, 0);

	/* Pages of the same order make no room. */
	cache->limit = MEDIUM;
	KUNIT_EXPECT_FALSE(test, make_room(test, MEDIUMS, 0));
	expect_bins(test, 0, 1, 0);
}

/* Only idle larger pages make room for smaller ones. */
static void test_make_room_idle(struct kunit *test)
{
	struct heap_cache *cache = heap_test.cache;

	fetch(LARGES, 4);
	take_and_put(test, LARGES, 2);
	cache->limit = 4 * LARGE;
	KUNIT_EXPECT_TRUE(test, make_room(test, MEDIUMS, 0));
	expect_bins(test, 3, 0, 0);
	cache->limit = 2 * LARGE;
	KUNIT_EXPECT_FALSE(test, make_room(test, MEDIUMS, 0));
	expect_bins(test, 3, 0, 0);
	age(LARGES, 2 * USED_TICKS + 1);
	KUNIT_EXPECT_TRUE(test, make_room(test, MEDIUMS, 0));
	expect_bins(test, 1, 0, 0);
}

/* A node with less than its share gets room from one with more. */
static void test_make_room_node(struct kunit *test)
{
	struct heap_cache *cache = heap_test.cache;
	struct heap_bin *theirs;

	if (num_node_state(N_MEMORY) != 2)
		kunit_skip(test, "needs two nodes");

	theirs = &cache->bin[heap_test.other][LARGES];
	heap_test_fetch(heap_test.other, LARGES, 4);
	cache->limit = 4 * LARGE;
	KUNIT_EXPECT_TRUE(test, make_room(test, LARGES, 0));
	KUNIT_EXPECT_EQ(test, 3U, theirs->cached);
	fetch(LARGES, 1);
	KUNIT_EXPECT_TRUE(test, make_room(test, LARGES, 0));
	KUNIT_EXPECT_EQ(test, 2U, theirs->cached);
	/* A node gets no more than its share. */
	fetch(LARGES, 1);
	heap_test_fetch(heap_test.other, LARGES, 1);
	cache->limit = 5 * LARGE;
	KUNIT_EXPECT_FALSE(test, make_room(test, LARGES, 0));
	KUNIT_EXPECT_EQ(test, 3U, theirs->cached);
	/* page_pool allocates single pages in bulk, and all of them need room. */
	cache->limit += HEAP_TEST_BULK;
	heap_test_fetch(heap_test.other, SMALLS, HEAP_TEST_BULK);
	KUNIT_EXPECT_TRUE(test, make_room(test, SMALLS, 0));
	KUNIT_EXPECT_EQ(test, 0U, theirs[SMALLS].cached);
}

#define USER_PAGES	12U

static int user_fn(void *data)
{
	const struct cache_param *param = data;
	struct scatterlist sg[USER_PAGES];
	unsigned int round, nr, n;

	for (round = 0; !kthread_should_stop(); round++) {
		nr = heap_cache_take(heap_test.cache, heap_test.nid, param->i, sg,
				     round % USER_PAGES + 1);
		for (n = 0; n < nr; n++)
			heap_test_stamp(sg_page(sg + n), 0, (unsigned long)current);
		cond_resched();
		for (n = 0; n < nr; n++)
			heap_test_stamp(sg_page(sg + n), (unsigned long)current, 0);

		if (round % 64 == 63)
			shrink(3, true);
		for (n = 0; n < nr; n++)
			heap_cache_put(heap_test.cache, sg_page(sg + n));
		cond_resched();
	}

	return 0;
}

/* Tasks take, put and shrink while this one fetches. No page has two owners. */
static void test_concurrent(struct kunit *test)
{
	struct cache_param param = *(const struct cache_param *)test->param_value;
	unsigned long end = jiffies + HZ;
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(heap_test.tasks); n++)
		heap_test_start(test, user_fn, &param);
	while (time_before(jiffies, end)) {
		if (READ_ONCE(test_bin(param.i)->cached) < param.nr)
			fetch(param.i, 1);
		cond_resched();
	}
	heap_test_stop(test);
	expect_bin(test, param.i, test_bin(param.i)->cached, 0);
}

void heap_test_destroy_bin(struct kunit *test, struct heap_bin *bin)
{
	unsigned int inflight = heap_cache_inflight(bin);

	KUNIT_EXPECT_EQ(test, 0U, inflight);
	/* page_pool_destroy() would retry forever while pages are in use. */
	if (!bin->source || inflight)
		return;

	/* @source still counts the pages that @store released. */
	atomic_add(atomic_xchg(&bin->store->pages_state_release_cnt, 0),
		   &bin->source->pages_state_release_cnt);
	page_pool_destroy(bin->store);
	page_pool_destroy(bin->source);
}

static struct kunit_case heap_cache_cases[] = {
	KUNIT_CASE_PARAM(test_fetch, cache_gen_params),
	KUNIT_CASE(test_fetch_limit),
	KUNIT_CASE_PARAM(test_held, cache_gen_params),
	KUNIT_CASE_PARAM(test_poisoned, cache_gen_params),
	KUNIT_CASE(test_full),
	KUNIT_CASE(test_take_fails),
	KUNIT_CASE_PARAM(test_used, cache_gen_params),
	KUNIT_CASE(test_smallest_first),
	KUNIT_CASE(test_make_room),
	KUNIT_CASE(test_make_room_idle),
	KUNIT_CASE(test_make_room_node),
	KUNIT_CASE_PARAM(test_concurrent, cache_gen_params),
	{ }
};

static struct kunit_suite heap_cache_suite = {
	.name = "dma_heap_cache",
	.init = heap_test_init,
	.exit = heap_test_exit,
	.test_cases = heap_cache_cases,
};

kunit_test_suite(heap_cache_suite);
