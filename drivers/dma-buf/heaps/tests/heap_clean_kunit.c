// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of a supply: the way of a page from a buffer through the queue, clean
 * to a pool and to the next buffer, and the ways out on either side
 *
 * All of them share one supply. Each finds it empty, and leaves it empty with every
 * count where it was.
 *
 * Where the helper thread must not interfere it is held when it frees a buffer made
 * for that, the stopper, after that buffer's one page is gone.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/deferred_free.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <kunit/static_stub.h>
#include <kunit/test-bug.h>
#include <kunit/test.h>

#include "../heap_clean.h"
#include "../heap_pool.h"
#include "../heap_supply.h"
#include "heap_kunit.h"

#define POOL_PAGES	(SZ_32M >> PAGE_SHIFT)
#define QUEUE_PAGES	(SZ_16M >> PAGE_SHIFT)

/* The largest pages there are; many tests use nothing else. */
#define LARGE_ORDER	8
#define LARGE		(PAGE_SIZE << LARGE_ORDER)
#define LARGE_PAGES	(LARGE >> PAGE_SHIFT)
#define MEDIUM		(PAGE_SIZE << 4)

#define PATIENCE	(20 * HZ)

static struct heap_supply *supply;
/* Buffers that exist. */
static atomic_t nr_buffers;

struct buffer {
	struct ctx *stops;
	struct heap_pages pages;
};

struct ctx {
	struct completion stopped;
	struct completion go_on;
	long reclaimable;
	unsigned long zeroed;
	unsigned long zero_failed;
	unsigned long helped;
	unsigned long refused;
	unsigned long reclaimed;
	struct heap_pool_stats stats;
	/* Of the stub: mappings made, and which one is to fail. */
	unsigned int nr_maps;
	unsigned int fail_at;
};

static void free_buffer(struct heap_pages *pages)
{
	struct buffer *buffer = container_of(pages, struct buffer, pages);

	/* The helper only, not a test whose buffer was refused. */
	if (buffer->stops && !kunit_get_current_test()) {
		complete(&buffer->stops->stopped);
		wait_for_completion(&buffer->stops->go_on);
	}
	atomic_dec(&nr_buffers);
	kfree(buffer);
}

static struct buffer *buffer_alloc(unsigned long len)
{
	unsigned int slots = heap_pages_slots(heap_supply_nents(len));
	struct buffer *buffer;

	buffer = kzalloc(struct_size(buffer, pages.first, slots), GFP_KERNEL);
	if (!buffer)
		return NULL;

	atomic_inc(&nr_buffers);
	heap_pages_init(&buffer->pages, slots);
	buffer->pages.pooled = true;

	return heap_supply_alloc(supply, &buffer->pages, len) ? NULL : buffer;
}

static void buffer_free(struct buffer *buffer)
{
	heap_supply_free(supply, &buffer->pages);
}

static void buffer_dirty(struct buffer *buffer)
{
	struct scatterlist *sg;
	int i;

	for_each_sgtable_sg(&buffer->pages.table, sg, i)
		heap_kunit_dirty(sg_page(sg), get_order(sg->length));
}

static bool buffer_clean(struct buffer *buffer)
{
	struct scatterlist *sg;
	int i;

	for_each_sgtable_sg(&buffer->pages.table, sg, i)
		if (!heap_kunit_clean(sg_page(sg), get_order(sg->length)))
			return false;

	return true;
}

/* A buffer of clean pages of the largest sizes that fit. */
static struct buffer *ctx_alloc(struct kunit *test, unsigned long len)
{
	struct buffer *buffer = buffer_alloc(len);

	KUNIT_ASSERT_NOT_NULL(test, buffer);
	KUNIT_EXPECT_TRUE(test, buffer_clean(buffer));
	KUNIT_EXPECT_EQ(test, len >> PAGE_SHIFT, buffer->pages.nr_pages);
	KUNIT_EXPECT_EQ_MSG(test, heap_supply_nents(len),
			    buffer->pages.table.nents, "memory is fragmented");

	return buffer;
}

