// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of a bin: a page in it is zeroed, nobody else's and counted, there is
 * room for all of them, and they can be had back
 */
#include "heap_kunit.h"

static const struct bin_param {
	const char *desc;
	unsigned int order;
	unsigned int nr;	/* pages a test works with */
} bin_params[] = {
	/* More than page_pool gets in one go, so that some remain. */
	{ "order 0", 0, PP_ALLOC_CACHE_REFILL + 36 },
	{ "order 4", 4, 20 },
	{ "order 8", 8, 6 },
};

KUNIT_ARRAY_PARAM_DESC(bin, bin_params, desc);

#define BIN_PAGES	256
#define MAX_PAGES	(8UL * BIN_PAGES)

struct bin_ctx {
	struct heap_bin bin;
	unsigned int order;
	unsigned int nr;
	unsigned int rest;	/* what a fetch of @nr leaves in the bin */
	int nid;
	long reclaimable;
	atomic_long_t total;
	struct scatterlist sg[BIN_PAGES];
	struct page *pages[BIN_PAGES];
};

/* What the page allocator hands out next is not zeroed. */
static void dirty_memory(struct bin_ctx *ctx)
{
	unsigned int i;

	for (i = 0; i < ctx->nr; i++) {
		ctx->pages[i] = alloc_pages_node(ctx->nid, GFP_HIGHUSER | __GFP_COMP,
						 ctx->order);
		if (!ctx->pages[i])
			break;
		heap_test_dirty(ctx->pages[i]);
	}
	while (i--)
		__free_pages(ctx->pages[i], ctx->order);
}

/* Of the bin, zeroed, and each of them only once. */
static void expect_pages(struct kunit *test, unsigned int nr)
{
	struct bin_ctx *ctx = test->priv;
	unsigned int i, j;

	for (i = 0; i < nr; i++) {
		ctx->pages[i] = sg_page(&ctx->sg[i]);
		KUNIT_EXPECT_EQ(test, ctx->sg[i].length, PAGE_SIZE << ctx->order);
		KUNIT_EXPECT_TRUE(test, heap_bin_owns(ctx->pages[i]));
		KUNIT_EXPECT_EQ(test, ctx->order, compound_order(ctx->pages[i]));
		KUNIT_EXPECT_EQ(test, ctx->nid, page_to_nid(ctx->pages[i]));
		KUNIT_EXPECT_EQ(test, 1, page_count(ctx->pages[i]));
		KUNIT_EXPECT_TRUE(test, heap_test_is_zero(ctx->pages[i]));
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_PTR_NE(test, ctx->pages[j], ctx->pages[i]);
	}
}

static void expect_counts(struct kunit *test, unsigned int cached,
			  unsigned int inflight)
{
	struct bin_ctx *ctx = test->priv;
	long nr_pages = (long)cached << ctx->order;

	KUNIT_EXPECT_EQ(test, cached, ctx->bin.cached);
	KUNIT_EXPECT_EQ(test, inflight, heap_bin_inflight(&ctx->bin));
	KUNIT_EXPECT_EQ(test, nr_pages, atomic_long_read(&ctx->total));
	heap_test_expect_reclaimable(test, ctx->nid, ctx->reclaimable + nr_pages);
}

static void put_pages(struct heap_bin *bin, struct page **pages, unsigned int nr)
{
	unsigned int done;

	for (; nr; pages += done, nr -= done)
		done = heap_bin_put(bin, pages, nr);
}

/* All that the test works with; a call gets what is to be had at once. */
static void fetch_all(struct kunit *test)
{
	struct bin_ctx *ctx = test->priv;
	unsigned int done, got;

	dirty_memory(ctx);
	for (done = 0; done < ctx->nr; done += got) {
		got = heap_bin_fetch(&ctx->bin, ctx->sg + done, ctx->nr - done,
				     MAX_PAGES);
		KUNIT_ASSERT_GT_MSG(test, got, 0U, "memory is fragmented");
	}
	expect_pages(test, ctx->nr);
	expect_counts(test, ctx->rest, ctx->nr);
}

