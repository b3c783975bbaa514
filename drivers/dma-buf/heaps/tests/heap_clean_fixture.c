// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The supply that each test of the heap_clean suites works on; see
 * heap_clean_fixture.h
 */
#include <linux/deferred_free.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <kunit/test-bug.h>

#include "heap_clean_fixture.h"
#include "heap_kunit.h"

/* For the helper, and for what is already clean. */
#define PATIENCE	(20 * HZ)
#define DRAIN_PATIENCE	(2 * HZ)

static void free_buffer(struct heap_pages *pages)
{
	struct clean_kunit_buffer *buffer =
		container_of(pages, struct clean_kunit_buffer, pages);
	struct clean_kunit *ctx = buffer->ctx;

	/* The helper only, not a test whose buffer was refused. */
	if (buffer->stops && !kunit_get_current_test()) {
		complete(&ctx->stopped);
		wait_for_completion(&ctx->go_on);
	}
	atomic_dec(&ctx->nr_buffers);
	kfree(buffer);
}

struct clean_kunit_buffer *clean_kunit_new(struct clean_kunit *ctx,
					   unsigned long len)
{
	unsigned int slots = heap_pages_slots(heap_supply_nents(len));
	struct clean_kunit_buffer *buffer;

	buffer = kzalloc(struct_size(buffer, pages.first, slots), GFP_KERNEL);
	if (!buffer)
		return NULL;

	buffer->ctx = ctx;
	atomic_inc(&ctx->nr_buffers);
	heap_pages_init(&buffer->pages, slots);
	buffer->pages.pooled = true;

	return heap_supply_alloc(ctx->supply, &buffer->pages, len) ? NULL : buffer;
}

void clean_kunit_free(struct clean_kunit_buffer *buffer)
{
	heap_supply_free(buffer->ctx->supply, &buffer->pages);
}

bool clean_kunit_is_clean(struct clean_kunit_buffer *buffer)
{
	struct scatterlist *sg;
	int i;

	for_each_sgtable_sg(&buffer->pages.table, sg, i)
		if (!heap_kunit_clean(sg_page(sg), get_order(sg->length)))
			return false;

	return true;
}

struct clean_kunit_buffer *clean_kunit_alloc(struct kunit *test,
					     unsigned long len)
{
	struct clean_kunit_buffer *buffer = clean_kunit_new(test->priv, len);

	KUNIT_ASSERT_NOT_NULL(test, buffer);
	KUNIT_EXPECT_TRUE(test, clean_kunit_is_clean(buffer));
	KUNIT_EXPECT_EQ(test, len >> PAGE_SHIFT, buffer->pages.nr_pages);
	KUNIT_EXPECT_EQ_MSG(test, heap_supply_nents(len),
			    buffer->pages.table.nents, "memory is fragmented");

	return buffer;
}

void clean_kunit_use(struct kunit *test, unsigned long len)
{
	struct clean_kunit_buffer *buffer = clean_kunit_alloc(test, len);
	struct scatterlist *sg;
	int i;

	for_each_sgtable_sg(&buffer->pages.table, sg, i)
		heap_kunit_dirty(sg_page(sg), get_order(sg->length));
	clean_kunit_free(buffer);
}

void clean_kunit_stop_helper(struct kunit *test)
{
	struct clean_kunit_buffer *stopper = clean_kunit_alloc(test, PAGE_SIZE);
	struct clean_kunit *ctx = test->priv;

	stopper->stops = true;
	clean_kunit_free(stopper);
	KUNIT_ASSERT_TRUE(test, wait_for_completion_timeout(&ctx->stopped,
							    PATIENCE));
}

bool clean_kunit_wait(struct clean_kunit *ctx)
{
	unsigned long end = jiffies + PATIENCE;

	while (clean_kunit_queued(ctx)) {
		if (time_after(jiffies, end))
			return false;
		usleep_range(500, 1000);
	}

	return true;
}

struct heap_pool_stats clean_kunit_stats(struct clean_kunit *ctx)
{
	struct heap_pool_stats stats = { };
	unsigned int i;
	int nid;

	for_each_node_state(nid, N_MEMORY)
		for (i = 0; i < HEAP_NR_ORDERS; i++)
			if (ctx->supply->pools[nid][i])
				heap_pool_get_stats(ctx->supply->pools[nid][i],
						    &stats);

	return stats;
}