/* The same, dirtied and closed. */
static void ctx_use(struct kunit *test, unsigned long len)
{
	struct buffer *buffer = ctx_alloc(test, len);

	buffer_dirty(buffer);
	buffer_free(buffer);
}

/* All pools together. */
static struct heap_pool_stats get_stats(void)
{
	struct heap_pool_stats stats = { };
	unsigned int i;
	int nid;

	for_each_node_state(nid, N_MEMORY)
		for (i = 0; i < HEAP_NR_ORDERS; i++)
			heap_pool_get_stats(supply->pools[nid][i], &stats);

	return stats;
}

static unsigned long pooled_pages(void)
{
	static const unsigned int orders[HEAP_NR_ORDERS] = { 8, 4, 0 };
	unsigned long nr_pages = 0;
	unsigned int i;
	int nid;

	for_each_node_state(nid, N_MEMORY)
		for (i = 0; i < HEAP_NR_ORDERS; i++)
			nr_pages += heap_pool_cached(supply->pools[nid][i]) <<
				    orders[i];

	return nr_pages;
}

static unsigned long queued_pages(void)
{
	return deferred_free_pages(supply->queue);
}

static long reclaimable_pages(void)
{
	long nr_pages = 0;
	int nid;

	for_each_node_state(nid, N_MEMORY)
		nr_pages += heap_kunit_reclaimable(nid);

	return nr_pages;
}

static bool reclaimable_is(long expected)
{
	unsigned int tries;

	for (tries = 0; tries < 100; tries++) {
		if (reclaimable_pages() == expected)
			return true;
		usleep_range(1000, 2000);
	}

	return false;
}

/* As memory reclaim does it. Return: pages given back, 0 if there is nothing. */
static unsigned long reclaim(unsigned long nr_pages)
{
	unsigned long freed, sum = 0;
	int nid;

	for_each_node_state(nid, N_MEMORY) {
		struct shrink_control sc = {
			.gfp_mask = GFP_KERNEL,
			.nid = nid,
			.nr_to_scan = nr_pages - sum,
			.nr_scanned = nr_pages - sum,
		};

		freed = supply->shrinker->scan_objects(supply->shrinker, &sc);
		if (freed != SHRINK_STOP)
			sum += freed;
		if (sum >= nr_pages)
			break;
	}

	return sum;
}

static unsigned long reclaim_count(void)
{
	unsigned long nr, sum = 0;
	int nid;

	for_each_node_state(nid, N_MEMORY) {
		struct shrink_control sc = {
			.gfp_mask = GFP_KERNEL,
			.nid = nid,
		};

		nr = supply->shrinker->count_objects(supply->shrinker, &sc);
		if (nr != SHRINK_EMPTY)
			sum += nr;
	}

	return sum;
}

/* Return: whether the helper got everything done. */
static bool wait_for_helper(void)
{
	unsigned long end = jiffies + PATIENCE;

	while (queued_pages()) {
		if (time_after(jiffies, end))
			return false;
		usleep_range(500, 1000);
	}

	return true;
}

static bool drain(void)
{
	unsigned long end = jiffies + PATIENCE;

	if (!wait_for_helper())
		return false;
	while (reclaim_count()) {
		if (time_after(jiffies, end))
			return false;
		if (!reclaim(1024))
			usleep_range(500, 1000);
	}

	return true;
}

/* From here on the helper does nothing, and 1 page more is counted as queued. */
static void ctx_stop_helper(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	struct buffer *stopper = ctx_alloc(test, PAGE_SIZE);

	stopper->stops = ctx;
	buffer_free(stopper);
	KUNIT_ASSERT_TRUE(test, wait_for_completion_timeout(&ctx->stopped,
							    PATIENCE));
}