/* What was put is taken and nothing else; then the bin is empty. */
static void test_recycle(struct kunit *test)
{
	struct bin_ctx *ctx = test->priv;
	unsigned int all = ctx->nr + ctx->rest;

	KUNIT_EXPECT_EQ(test, 0U, heap_bin_take(&ctx->bin, ctx->sg, 1));
	KUNIT_EXPECT_EQ(test, 0U, heap_bin_shrink(&ctx->bin, 1, true));
	expect_counts(test, 0, 0);
	/* As if another task were making a page_pool. */
	ctx->bin.nr_rings++;
	KUNIT_EXPECT_EQ(test, 0U, heap_bin_fetch(&ctx->bin, ctx->sg, 1,
						 2UL * RING_FULL << ctx->order));
	ctx->bin.nr_rings--;
	fetch_all(test);
	put_pages(&ctx->bin, ctx->pages, ctx->nr);
	expect_counts(test, all, 0);

	KUNIT_EXPECT_EQ(test, 2U, heap_bin_take(&ctx->bin, ctx->sg, 2));
	expect_counts(test, all - 2, 2);
	KUNIT_EXPECT_EQ(test, all - 2, heap_bin_take(&ctx->bin, ctx->sg + 2, all));
	expect_counts(test, 0, all);
	expect_pages(test, all);
	put_pages(&ctx->bin, ctx->pages, all);
}

/* What leaves is the page allocator's again, also if somebody else holds it. */
static void test_release(struct kunit *test)
{
	struct bin_ctx *ctx = test->priv;
	struct page **pages = ctx->pages;
	unsigned int i;

	fetch_all(test);
	get_page(pages[0]);
	heap_bin_release(pages[0]);
	get_page(pages[1]);
	put_pages(&ctx->bin, pages + 1, 2);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_FALSE(test, heap_bin_owns(pages[i]));
		KUNIT_EXPECT_EQ(test, 1, page_count(pages[i]));
		put_page(pages[i]);
	}
	expect_counts(test, ctx->rest + 1, ctx->nr - 3);
	for (i = 3; i < ctx->nr; i++)
		heap_bin_release(pages[i]);
	expect_counts(test, ctx->rest + 1, 0);
}

/* As many as wanted, down to nothing. */
static void test_shrink(struct kunit *test)
{
	struct bin_ctx *ctx = test->priv;
	unsigned int all = ctx->nr + ctx->rest;

	fetch_all(test);
	put_pages(&ctx->bin, ctx->pages, ctx->nr);
	KUNIT_EXPECT_EQ(test, 0U, heap_bin_shrink(&ctx->bin, 0, false));
	KUNIT_EXPECT_EQ(test, 2U, heap_bin_shrink(&ctx->bin, 2, false));
	expect_counts(test, all - 2, 0);
	KUNIT_EXPECT_EQ(test, all - 2, heap_bin_shrink(&ctx->bin, all, false));
	expect_counts(test, 0, 0);
}

