// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of the way of a page from a buffer through the queue, zeroed to a bin
 * and to the next buffer: nobody sees what was in it before, all that is kept is
 * counted and bounded, and memory reclaim gets it
 *
 * The helper thread does nothing here. A test does its work when it wants it done.
 */
#include <net/page_pool/types.h>

#include "heap_kunit.h"

/* Base pages of the heap's larger pages, and the bounds a test begins with. */
#define LARGE		256UL
#define MEDIUM		16UL
#define POOL_PAGES	(32 * LARGE)
#define QUEUE_PAGES	(16 * LARGE)

struct pool_ctx {
	struct heap_pool *pool;
	struct heap_recycle *recycle;
	struct page *held;		/* by somebody else */
	long reclaimable[MAX_NUMNODES];	/* when the test began */
};

static atomic_t nr_buffers = ATOMIC_INIT(0);
static enum heap_zero_method method_now;

static void free_buffer(struct heap_sgl *sgl)
{
	atomic_dec(&nr_buffers);
	kfree(sgl);
}

static struct heap_sgl *new_buffer(struct kunit *test, unsigned long nr_pages)
{
	unsigned int slots = heap_pool_slots(nr_pages << PAGE_SHIFT);
	struct heap_sgl *sgl;

	sgl = kzalloc(struct_size(sgl, first, slots), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sgl);
	heap_sgl_init(sgl, slots);
	atomic_inc(&nr_buffers);

	return sgl;
}

/* A zeroed buffer of the largest pages that fit, and what its user leaves. */
static struct heap_sgl *use(struct kunit *test, unsigned long nr_pages)
{
	struct heap_sgl *sgl = new_buffer(test, nr_pages);
	struct pool_ctx *ctx = test->priv;
	struct scatterlist *sg;
	int i;

	KUNIT_ASSERT_EQ(test, 0, heap_pool_alloc(ctx->pool, sgl,
						 nr_pages << PAGE_SHIFT));
	KUNIT_EXPECT_EQ(test, nr_pages, sgl->nr_pages);
	KUNIT_EXPECT_EQ_MSG(test, heap_pool_slots(nr_pages << PAGE_SHIFT) - 1,
			    sgl->table.nents, "memory is fragmented");
	for_each_sgtable_sg(&sgl->table, sg, i) {
		KUNIT_EXPECT_TRUE(test, heap_test_is_zero(sg_page(sg)));
		heap_test_dirty(sg_page(sg));
	}

	return sgl;
}

static void use_and_free(struct kunit *test, unsigned long nr_pages)
{
	struct pool_ctx *ctx = test->priv;

	heap_pool_free(ctx->pool, use(test, nr_pages));
}

static void run_helper(struct pool_ctx *ctx)
{
	deferred_free_run(&ctx->recycle->queue, ULONG_MAX,
			  ctx->recycle->queue.taker);
}

static unsigned long reclaim(struct pool_ctx *ctx, unsigned long nr_pages)
{
	struct shrink_control sc = { .nid = numa_mem_id(), .nr_to_scan = nr_pages };
	unsigned long freed = heap_pool_shrinker_scan(ctx->pool->shrinker, &sc);

	return freed == SHRINK_STOP ? 0 : freed;
}

static unsigned long cached(struct pool_ctx *ctx)
{
	return atomic_long_read(&ctx->pool->bins->nr_pages);
}

static void expect_pages(struct kunit *test, unsigned long queued,
			 unsigned long kept)
{
	struct shrink_control sc = { .nid = numa_mem_id() };
	struct pool_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, queued, deferred_free_pages(&ctx->recycle->queue));
	KUNIT_EXPECT_EQ(test, kept, cached(ctx));
	KUNIT_EXPECT_EQ(test, queued + kept ?: SHRINK_EMPTY,
			heap_pool_shrinker_count(ctx->pool->shrinker, &sc));
	heap_test_expect_reclaimable(test, sc.nid, ctx->reclaimable[sc.nid] +
				     queued + kept);
}

/* A refill brings single pages for so many. */
#define SINGLES	MIN(5, HEAP_TEST_BULK)