static const struct reuse_param {
	const char *desc;
	unsigned long len;
	enum heap_zero_method method;
	unsigned int batch;
} reuse_params[] = {
	{ "one page", PAGE_SIZE, HEAP_ZERO_VMAP, 256 },
	{ "medium pages", 7 * MEDIUM, HEAP_ZERO_VMAP, 256 },
	{ "large pages", 3 * LARGE, HEAP_ZERO_VMAP, 256 },
	{ "all sizes", LARGE + 3 * MEDIUM + 5 * PAGE_SIZE, HEAP_ZERO_VMAP, 256 },
	{ "all sizes, least batch", LARGE + 3 * MEDIUM + 5 * PAGE_SIZE,
	  HEAP_ZERO_VMAP, HEAP_ZERO_BATCH_MIN },
	{ "all sizes, largest batch", LARGE + 3 * MEDIUM + 5 * PAGE_SIZE,
	  HEAP_ZERO_VMAP, HEAP_ZERO_BATCH_MAX },
	{ "all sizes, direct", LARGE + 3 * MEDIUM + 5 * PAGE_SIZE,
	  HEAP_ZERO_DIRECT, 256 },
};

KUNIT_ARRAY_PARAM_DESC(reuse, reuse_params, desc);

/* Closed, cleaned, and there for the next buffer without a miss. */
static void test_reuse(struct kunit *test)
{
	const struct reuse_param *param = test->param_value;
	unsigned int nents = heap_supply_nents(param->len);
	unsigned long misses, hits;
	unsigned int round;

	heap_supply_set_zeroing(supply, param->method, param->batch);
	ctx_use(test, param->len);
	KUNIT_ASSERT_TRUE(test, wait_for_helper());

	for (round = 0; round < 3; round++) {
		misses = atomic_long_read(&supply->misses[0]) +
			 atomic_long_read(&supply->misses[1]) +
			 atomic_long_read(&supply->misses[2]);
		hits = get_stats().hits;
		KUNIT_EXPECT_GE(test, pooled_pages(), param->len >> PAGE_SHIFT);

		ctx_use(test, param->len);
		KUNIT_EXPECT_EQ(test, hits + nents, get_stats().hits);
		KUNIT_EXPECT_EQ(test, misses,
				atomic_long_read(&supply->misses[0]) +
				atomic_long_read(&supply->misses[1]) +
				atomic_long_read(&supply->misses[2]));
		KUNIT_ASSERT_TRUE(test, wait_for_helper());
	}
}

/* What is queued and what is pooled is memory that can be had. */
static void test_accounting(struct kunit *test)
{
	struct ctx *ctx = test->priv;

	ctx_stop_helper(test);
	ctx_use(test, 2 * LARGE);
	KUNIT_EXPECT_EQ(test, 2 * LARGE_PAGES + 1, queued_pages());
	KUNIT_EXPECT_TRUE(test, reclaimable_is(ctx->reclaimable +
					       2 * LARGE_PAGES));

	complete_all(&ctx->go_on);
	KUNIT_ASSERT_TRUE(test, wait_for_helper());
	KUNIT_EXPECT_GE(test, pooled_pages(), 2 * LARGE_PAGES);
	KUNIT_EXPECT_TRUE(test, reclaimable_is(ctx->reclaimable +
					       pooled_pages()));
	KUNIT_EXPECT_EQ(test, ctx->zeroed + 2 * LARGE_PAGES,
			atomic_long_read(&supply->zeroed));
}

static void test_pool_limit(struct kunit *test)
{
	struct buffer *buffer;

	heap_supply_set_limits(supply, 2 * LARGE_PAGES, QUEUE_PAGES);
	ctx_use(test, 4 * LARGE);
	KUNIT_ASSERT_TRUE(test, wait_for_helper());
	KUNIT_EXPECT_EQ(test, 2 * LARGE_PAGES, pooled_pages());

	/* Also when it changes, */
	heap_supply_set_limits(supply, LARGE_PAGES, QUEUE_PAGES);
	KUNIT_EXPECT_EQ(test, LARGE_PAGES, pooled_pages());

	/* and when a page of the pool comes back. */
	buffer = ctx_alloc(test, LARGE);
	KUNIT_EXPECT_EQ(test, 0UL, pooled_pages());
	heap_supply_set_limits(supply, LARGE_PAGES - 1, QUEUE_PAGES);
	buffer_free(buffer);
	KUNIT_ASSERT_TRUE(test, wait_for_helper());
	KUNIT_EXPECT_EQ(test, 0UL, pooled_pages());
}