/* One page_pool takes no more than it can; with more of them all can be kept. */
static void test_rings(struct kunit *test)
{
	static const unsigned int max_rings[] = { 1, 2 };
	struct bin_ctx *ctx = test->priv;
	unsigned int nr = RING_MAX + ctx->nr + ctx->rest, done, got, i;
	struct scatterlist *sg;
	struct page **pages;

	if (ctx->order)
		kunit_skip(test, "too much memory");
	sg = kunit_kcalloc(test, nr, sizeof(*sg), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sg);
	pages = kunit_kcalloc(test, nr, sizeof(*pages), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pages);

	for (i = 0; i < ARRAY_SIZE(max_rings); i++) {
		for (done = 0; done < nr; done += got) {
			got = heap_bin_take(&ctx->bin, sg + done, nr - done) ?:
			      heap_bin_fetch(&ctx->bin, sg + done, nr - done,
					     max_rings[i] * RING_FULL);
			KUNIT_ASSERT_GT(test, got, 0U);
		}
		for (done = 0; done < nr; done++)
			pages[done] = sg_page(&sg[done]);
		/* All are in use, and stay. */
		heap_bin_trim_rings(&ctx->bin);
		KUNIT_EXPECT_EQ(test, max_rings[i], ctx->bin.nr_rings);

		got = ctx->bin.cached;
		/* So that one of the calls has pages of both. */
		put_pages(&ctx->bin, pages, 1);
		put_pages(&ctx->bin, pages + 1, nr - 1);
		expect_counts(test, umin(max_rings[i] * RING_MAX, nr + got), 0);
		heap_bin_trim_rings(&ctx->bin);
		KUNIT_EXPECT_EQ(test, max_rings[i], ctx->bin.nr_rings);
		heap_bin_shrink(&ctx->bin, UINT_MAX, true);
		heap_bin_trim_rings(&ctx->bin);
		KUNIT_EXPECT_EQ(test, 1U, ctx->bin.nr_rings);
	}
}

static struct heap_bin *used_bin;
static DECLARE_COMPLETION(used_bin_locked);

static void use_fn(struct work_struct *work)
{
	mutex_lock(&used_bin->lock);
	complete(&used_bin_locked);
	msleep(1000);
	mutex_unlock(&used_bin->lock);
}

static DECLARE_WORK(use_work, use_fn);

struct work_struct *heap_test_use_bin(struct heap_bin *bin)
{
	used_bin = bin;
	schedule_work(&use_work);
	wait_for_completion(&used_bin_locked);

	return &use_work;
}

/* Another page_pool, without pages. */
void heap_test_add_ring(struct heap_bin *bin)
{
	unsigned int nr_rings = bin->nr_rings;
	LIST_HEAD(rings);

	mutex_lock(&bin->lock);
	list_splice_init(&bin->rings, &rings);
	bin->nr_rings = 0;
	heap_bin_ring(bin, ULONG_MAX);
	list_splice(&rings, &bin->rings);
	bin->nr_rings += nr_rings;
	mutex_unlock(&bin->lock);
}

void heap_test_destroy_bin(struct heap_bin *bin)
{
	struct heap_ring *ring, *next;

	heap_bin_shrink(bin, UINT_MAX, true);
	list_for_each_entry_safe(ring, next, &bin->rings, node) {
		page_pool_destroy(ring->pp);
		kfree(ring);
	}
}

/* Only a shrinker that has to waits for somebody who uses the bin. */
static void test_used(struct kunit *test)
{
	struct bin_ctx *ctx = test->priv;
	struct work_struct *work;

	fetch_all(test);
	put_pages(&ctx->bin, ctx->pages, ctx->nr);
	work = heap_test_use_bin(&ctx->bin);
	KUNIT_EXPECT_EQ(test, 0U, heap_bin_fetch(&ctx->bin, ctx->sg, 1, MAX_PAGES));
	KUNIT_EXPECT_EQ(test, 0U, heap_bin_shrink(&ctx->bin, 1, false));
	KUNIT_EXPECT_TRUE(test, work_busy(work));
	KUNIT_EXPECT_EQ(test, 1U, heap_bin_shrink(&ctx->bin, 1, true));
	flush_work(work);
}

static gfp_t gfp_seen;

static struct page *stub_alloc_fails(struct heap_ring *ring, gfp_t gfp)
{
	gfp_seen = gfp;
	kunit_deactivate_static_stub(kunit_get_current_test(), heap_ring_alloc);

	return NULL;
}