static const struct reuse_param {
	const char *desc;
	unsigned long nr_pages;
	enum heap_zero_method method;
} reuse_params[] = {
	{ "one page", 1, HEAP_ZERO_VMAP },
	{ "medium pages", 7 * MEDIUM, HEAP_ZERO_VMAP },
	{ "large pages", 3 * LARGE, HEAP_ZERO_VMAP },
	{ "all sizes", LARGE + 3 * MEDIUM + SINGLES, HEAP_ZERO_VMAP },
	{ "all sizes, direct", LARGE + 3 * MEDIUM + SINGLES, HEAP_ZERO_DIRECT },
};

KUNIT_ARRAY_PARAM_DESC(reuse, reuse_params, desc);

/* Freed, zeroed, and there for the next buffer without a miss. */
static void test_reuse(struct kunit *test)
{
	const struct reuse_param *param = test->param_value;
	struct pool_ctx *ctx = test->priv;
	unsigned int round, i;

	method_now = param->method;
	heap_test_stub_zero(test, 0, NULL);
	for (round = 0; round < 3; round++) {
		use_and_free(test, param->nr_pages);
		run_helper(ctx);
		for (i = 0; i < HEAP_NR_ORDERS; i++)
			KUNIT_EXPECT_EQ(test, atomic_long_read(&ctx->pool->hits[i]),
					round * atomic_long_read(&ctx->pool->misses[i]));
	}
	KUNIT_EXPECT_EQ(test, param->method == HEAP_ZERO_VMAP, heap_test_maps > 0);
}

/* A page of each node that no bin owns. */
static void free_unpooled(struct kunit *test, unsigned int order)
{
	struct heap_sgl *sgl = new_buffer(test, HEAP_SGL_FIRST_MAX << 8);
	struct pool_ctx *ctx = test->priv;
	struct page *page;
	int nid;

	for_each_node_state(nid, N_MEMORY) {
		page = alloc_pages_node(nid, GFP_HIGHUSER | __GFP_COMP |
					__GFP_THISNODE, order);
		KUNIT_ASSERT_NOT_NULL(test, page);
		sg_set_page(sgl->next, page, PAGE_SIZE << order, 0);
		heap_sgl_added(sgl, 1, order);
	}
	heap_sgl_end(sgl);
	heap_pool_free(ctx->pool, sgl);
}

/* Such pages are not kept. For those of order 0 new ones are, if there are none. */
static void test_unpooled(struct kunit *test)
{
	struct pool_ctx *ctx = test->priv;
	unsigned int i;
	int nid;

	free_unpooled(test, 4);
	for_each_node_state(nid, N_MEMORY)
		heap_test_expect_reclaimable(test, nid,
					     ctx->reclaimable[nid] + MEDIUM);
	run_helper(ctx);
	for_each_node_state(nid, N_MEMORY)
		heap_test_expect_reclaimable(test, nid, ctx->reclaimable[nid]);

	for (i = 0; i < 2; i++) {
		free_unpooled(test, 0);
		run_helper(ctx);
		KUNIT_EXPECT_EQ(test, HEAP_TEST_BULK, cached(ctx));
	}
}

static void test_pool_limit(struct kunit *test)
{
	struct pool_ctx *ctx = test->priv;
	struct heap_sgl *sgl;

	/* Nothing is zeroed that will not be kept. */
	heap_pool_set_limits(ctx->pool, LARGE + 1, QUEUE_PAGES);
	use_and_free(test, 4 * LARGE);
	run_helper(ctx);
	expect_pages(test, 0, LARGE);
	KUNIT_EXPECT_EQ(test, LARGE, atomic_long_read(&ctx->recycle->zeroed));

	/* What was there before the bound changed goes, also if it was in use. */
	heap_pool_set_limits(ctx->pool, POOL_PAGES, QUEUE_PAGES);
	use_and_free(test, 6 * LARGE);
	run_helper(ctx);
	sgl = use(test, LARGE);
	heap_pool_set_limits(ctx->pool, LARGE - 1, QUEUE_PAGES);
	KUNIT_EXPECT_EQ(test, 0UL, cached(ctx));
	heap_pool_free(ctx->pool, sgl);
	run_helper(ctx);
	expect_pages(test, 0, 0);

	/* No large page goes where small ones do. */
	heap_pool_set_limits(ctx->pool, LARGE + 7, QUEUE_PAGES);
	use_and_free(test, LARGE);
	free_unpooled(test, 0);
	run_helper(ctx);
	KUNIT_EXPECT_EQ(test, LARGE + min(7, HEAP_TEST_BULK), cached(ctx));
	heap_pool_set_limits(ctx->pool, LARGE + 5, QUEUE_PAGES);
	KUNIT_EXPECT_EQ(test, LARGE + min(5, HEAP_TEST_BULK), cached(ctx));
	heap_pool_set_limits(ctx->pool, LARGE - 1, QUEUE_PAGES);
	KUNIT_EXPECT_EQ(test, 0UL, cached(ctx));
}