/* Then the heap is what it was without pools. */
static void test_no_pool(struct kunit *test)
{
	struct buffer *before, *after;

	ctx_use(test, 2 * LARGE);
	KUNIT_ASSERT_TRUE(test, wait_for_helper());
	KUNIT_EXPECT_EQ(test, 2 * LARGE_PAGES, pooled_pages());
	before = ctx_alloc(test, LARGE);

	heap_supply_set_limits(supply, 0, QUEUE_PAGES);
	KUNIT_EXPECT_EQ(test, 0UL, pooled_pages());
	after = ctx_alloc(test, LARGE + 3 * MEDIUM + PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, heap_pool_owns(sg_page(after->pages.first)));
	KUNIT_EXPECT_EQ(test, 1UL, get_stats().inflight);

	buffer_free(after);
	KUNIT_EXPECT_EQ(test, 0UL, queued_pages());
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&nr_buffers));
	buffer_free(before);
	KUNIT_EXPECT_EQ(test, 0UL, queued_pages());
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&nr_buffers));
	KUNIT_EXPECT_EQ(test, 0UL, get_stats().inflight);
	KUNIT_EXPECT_EQ(test, 0UL, pooled_pages());
}

/* Who closes a buffer that the queue has no room for frees it, uncleaned. */
static void test_queue_limit(struct kunit *test)
{
	struct ctx *ctx = test->priv;

	heap_supply_set_limits(supply, POOL_PAGES, 2 * LARGE_PAGES + 1);
	ctx_stop_helper(test);
	ctx_use(test, LARGE);
	ctx_use(test, MEDIUM);
	KUNIT_EXPECT_EQ(test, 3, atomic_read(&nr_buffers));
	KUNIT_EXPECT_EQ(test, ctx->refused, atomic_long_read(&supply->refused));

	/* Too much, by less than a page of the heap. */
	ctx_use(test, LARGE - MEDIUM + PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, 3, atomic_read(&nr_buffers));
	KUNIT_EXPECT_EQ(test, LARGE_PAGES + 16 + 1, queued_pages());
	KUNIT_EXPECT_EQ(test, ctx->refused + LARGE_PAGES - 16 + 1,
			atomic_long_read(&supply->refused));
	KUNIT_EXPECT_TRUE(test, reclaimable_is(ctx->reclaimable + LARGE_PAGES +
					       16 + pooled_pages()));

	ctx_use(test, LARGE - MEDIUM);
	KUNIT_EXPECT_EQ(test, 4, atomic_read(&nr_buffers));
	KUNIT_EXPECT_EQ(test, 2 * LARGE_PAGES + 1, queued_pages());
	KUNIT_EXPECT_EQ(test, ctx->zeroed, atomic_long_read(&supply->zeroed));
}

/* Who finds nothing cleans what waits, as much as is needed. */
static void test_help(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	struct buffer *buffer;

	ctx_stop_helper(test);
	ctx_use(test, 3 * LARGE);
	KUNIT_EXPECT_EQ(test, 0UL, pooled_pages());

	buffer = ctx_alloc(test, LARGE);
	KUNIT_EXPECT_EQ(test, ctx->helped + LARGE_PAGES,
			atomic_long_read(&supply->helped));
	KUNIT_EXPECT_EQ(test, ctx->zeroed + LARGE_PAGES,
			atomic_long_read(&supply->zeroed));
	KUNIT_EXPECT_EQ(test, 2 * LARGE_PAGES + 1, queued_pages());
	KUNIT_EXPECT_TRUE(test, reclaimable_is(ctx->reclaimable +
					       2 * LARGE_PAGES));
	buffer_free(buffer);
}

/* Unless the oldest buffer has no pages of the size that is needed. */
static void test_help_of_no_use(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	struct buffer *buffer;

	ctx_stop_helper(test);
	ctx_use(test, 3 * MEDIUM);
	ctx_use(test, LARGE);
	buffer = ctx_alloc(test, LARGE);
	KUNIT_EXPECT_EQ(test, ctx->helped, atomic_long_read(&supply->helped));
	KUNIT_EXPECT_EQ(test, LARGE_PAGES + 3 * 16 + 1, queued_pages());
	buffer_free(buffer);
}