/* page_pool fails, and gives pages that were cached when new ones were wanted. */
static void test_alloc(struct kunit *test)
{
	struct bin_ctx *ctx = test->priv;
	unsigned int all = ctx->rest + ctx->nr;

	kunit_activate_static_stub(test, heap_ring_alloc, stub_alloc_fails);
	KUNIT_EXPECT_EQ(test, 0U, heap_bin_fetch(&ctx->bin, ctx->sg, 1, MAX_PAGES));
	KUNIT_EXPECT_FALSE(test, gfpflags_allow_blocking(gfp_seen));
	KUNIT_EXPECT_EQ(test, !ctx->order, !!(gfp_seen & __GFP_KSWAPD_RECLAIM));

	fetch_all(test);
	put_pages(&ctx->bin, ctx->pages, ctx->nr);
	kunit_activate_static_stub(test, heap_ring_alloc, stub_alloc_fails);
	KUNIT_EXPECT_EQ(test, 0U, heap_bin_take(&ctx->bin, ctx->sg, 1));
	kunit_activate_static_stub(test, heap_ring_alloc, stub_alloc_fails);
	KUNIT_EXPECT_EQ(test, 0U, heap_bin_shrink(&ctx->bin, 1, true));
	expect_counts(test, all, 0);
	KUNIT_EXPECT_EQ(test, 1U, heap_bin_fetch(&ctx->bin, ctx->sg, 1, MAX_PAGES));
	expect_counts(test, all - 1, 1);
	expect_pages(test, 1);
	put_pages(&ctx->bin, ctx->pages, 1);
}

#define NR_USERS	4
#define USER_PAGES	24U

struct bin_stamper {
	struct heap_bin *bin;
	unsigned long max_pages;
	unsigned int nr_errors;
	struct task_struct *task;
	struct scatterlist sg[USER_PAGES];
	struct page *pages[USER_PAGES];
};

/* Returns whether the page had the stamp @from. */
static bool stamp(struct page *page, unsigned long from, unsigned long to)
{
	unsigned long *vaddr = kmap_local_page(page + compound_nr(page) - 1);
	bool ok = xchg(&vaddr[1], to) == from;

	kunmap_local(vaddr);

	return ok;
}

/* A page that two tasks own has the wrong stamp for at least one of them. */
static int stamper_fn(void *data)
{
	struct bin_stamper *user = data;
	unsigned int round, nr, i;

	for (round = 0; !kthread_should_stop(); round++) {
		nr = round % USER_PAGES + 1;
		nr = heap_bin_take(user->bin, user->sg, nr) ?:
		     heap_bin_fetch(user->bin, user->sg, nr, user->max_pages);
		for (i = 0; i < nr; i++) {
			user->pages[i] = sg_page(&user->sg[i]);
			if (!stamp(user->pages[i], 0, (unsigned long)user))
				user->nr_errors++;
		}
		cond_resched();
		for (i = 0; i < nr; i++)
			if (!stamp(user->pages[i], (unsigned long)user, 0))
				user->nr_errors++;

		if (round % 64 == 63)
			heap_bin_shrink(user->bin, 3, false);
		put_pages(user->bin, user->pages, nr);
	}

	return 0;
}

static struct bin_stamper *start_users(struct kunit *test, unsigned int nr,
				       unsigned long max_pages)
{
	struct bin_ctx *ctx = test->priv;
	struct bin_stamper *users;
	unsigned int i;

	users = kunit_kcalloc(test, nr, sizeof(*users), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, users);
	for (i = 0; i < nr; i++) {
		users[i].bin = &ctx->bin;
		users[i].max_pages = max_pages;
		users[i].task = kthread_run(stamper_fn, &users[i], "heap_bin_user");
		KUNIT_EXPECT_NOT_ERR_OR_NULL(test, users[i].task);
	}

	return users;
}

static void stop_users(struct kunit *test, struct bin_stamper *users,
		       unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!IS_ERR(users[i].task))
			kthread_stop(users[i].task);
		KUNIT_EXPECT_EQ(test, 0U, users[i].nr_errors);
	}
}

static void test_concurrent(struct kunit *test)
{
	struct bin_ctx *ctx = test->priv;
	struct bin_stamper *users = start_users(test, NR_USERS, MAX_PAGES);

	msleep(1000);
	stop_users(test, users, NR_USERS);
	expect_counts(test, ctx->bin.cached, 0);
}