/* Who frees what the queue has no room for does it at once; so without a pool. */
static void test_refused(struct kunit *test)
{
	struct pool_ctx *ctx = test->priv;
	struct heap_bin *bin = heap_bins_local(ctx->pool->bins, 0);
	struct heap_sgl *sgl = use(test, LARGE);

	heap_pool_set_limits(ctx->pool, POOL_PAGES, 2 * LARGE);
	use_and_free(test, LARGE);
	use_and_free(test, 2 * MEDIUM);
	use_and_free(test, LARGE - MEDIUM);
	KUNIT_EXPECT_EQ(test, LARGE - MEDIUM, atomic_long_read(&ctx->recycle->refused));
	expect_pages(test, LARGE + 2 * MEDIUM, 0);
	use_and_free(test, LARGE - 2 * MEDIUM);
	expect_pages(test, 2 * LARGE, 0);
	KUNIT_EXPECT_EQ(test, 4, atomic_read(&nr_buffers));

	run_helper(ctx);
	KUNIT_EXPECT_FALSE(test, heap_pool_enabled(NULL, false));
	KUNIT_EXPECT_TRUE(test, heap_pool_enabled(ctx->pool, false));
	heap_pool_set_limits(ctx->pool, 0, QUEUE_PAGES);
	KUNIT_EXPECT_FALSE(test, heap_pool_enabled(ctx->pool, false));
	heap_test_add_ring(bin);
	KUNIT_EXPECT_EQ(test, 2U, bin->nr_rings);
	heap_pool_free(ctx->pool, sgl);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&nr_buffers));
	KUNIT_EXPECT_EQ(test, 1U, bin->nr_rings);
	expect_pages(test, 0, 0);
}

/* What could not be zeroed leaves, and nothing else. */
static void test_map_fails(struct kunit *test)
{
	struct pool_ctx *ctx = test->priv;
	unsigned long nr_pages = 0;

	/* A batch whose last page exceeds HEAP_ZERO_BATCH, and another one. */
	for (; nr_pages < HEAP_ZERO_BATCH - MEDIUM; nr_pages += MEDIUM)
		use_and_free(test, MEDIUM);
	use_and_free(test, LARGE);
	use_and_free(test, MEDIUM);
	heap_test_stub_zero(test, 1, NULL);
	run_helper(ctx);
	KUNIT_EXPECT_EQ(test, 2U, heap_test_maps);
	KUNIT_EXPECT_EQ(test, nr_pages + LARGE,
			atomic_long_read(&ctx->recycle->zero_failed));
	KUNIT_EXPECT_EQ(test, MEDIUM, atomic_long_read(&ctx->recycle->zeroed));
	expect_pages(test, 0, MEDIUM);
}

/* Somebody else writes to a page after it was zeroed. */
static void write_late(struct kunit *test)
{
	struct pool_ctx *ctx = test->priv;

	heap_test_dirty(ctx->held);
	put_page(ctx->held);
}