static bool stub_map(struct page **map, unsigned int nr)
{
	struct kunit *test = kunit_get_current_test();
	struct ctx *ctx = test->priv;
	bool ret;

	if (++ctx->nr_maps == ctx->fail_at)
		return false;

	kunit_deactivate_static_stub(test, heap_zero_map);
	ret = heap_zero_map(map, nr);
	kunit_activate_static_stub(test, heap_zero_map, stub_map);

	return ret;
}

/* @lost: how many of four large pages a failure of this mapping costs */
static const struct fail_param {
	const char *desc;
	unsigned int batch;
	unsigned int fail_at;
	unsigned int lost;
} fail_params[] = {
	{ "first page", 256, 1, 1 },
	{ "last page", 256, 4, 1 },
	{ "middle of a page", 16, 21, 1 },
	{ "end of a page", 16, 16, 1 },
	{ "whole batch", 1024, 1, 4 },
	{ "second page of a batch", 512, 2, 2 },
	{ "none", 256, 5, 0 },
};

KUNIT_ARRAY_PARAM_DESC(fail, fail_params, desc);

/* What cannot be cleaned leaves; nobody sees it, and everybody gets memory. */
static void test_map_fails(struct kunit *test)
{
	const struct fail_param *param = test->param_value;
	struct ctx *ctx = test->priv;
	struct buffer *buffer;

	heap_supply_set_zeroing(supply, HEAP_ZERO_VMAP, param->batch);
	ctx_stop_helper(test);
	ctx_use(test, 4 * LARGE);
	KUNIT_ASSERT_EQ(test, 4UL, get_stats().inflight);

	ctx->fail_at = param->fail_at;
	kunit_activate_static_stub(test, heap_zero_map, stub_map);
	buffer = ctx_alloc(test, 4 * LARGE);
	kunit_deactivate_static_stub(test, heap_zero_map);

	KUNIT_EXPECT_EQ(test, ctx->helped + 4 * LARGE_PAGES,
			atomic_long_read(&supply->helped));
	KUNIT_EXPECT_EQ(test, ctx->zero_failed + param->lost * LARGE_PAGES,
			atomic_long_read(&supply->zero_failed));
	KUNIT_EXPECT_EQ(test, ctx->zeroed + (4 - param->lost) * LARGE_PAGES,
			atomic_long_read(&supply->zeroed));
	KUNIT_EXPECT_EQ(test, ctx->stats.hits + 4 - param->lost,
			get_stats().hits);
	KUNIT_EXPECT_EQ(test, ctx->stats.released + param->lost,
			get_stats().released);
	KUNIT_EXPECT_EQ(test, 1UL, queued_pages());
	KUNIT_EXPECT_EQ(test, 4UL, get_stats().inflight);
	buffer_free(buffer);
}