unsigned long clean_kunit_pooled(struct clean_kunit *ctx)
{
	static const unsigned int orders[HEAP_NR_ORDERS] = { 8, 4, 0 };
	unsigned long nr_pages = 0;
	struct heap_pool *pool;
	unsigned int i;
	int nid;

	for_each_node_state(nid, N_MEMORY) {
		for (i = 0; i < HEAP_NR_ORDERS; i++) {
			pool = ctx->supply->pools[nid][i];
			if (pool)
				nr_pages += heap_pool_cached(pool) << orders[i];
		}
	}

	return nr_pages;
}

unsigned long clean_kunit_queued(struct clean_kunit *ctx)
{
	return deferred_free_pages(ctx->supply->queue);
}

bool clean_kunit_reclaimable_is(struct clean_kunit *ctx, long expected)
{
	return heap_kunit_reclaimable_is(NUMA_NO_NODE,
					 ctx->reclaimable + expected);
}

unsigned long clean_kunit_reclaim(struct clean_kunit *ctx, unsigned long nr_pages)
{
	struct shrinker *shrinker = ctx->supply->shrinker;
	unsigned long freed, sum = 0;
	int nid;

	for_each_node_state(nid, N_MEMORY) {
		struct shrink_control sc = {
			.gfp_mask = GFP_KERNEL,
			.nid = nid,
			.nr_to_scan = nr_pages - sum,
			.nr_scanned = nr_pages - sum,
		};

		freed = shrinker->scan_objects(shrinker, &sc);
		if (freed != SHRINK_STOP)
			sum += freed;
		if (sum >= nr_pages)
			break;
	}

	return sum;
}

unsigned long clean_kunit_reclaim_count(struct clean_kunit *ctx)
{
	struct shrinker *shrinker = ctx->supply->shrinker;
	unsigned long nr, sum = 0;
	int nid;

	for_each_node_state(nid, N_MEMORY) {
		struct shrink_control sc = {
			.gfp_mask = GFP_KERNEL,
			.nid = nid,
		};

		nr = shrinker->count_objects(shrinker, &sc);
		if (nr != SHRINK_EMPTY)
			sum += nr;
	}

	return sum;
}

/* Gives up soon when there is something left that cannot be had. */
static bool drain(struct clean_kunit *ctx)
{
	unsigned long end;

	if (!clean_kunit_wait(ctx))
		return false;
	end = jiffies + DRAIN_PATIENCE;
	while (clean_kunit_reclaim_count(ctx)) {
		if (clean_kunit_reclaim(ctx, 1024)) {
			end = jiffies + DRAIN_PATIENCE;
			continue;
		}
		if (time_after(jiffies, end))
			return false;
		usleep_range(500, 1000);
	}

	return true;
}

int clean_kunit_init(struct kunit *test)
{
	static const struct heap_supply_config config = {
		.name = "kunit",
		.free_buffer = free_buffer,
		.pool_pages = POOL_PAGES,
		.queue_pages = QUEUE_PAGES,
	};
	struct clean_kunit *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	if (!ctx)
		return -ENOMEM;

	/*
	 * On another node the task would find nothing of what it has freed here.
	 * Not the node's CPUs: emulated nodes have all of them.
	 */
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));

	init_completion(&ctx->stopped);
	init_completion(&ctx->go_on);
	init_completion(&ctx->done);
	ctx->reclaimable = heap_kunit_reclaimable(NUMA_NO_NODE);
	ctx->supply = heap_supply_create(&config);
	if (IS_ERR(ctx->supply))
		return PTR_ERR(ctx->supply);
	test->priv = ctx;

	return 0;
}

/* Everything balances. */
void clean_kunit_exit(struct kunit *test)
{
	struct clean_kunit *ctx = test->priv;

	if (!ctx)
		return;

	complete_all(&ctx->go_on);
	KUNIT_EXPECT_TRUE(test, drain(ctx));
	KUNIT_EXPECT_EQ(test, 0UL, clean_kunit_queued(ctx));
	KUNIT_EXPECT_EQ(test, 0UL, deferred_free_items(ctx->supply->queue));
	KUNIT_EXPECT_EQ(test, 0UL, clean_kunit_pooled(ctx));
	KUNIT_EXPECT_EQ(test, 0UL, clean_kunit_stats(ctx).inflight);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&ctx->nr_buffers));
	KUNIT_EXPECT_TRUE(test, clean_kunit_reclaimable_is(ctx, 0));
	heap_supply_destroy(ctx->supply);
}

MODULE_DESCRIPTION("KUnit tests of the way of pages from the queue to the pools");
MODULE_IMPORT_NS("DMA_BUF_HEAP");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_LICENSE("Dual MIT/GPL");