/* A page that somebody else holds is not kept, nor one that went bad. */
static void test_unfit_pages(struct kunit *test)
{
	struct pool_ctx *ctx = test->priv;
	struct heap_sgl *sgl = use(test, 2 * MEDIUM);
	struct page *page = sg_page(sgl->first) + MEDIUM - 1;

	if (IS_ENABLED(CONFIG_MEMORY_FAILURE)) {
		SetPageHWPoison(page);
		heap_pool_free(ctx->pool, sgl);
		run_helper(ctx);
		ClearPageHWPoison(page);
		expect_pages(test, 0, MEDIUM);
		sgl = use(test, 2 * MEDIUM);
	}

	ctx->held = sg_page(sgl->first);
	get_page(ctx->held);
	heap_pool_free(ctx->pool, sgl);
	heap_test_stub_zero(test, 0, write_late);
	run_helper(ctx);
	KUNIT_EXPECT_EQ(test, 1U, heap_test_maps);
	expect_pages(test, 0, MEDIUM);
	use_and_free(test, 2 * MEDIUM);
}

static int no_chain(struct heap_sgl *sgl)
{
	return -ENOMEM;
}

/* An allocation that does not succeed, into at most three pages. */
static int fail_alloc(struct kunit *test, unsigned long len)
{
	struct heap_sgl *sgl = new_buffer(test, 3 * LARGE);
	struct pool_ctx *ctx = test->priv;
	int ret;

	ret = heap_pool_alloc(ctx->pool, sgl, len);
	free_buffer(sgl);

	return ret;
}

/* A task that is killed stops, and who gets a part gives it back, zeroed. */
static void test_alloc_fails(struct kunit *test)
{
	struct pool_ctx *ctx = test->priv;

	use_and_free(test, 2 * LARGE);
	run_helper(ctx);
	sigaddset(&current->pending.signal, SIGKILL);
	set_tsk_thread_flag(current, TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, -EINTR, fail_alloc(test, LARGE << PAGE_SHIFT));
	flush_signals(current);
	expect_pages(test, 0, 2 * LARGE);

	kunit_activate_static_stub(test, heap_sgl_chain, no_chain);
	KUNIT_EXPECT_EQ(test, -ENOMEM, fail_alloc(test, 8 * LARGE << PAGE_SHIFT));
	expect_pages(test, 0, 3 * LARGE);

	KUNIT_EXPECT_EQ(test, -ENOMEM, fail_alloc(test, ULONG_MAX & PAGE_MASK));
}

/* The queue before the bins, the oldest first, in pieces, largest pages first. */
static void test_reclaim(struct kunit *test)
{
	struct pool_ctx *ctx = test->priv;
	struct heap_sgl *large, *medium;

	expect_pages(test, 0, 0);
	KUNIT_EXPECT_EQ(test, 0UL, reclaim(ctx, 1));
	large = use(test, 2 * LARGE);
	medium = use(test, 2 * MEDIUM);
	use_and_free(test, LARGE + 3 * MEDIUM);
	run_helper(ctx);
	expect_pages(test, 0, LARGE + 3 * MEDIUM);

	heap_pool_free(ctx->pool, large);
	heap_pool_free(ctx->pool, medium);
	KUNIT_EXPECT_EQ(test, LARGE, reclaim(ctx, 1));
	KUNIT_EXPECT_EQ(test, LARGE + MEDIUM, reclaim(ctx, LARGE + 1));
	expect_pages(test, MEDIUM, LARGE + 3 * MEDIUM);
	KUNIT_EXPECT_EQ(test, MEDIUM + LARGE, reclaim(ctx, MEDIUM + 1));
	expect_pages(test, 0, 3 * MEDIUM);
	KUNIT_EXPECT_EQ(test, 2 * MEDIUM, reclaim(ctx, MEDIUM + 1));
	KUNIT_EXPECT_EQ(test, MEDIUM, reclaim(ctx, 2 * MEDIUM));
	KUNIT_EXPECT_EQ(test, 0UL, reclaim(ctx, 1));
	KUNIT_EXPECT_EQ(test, 3 * LARGE + 5 * MEDIUM,
			atomic_long_read(&ctx->pool->reclaimed));
}

/* Also what is left of a buffer while a batch of it is being zeroed. */
static void reclaim_rest(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, LARGE, reclaim(test->priv, 2 * LARGE));
}

static void test_reclaim_while_zeroing(struct kunit *test)
{
	unsigned long batch = umax(HEAP_ZERO_BATCH, LARGE);
	struct pool_ctx *ctx = test->priv;

	use_and_free(test, batch + LARGE);
	heap_test_stub_zero(test, 0, reclaim_rest);
	run_helper(ctx);
	expect_pages(test, 0, batch);
}