/* The queue before the pools, the oldest first, and in pieces. */
static void test_reclaim(struct kunit *test)
{
	struct ctx *ctx = test->priv;
	struct buffer *large, *small;

	KUNIT_EXPECT_EQ(test, 0UL, reclaim_count());
	large = ctx_alloc(test, 2 * LARGE);
	small = ctx_alloc(test, 2 * MEDIUM);
	ctx_use(test, LARGE);
	KUNIT_ASSERT_TRUE(test, wait_for_helper());
	KUNIT_ASSERT_EQ(test, LARGE_PAGES, pooled_pages());
	ctx_stop_helper(test);
	buffer_free(large);
	buffer_free(small);
	KUNIT_EXPECT_EQ(test, 3 * LARGE_PAGES + 32, reclaim_count());

	KUNIT_EXPECT_EQ(test, LARGE_PAGES, reclaim(1));
	KUNIT_EXPECT_EQ(test, LARGE_PAGES + 32 + 1, queued_pages());
	KUNIT_EXPECT_EQ(test, LARGE_PAGES, pooled_pages());
	KUNIT_EXPECT_EQ(test, 3, atomic_read(&nr_buffers));
	KUNIT_EXPECT_TRUE(test, reclaimable_is(ctx->reclaimable +
					       2 * LARGE_PAGES + 32));

	KUNIT_EXPECT_EQ(test, LARGE_PAGES + 16, reclaim(LARGE_PAGES + 1));
	KUNIT_EXPECT_EQ(test, 16UL + 1, queued_pages());
	KUNIT_EXPECT_EQ(test, LARGE_PAGES, pooled_pages());
	KUNIT_EXPECT_EQ(test, 2, atomic_read(&nr_buffers));

	KUNIT_EXPECT_EQ(test, 16 + LARGE_PAGES, reclaim(17));
	KUNIT_EXPECT_EQ(test, 0UL, pooled_pages());
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&nr_buffers));

	/* The page that is left isn't within reach. */
	KUNIT_EXPECT_EQ(test, 1UL, queued_pages());
	KUNIT_EXPECT_EQ(test, 0UL, reclaim_count());
	KUNIT_EXPECT_EQ(test, 0UL, reclaim(1));
	KUNIT_EXPECT_EQ(test, ctx->reclaimed + 3 * LARGE_PAGES + 32,
			atomic_long_read(&supply->reclaimed));
	/* None of it was cleaned but what had been before. */
	KUNIT_EXPECT_EQ(test, ctx->zeroed + LARGE_PAGES,
			atomic_long_read(&supply->zeroed));
}

#define NR_TASKS	3
#define NR_ROUNDS	60

struct supply_user {
	struct kunit *test;
	unsigned int seed;
	unsigned int nr_dirty;
	unsigned int nr_shared;
	unsigned int nr_failed;
	struct task_struct *task;
};

/* Mark each page as one's own, or see whether it still is. */
static bool buffer_stamp(struct buffer *buffer, unsigned long stamp, bool check)
{
	struct scatterlist *sg;
	unsigned long *vaddr;
	bool ok = true;
	int i;

	for_each_sgtable_sg(&buffer->pages.table, sg, i) {
		vaddr = kmap_local_page(sg_page(sg));
		if (check)
			ok &= vaddr[2] == stamp;
		else
			vaddr[2] = stamp;
		kunmap_local(vaddr);
	}

	return ok;
}

static int user_fn(void *data)
{
	static const unsigned long lens[] = {
		PAGE_SIZE, LARGE, 5 * MEDIUM, LARGE + MEDIUM + PAGE_SIZE,
		3 * PAGE_SIZE, 2 * LARGE, MEDIUM,
	};
	struct supply_user *user = data;
	struct buffer *buffer;
	unsigned int round;

	for (round = 0; round < NR_ROUNDS; round++) {
		buffer = buffer_alloc(lens[user->seed++ % ARRAY_SIZE(lens)]);
		if (!buffer) {
			user->nr_failed++;
			continue;
		}
		if (!buffer_clean(buffer))
			user->nr_dirty++;
		buffer_stamp(buffer, (unsigned long)user, false);
		cond_resched();
		if (!buffer_stamp(buffer, (unsigned long)user, true))
			user->nr_shared++;
		buffer_free(buffer);
		if (round % 16 == 15)
			reclaim(user->seed % 1000);
	}

	/* Until somebody asks for the result. */
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);

	return 0;
}

/* Whatever happens at once: what one gets is clean, and nobody else's. */
static void test_concurrent(struct kunit *test)
{
	struct supply_user users[NR_TASKS] = { };
	unsigned int started, i;

	/* Little, so that bounds are met as well. */
	heap_supply_set_limits(supply, 4 * LARGE_PAGES, 4 * LARGE_PAGES);
	for (started = 0; started < NR_TASKS; started++) {
		users[started].seed = 3 * started;
		users[started].task = kthread_run(user_fn, &users[started],
						  "heap_clean_user");
		if (IS_ERR(users[started].task))
			break;
	}
	KUNIT_EXPECT_EQ(test, NR_TASKS, started);
	for (i = 0; i < started; i++) {
		kthread_stop(users[i].task);
		KUNIT_EXPECT_EQ(test, 0U, users[i].nr_failed);
		KUNIT_EXPECT_EQ(test, 0U, users[i].nr_dirty);
		KUNIT_EXPECT_EQ(test, 0U, users[i].nr_shared);
	}
	KUNIT_ASSERT_TRUE(test, wait_for_helper());
	KUNIT_EXPECT_LE(test, pooled_pages(), 4 * LARGE_PAGES);
}