/* Page_pools come and go while others take, fetch and put. */
static void test_concurrent_rings(struct kunit *test)
{
	struct bin_ctx *ctx = test->priv;
	unsigned int done, got, trimmed = 0, nr_rings;
	unsigned long end;
	struct bin_stamper *users;
	struct scatterlist *sg;
	struct page *page;

	if (ctx->order)
		kunit_skip(test, "too much memory");
	sg = kunit_kcalloc(test, RING_FULL + 1, sizeof(*sg), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sg);
	/* The first one is not asked any more. */
	for (done = 0; done <= RING_FULL; done += got) {
		got = heap_bin_take(&ctx->bin, sg + done, RING_FULL + 1 - done) ?:
		      heap_bin_fetch(&ctx->bin, sg + done, RING_FULL + 1 - done,
				     RING_FULL);
		KUNIT_ASSERT_GT(test, got, 0U);
	}

	/* Few, so that there are moments when none of them has a page. */
	users = start_users(test, 2, 2 * RING_FULL);
	end = jiffies + 20 * HZ;
	while (trimmed < 16 && time_before(jiffies, end)) {
		heap_bin_shrink(&ctx->bin, UINT_MAX, true);
		nr_rings = READ_ONCE(ctx->bin.nr_rings);
		heap_bin_trim_rings(&ctx->bin);
		trimmed += READ_ONCE(ctx->bin.nr_rings) < nr_rings;
		fsleep(20);
	}
	stop_users(test, users, 2);
	KUNIT_EXPECT_GT(test, trimmed, 0U);

	while (done--) {
		page = sg_page(sg + done);
		put_pages(&ctx->bin, &page, 1);
	}
	expect_counts(test, ctx->bin.cached, 0);
}

static int heap_bin_kunit_init(struct kunit *test)
{
	const struct bin_param *param = test->param_value;
	struct bin_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	if (param->order > MAX_PAGE_ORDER)
		kunit_skip(test, "there are no such pages");

	ctx->order = param->order;
	ctx->nr = param->nr;
	ctx->rest = ctx->order ? 0 : round_up(ctx->nr, HEAP_TEST_BULK) - ctx->nr;
	ctx->nid = first_memory_node;
	ctx->reclaimable = heap_test_reclaimable(ctx->nid);
	heap_bin_init(&ctx->bin, ctx->order, ctx->nid, &ctx->total);
	test->priv = ctx;

	return 0;
}

static void heap_bin_kunit_exit(struct kunit *test)
{
	struct bin_ctx *ctx = test->priv;

	if (!ctx)
		return;

	/* page_pool waits for ever for what is in use. */
	KUNIT_EXPECT_EQ(test, 0U, heap_bin_inflight(&ctx->bin));
	heap_test_destroy_bin(&ctx->bin);
	KUNIT_EXPECT_EQ(test, 0L, atomic_long_read(&ctx->total));
	heap_test_expect_reclaimable(test, ctx->nid, ctx->reclaimable);
}

static struct kunit_case heap_bin_cases[] = {
	KUNIT_CASE_PARAM(test_recycle, bin_gen_params),
	KUNIT_CASE_PARAM(test_release, bin_gen_params),
	KUNIT_CASE_PARAM(test_shrink, bin_gen_params),
	KUNIT_CASE_PARAM(test_rings, bin_gen_params),
	KUNIT_CASE_PARAM(test_used, bin_gen_params),
	KUNIT_CASE_PARAM(test_alloc, bin_gen_params),
	KUNIT_CASE_PARAM(test_concurrent, bin_gen_params),
	KUNIT_CASE_PARAM(test_concurrent_rings, bin_gen_params),
	{ }
};

static struct kunit_suite heap_bin_suite = {
	.name = "dma_heap_bin",
	.init = heap_bin_kunit_init,
	.exit = heap_bin_kunit_exit,
	.test_cases = heap_bin_cases,
};

kunit_test_suite(heap_bin_suite);