/* Direct reclaim waits a while for bins that somebody uses, kswapd does not. */
static void test_reclaim_used(struct kunit *test)
{
	struct pool_ctx *ctx = test->priv;
	struct work_struct *work;
	unsigned long nr_sleeps;

	use_and_free(test, LARGE);
	run_helper(ctx);
	work = heap_test_use_bin(heap_bins_local(ctx->pool->bins, 0));

	nr_sleeps = current->nvcsw;
	current->flags |= PF_KSWAPD;
	KUNIT_EXPECT_EQ(test, 0UL, reclaim(ctx, 1));
	current->flags &= ~PF_KSWAPD;
	KUNIT_EXPECT_EQ(test, nr_sleeps, current->nvcsw);

	KUNIT_EXPECT_EQ(test, 0UL, reclaim(ctx, 1));
	/* Now and then a tick comes before the task has gone to sleep. */
	KUNIT_EXPECT_GE(test, current->nvcsw, nr_sleeps + RECLAIM_TICKS / 2);
	KUNIT_EXPECT_TRUE(test, work_busy(work));
	flush_work(work);
}

static int heap_pool_kunit_init(struct kunit *test)
{
	struct pool_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	int nid;

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	method_now = HEAP_ZERO_VMAP;
	atomic_set(&nr_buffers, 0);
	if (heap_orders[0] > MAX_PAGE_ORDER)
		kunit_skip(test, "there are no large pages");

	/*
	 * On another node the task would miss what it has freed. Not the node's
	 * CPUs: an emulated node has all of them.
	 */
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));

	for_each_node_state(nid, N_MEMORY)
		ctx->reclaimable[nid] = heap_test_reclaimable(nid);
	ctx->pool = heap_pool_create("kunit", &method_now, free_buffer);
	KUNIT_ASSERT_NOT_NULL(test, ctx->pool);
	heap_pool_set_limits(ctx->pool, POOL_PAGES, QUEUE_PAGES);
	ctx->recycle = ctx->pool->recycle;
	ctx->recycle->queue.work.work.func = heap_test_do_nothing;
	test->priv = ctx;

	return 0;
}

/* All of it goes back where it came from. */
static void heap_pool_kunit_exit(struct kunit *test)
{
	struct pool_ctx *ctx = test->priv;
	struct heap_bin *bin;
	unsigned int i;
	int nid;

	if (!ctx)
		return;

	run_helper(ctx);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&nr_buffers));
	shrinker_free(ctx->pool->shrinker);
	heap_test_stop_helper(&ctx->recycle->queue);
	for_each_node_state(nid, N_MEMORY) {
		for (i = 0; i < HEAP_NR_ORDERS; i++) {
			bin = &ctx->pool->bins->bin[nid][i];
			KUNIT_EXPECT_EQ(test, 0U, heap_bin_inflight(bin));
			heap_test_destroy_bin(bin);
		}
		heap_test_expect_reclaimable(test, nid, ctx->reclaimable[nid]);
	}
	kfree(ctx->recycle->queue.taker);
	kfree(ctx->recycle);
	kfree(ctx->pool->bins);
	kfree(ctx->pool);
}

static struct kunit_case heap_pool_cases[] = {
	KUNIT_CASE_PARAM(test_reuse, reuse_gen_params),
	KUNIT_CASE(test_unpooled),
	KUNIT_CASE(test_pool_limit),
	KUNIT_CASE(test_refused),
	KUNIT_CASE(test_map_fails),
	KUNIT_CASE(test_unfit_pages),
	KUNIT_CASE(test_alloc_fails),
	KUNIT_CASE(test_reclaim),
	KUNIT_CASE(test_reclaim_while_zeroing),
	KUNIT_CASE(test_reclaim_used),
	{ }
};

static struct kunit_suite heap_pool_suite = {
	.name = "dma_heap_pool",
	.init = heap_pool_kunit_init,
	.exit = heap_pool_kunit_exit,
	.test_cases = heap_pool_cases,
};

kunit_test_suite(heap_pool_suite);