static int heap_clean_kunit_init(struct kunit *test)
{
	struct ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	if (!ctx)
		return -ENOMEM;
	if (!drain())
		return -EBUSY;

	/* Elsewhere the task would find nothing of what it has freed here. */
	set_cpus_allowed_ptr(current, cpumask_of_node(numa_node_id()));

	heap_supply_set_limits(supply, POOL_PAGES, QUEUE_PAGES);
	heap_supply_set_zeroing(supply, HEAP_ZERO_VMAP, HEAP_ZERO_BATCH_DEFAULT);

	init_completion(&ctx->stopped);
	init_completion(&ctx->go_on);
	ctx->reclaimable = reclaimable_pages();
	ctx->zeroed = atomic_long_read(&supply->zeroed);
	ctx->zero_failed = atomic_long_read(&supply->zero_failed);
	ctx->helped = atomic_long_read(&supply->helped);
	ctx->refused = atomic_long_read(&supply->refused);
	ctx->reclaimed = atomic_long_read(&supply->reclaimed);
	ctx->stats = get_stats();
	test->priv = ctx;

	return 0;
}

/* Everything balances. */
static void heap_clean_kunit_exit(struct kunit *test)
{
	struct ctx *ctx = test->priv;

	if (!ctx)
		return;

	complete_all(&ctx->go_on);
	KUNIT_EXPECT_TRUE(test, drain());
	KUNIT_EXPECT_EQ(test, 0UL, queued_pages());
	KUNIT_EXPECT_EQ(test, 0UL, deferred_free_items(supply->queue));
	KUNIT_EXPECT_EQ(test, 0UL, pooled_pages());
	KUNIT_EXPECT_EQ(test, 0UL, get_stats().inflight);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&nr_buffers));
	KUNIT_EXPECT_TRUE(test, reclaimable_is(ctx->reclaimable));
}

static int heap_clean_kunit_suite_init(struct kunit_suite *suite)
{
	const struct heap_supply_config config = {
		.name = "kunit",
		.free_buffer = free_buffer,
		.pool_pages = POOL_PAGES,
		.queue_pages = QUEUE_PAGES,
	};

	supply = heap_supply_create(&config);

	return PTR_ERR_OR_ZERO(supply);
}

static void heap_clean_kunit_suite_exit(struct kunit_suite *suite)
{
	if (!IS_ERR_OR_NULL(supply))
		heap_supply_destroy(supply);
}

static struct kunit_case heap_clean_kunit_cases[] = {
	KUNIT_CASE_PARAM(test_reuse, reuse_gen_params),
	KUNIT_CASE(test_accounting),
	KUNIT_CASE(test_pool_limit),
	KUNIT_CASE(test_no_pool),
	KUNIT_CASE(test_queue_limit),
	KUNIT_CASE(test_help),
	KUNIT_CASE(test_help_of_no_use),
	KUNIT_CASE_PARAM(test_map_fails, fail_gen_params),
	KUNIT_CASE(test_reclaim),
	KUNIT_CASE(test_concurrent),
	{ }
};

static struct kunit_suite heap_clean_kunit_suite = {
	.name = "heap_clean",
	.suite_init = heap_clean_kunit_suite_init,
	.suite_exit = heap_clean_kunit_suite_exit,
	.init = heap_clean_kunit_init,
	.exit = heap_clean_kunit_exit,
	.test_cases = heap_clean_kunit_cases,
};

kunit_test_suite(heap_clean_kunit_suite);

MODULE_DESCRIPTION("KUnit tests of the way of pages from the queue to the pools");
MODULE_IMPORT_NS("DMA_BUF_HEAP");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_LICENSE("Dual MIT/GPL");
