// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of a page's path from a buffer through the queue and the cache to the
 * next buffer. Old data is never seen, and reclaim finds all cached and queued pages.
 *
 * The suites of the cache and of the queue use the pool that is made here.
 */
#include <linux/vmstat.h>

#include "heap_kunit.h"

#define POOL_PAGES	(32 * LARGE)
#define QUEUE_PAGES	(16 * LARGE)
#define MAX_SLOTS	200

struct heap_test heap_test;

static bool (*after_zeroing)(struct kunit *test);

static bool stub_zero(struct page **pages, unsigned int nr)
{
	struct kunit *test = kunit_get_current_test();
	bool ret;

	kunit_deactivate_static_stub(test, heap_zero_pages);
	ret = heap_zero_pages(pages, nr);
	kunit_activate_static_stub(test, heap_zero_pages, stub_zero);
	if (!heap_test.nr_maps++ && after_zeroing)
		ret = after_zeroing(test);

	return ret;
}

/* Count calls of heap_zero_pages(). The first one returns what @after returns. */
void heap_test_stub_zero(struct kunit *test, bool (*after)(struct kunit *test))
{
	after_zeroing = after;
	kunit_activate_static_stub(test, heap_zero_pages, stub_zero);
}

/* A node's reclaimable pages, with per-CPU counts not folded in yet. */
static long reclaimable(int nid)
{
	const enum node_stat_item item = NR_KERNEL_MISC_RECLAIMABLE;
	struct pglist_data *pgdat = NODE_DATA(nid);
	long nr_pages = atomic_long_read(&pgdat->vm_stat[item]);
	int cpu;

	if (IS_ENABLED(CONFIG_SMP))
		for_each_online_cpu(cpu)
			nr_pages += per_cpu_ptr(pgdat->per_cpu_nodestats,
						cpu)->vm_node_stat_diff[item];

	return nr_pages;
}

/* Expect @queued and @cached base pages, accounted on their nodes. */
void heap_test_expect(struct kunit *test, unsigned long queued,
		      unsigned long cached)
{
	long held, on_node;
	int nid;

	KUNIT_EXPECT_EQ(test, queued, deferred_free_pages(heap_test.queue));
	KUNIT_EXPECT_EQ(test, cached, atomic_long_read(&heap_test.cache->nr_pages));
	held = queued + cached;
	for_each_node_state(nid, N_MEMORY) {
		on_node = atomic_long_read(&heap_test.queue->queued[nid]) +
			  heap_test_pages(nid);
		held -= on_node;
		on_node += heap_test.reclaimable[nid];
		/* A CPU may have been folding in its count just then. */
		if (reclaimable(nid) != on_node)
			msleep(20);
		KUNIT_EXPECT_EQ(test, on_node, reclaimable(nid));
	}
	KUNIT_EXPECT_EQ(test, 0L, held);
}

struct page *heap_test_page(struct kunit *test, int nid, unsigned int i)
{
	struct page *page = alloc_pages_node(nid, GFP_HIGHUSER | __GFP_COMP |
					     __GFP_THISNODE, heap_orders[i]);

	KUNIT_ASSERT_NOT_NULL(test, page);

	return page;
}

struct heap_sgl *heap_test_new_buffer(struct kunit *test, unsigned int slots)
{
	struct heap_sgl *sgl = kmem_cache_zalloc(heap_test.buffers, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, sgl);
	KUNIT_ASSERT_LE(test, slots, MAX_SLOTS);
	heap_sgl_init(sgl, slots);
	sgl->buffer = sgl;

	return sgl;
}

/* A buffer of dirty pages of one order, from the cache or the page allocator. */
struct heap_sgl *heap_test_buffer(struct kunit *test, int nid, unsigned int i,
				  unsigned int nr, bool owned)
{
	struct heap_sgl *sgl = heap_test_new_buffer(test, nr + 1);
	struct scatterlist *sg = sgl->first;
	unsigned int n;

	if (owned) {
		if (READ_ONCE(heap_test.cache->bin[nid][i].cached) < nr)
			heap_test_fetch(nid, i, nr);
		KUNIT_ASSERT_EQ(test, nr, heap_cache_take(heap_test.cache, nid, i,
							  sg, nr));
	}
	for (n = 0; n < nr; n++) {
		if (!owned)
			sg_set_page(sg + n, heap_test_page(test, nid, i),
				    PAGE_SIZE << heap_orders[i], 0);
		heap_test_dirty(sg_page(sg + n));
	}
	heap_sgl_added(sgl, nr, heap_orders[i]);
	heap_sgl_end(sgl);

	return sgl;
}

void heap_test_start(struct kunit *test, int (*fn)(void *), void *data)
{
	struct task_struct **task = heap_test.tasks;

	while (*task)
		task++;
	*task = kthread_run(fn, data, "dma_heap_kunit");
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, *task);
}

void heap_test_stop(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(heap_test.tasks); i++)
		if (!IS_ERR_OR_NULL(heap_test.tasks[i]))
			kthread_stop(heap_test.tasks[i]);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&heap_test.nr_errors));
}

static void count_run(struct kthread_work *work)
{
	atomic_inc(&heap_test.nr_runs);
}

int heap_test_init(struct kunit *test)
{
	int nid;

	if (heap_orders[0] > MAX_PAGE_ORDER)
		kunit_skip(test, "there are no large pages");

	/*
	 * On another node the task would miss the pages that it has freed. It is
	 * bound to one CPU, as each node has all CPUs if nodes are emulated.
	 */
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));

	memset(&heap_test, 0, sizeof(heap_test));
	heap_test.nid = numa_mem_id();
	heap_test.other = NUMA_NO_NODE;
	for_each_node_state(nid, N_MEMORY) {
		heap_test.reclaimable[nid] = reclaimable(nid);
		if (nid != heap_test.nid)
			heap_test.other = nid;
	}
	heap_test.buffers = kmem_cache_create("dma_heap_kunit", sizeof(struct heap_sgl) +
					      MAX_SLOTS * sizeof(struct scatterlist),
					      0, SLAB_NO_MERGE, NULL);
	KUNIT_ASSERT_NOT_NULL(test, heap_test.buffers);
	heap_test.pool = heap_pool_create("kunit", &heap_test.method);
	KUNIT_ASSERT_NOT_NULL(test, heap_test.pool);
	heap_test.cache = heap_test.pool->cache;
	heap_test.queue = heap_test.pool->queue;
	heap_test.queue->work.work.func = count_run;
	heap_pool_set_limits(heap_test.pool, POOL_PAGES, QUEUE_PAGES);
	kthread_flush_worker(heap_test.queue->worker);
	atomic_set(&heap_test.nr_runs, 0);

	return 0;
}

/* Free all pages and the pool, and expect that none is missing. */
void heap_test_exit(struct kunit *test)
{
	struct heap_pool *pool = heap_test.pool;
	unsigned int i;
	int nid;

	if (!pool)
		return;

	unregister_oom_notifier(&pool->oom);
	kthread_cancel_delayed_work_sync(&pool->queue->work);
	kthread_destroy_worker(pool->queue->worker);
	deferred_free_shrink(pool->queue, ULONG_MAX);
	/* kmem_cache_destroy() complains about buffers that were not freed. */
	kmem_cache_destroy(heap_test.buffers);
	for_each_node_state(nid, N_MEMORY) {
		heap_cache_shrink(pool->cache, nid, ULONG_MAX, true);
		for (i = 0; i < HEAP_NR_ORDERS; i++)
			heap_test_destroy_bin(test, &pool->cache->bin[nid][i]);
	}
	heap_test_expect(test, 0, 0);
	kfree(pool->queue);
	shrinker_free(pool->shrinkers[HEAP_IDLE]);
	shrinker_free(pool->shrinkers[HEAP_USED]);
	kfree(pool->cache);
	kfree(pool);
	heap_test.pool = NULL;
}

/* Allocate a zeroed buffer of the largest pages that fit, and dirty it. */
static struct heap_sgl *use(struct kunit *test, unsigned long nr_pages)
{
	unsigned int slots = heap_pool_slots(nr_pages << PAGE_SHIFT);
	struct heap_sgl *sgl = heap_test_new_buffer(test, slots);
	struct scatterlist *sg;
	int i;

	KUNIT_ASSERT_EQ(test, 0, heap_pool_alloc(heap_test.pool, sgl,
						 nr_pages << PAGE_SHIFT));
	KUNIT_EXPECT_EQ(test, nr_pages, sgl->nr_pages);
	KUNIT_EXPECT_EQ_MSG(test, slots - 1, sgl->table.nents,
			    "memory is fragmented");
	for_each_sgtable_sg(&sgl->table, sg, i) {
		KUNIT_EXPECT_TRUE(test, heap_test_is_zero(sg_page(sg)));
		heap_test_dirty(sg_page(sg));
	}

	return sgl;
}

static void use_and_free(struct kunit *test, unsigned long nr_pages)
{
	heap_pool_free(heap_test.pool, use(test, nr_pages));
}

static unsigned long scan(enum heap_shrinker which, unsigned long nr_pages)
{
	struct shrink_control sc = { .nid = heap_test.nid, .nr_to_scan = nr_pages };
	unsigned long freed = heap_pool_shrinker_scan(heap_test.pool->shrinkers[which], &sc);

	return freed == SHRINK_STOP ? 0 : freed;
}

/* Expect the shrinkers to count these pages. Reclaim scans half of what the first counts. */
static void expect_counts(struct kunit *test, unsigned long idle, unsigned long used)
{
	struct shrink_control sc = { .nid = heap_test.nid };
	struct shrinker **shrinkers = heap_test.pool->shrinkers;

	KUNIT_EXPECT_EQ(test, 2 * idle ?: SHRINK_EMPTY,
			heap_pool_shrinker_count(shrinkers[HEAP_IDLE], &sc));
	KUNIT_EXPECT_EQ(test, used ?: SHRINK_EMPTY,
			heap_pool_shrinker_count(shrinkers[HEAP_USED], &sc));
}

static const struct reuse_param {
	const char *desc;
	unsigned long nr_pages;
	enum heap_zero_method method;
} reuse_params[] = {
	{ "one page", 1, HEAP_ZERO_VMAP },
	{ "medium pages", 7 * MEDIUM, HEAP_ZERO_VMAP },
	{ "large pages", 3 * LARGE, HEAP_ZERO_VMAP },
	{ "all sizes", LARGE + 3 * MEDIUM + 5, HEAP_ZERO_VMAP },
	{ "all sizes, direct", LARGE + 3 * MEDIUM + 5, HEAP_ZERO_DIRECT },
};

KUNIT_ARRAY_PARAM_DESC(reuse, reuse_params, desc);

/* Freed pages are zeroed, and the next buffer gets them without a miss. */
static void test_reuse(struct kunit *test)
{
	const struct reuse_param *param = test->param_value;
	struct heap_pool *pool = heap_test.pool;
	unsigned int round, i;

	heap_test.method = param->method;
	heap_test_stub_zero(test, NULL);
	for (round = 0; round < 3; round++) {
		use_and_free(test, param->nr_pages);
		heap_test_run();
		for (i = 0; i < HEAP_NR_ORDERS; i++)
			KUNIT_EXPECT_EQ(test, atomic_long_read(&pool->hits[i]),
					round * atomic_long_read(&pool->misses[i]));
	}
	KUNIT_EXPECT_EQ(test, param->method == HEAP_ZERO_VMAP, heap_test.nr_maps > 0);
}

/* The first buffer that finds others queued gets new memory; later ones get queued pages. */
static void test_behind(struct kunit *test)
{
	struct list_head *buffers = &heap_test.queue->buffers;
	atomic_long_t *reused = &heap_test.queue->reused;
	unsigned long nr = 3 * LARGE + MEDIUM;

	use_and_free(test, 2 * LARGE);
	use_and_free(test, nr);
	KUNIT_EXPECT_EQ(test, 0L, atomic_long_read(reused));
	use_and_free(test, nr);
	KUNIT_EXPECT_EQ(test, nr, atomic_long_read(reused));

	/* Pages of another process's buffer come before new memory, too. */
	list_last_entry(buffers, struct heap_sgl, node)->closed_by = 0;
	use_and_free(test, nr);
	KUNIT_EXPECT_EQ(test, 2 * nr, atomic_long_read(reused));
	heap_test_expect(test, 2 * LARGE + nr, 0);
}

static struct page *new_small_page(unsigned int i)
{
	return heap_orders[i] ? NULL : alloc_pages(LOW_ORDER_GFP, 0);
}

/* The page allocator has no large pages, but the queue does. */
static void test_fragmented(struct kunit *test)
{
	use_and_free(test, 2 * LARGE);
	kunit_activate_static_stub(test, heap_pool_new_page, new_small_page);
	use_and_free(test, LARGE);
	kunit_deactivate_static_stub(test, heap_pool_new_page);
	KUNIT_EXPECT_EQ(test, LARGE, atomic_long_read(&heap_test.queue->reused));
	heap_test_expect(test, 2 * LARGE, 0);
}

static void test_limits(struct kunit *test)
{
	struct heap_pool *pool = heap_test.pool;

	KUNIT_EXPECT_FALSE(test, heap_pool_enabled(NULL, false));
	KUNIT_EXPECT_TRUE(test, heap_pool_enabled(pool, false));
	use_and_free(test, 4 * LARGE);
	heap_test_run();
	heap_test_expect(test, 0, 4 * LARGE);

	/* A new limit wakes the thread. Its work frees the pages beyond the limit. */
	heap_pool_set_limits(pool, LARGE + 1, LARGE);
	kthread_flush_worker(heap_test.queue->worker);
	KUNIT_EXPECT_LE(test, 1, atomic_read(&heap_test.nr_runs));
	heap_test_run();
	heap_test_expect(test, 0, LARGE);
	use_and_free(test, MEDIUM);
	use_and_free(test, LARGE);
	heap_test_expect(test, MEDIUM, 0);

	heap_pool_set_limits(pool, 0, QUEUE_PAGES);
	KUNIT_EXPECT_FALSE(test, heap_pool_enabled(pool, false));
}

static int no_chain(struct heap_sgl *sgl)
{
	return -ENOMEM;
}

/* Allocate into a buffer with room for three pages. Returns the error. */
static int fail_alloc(struct kunit *test, unsigned long len)
{
	struct heap_sgl *sgl = heap_test_new_buffer(test, 4);

	return heap_pool_alloc(heap_test.pool, sgl, len);
}

/* A task that is killed stops, and pages already taken are put back. */
static void test_alloc_fails(struct kunit *test)
{
	long misses;

	use_and_free(test, 2 * LARGE);
	heap_test_run();
	sigaddset(&current->pending.signal, SIGKILL);
	set_tsk_thread_flag(current, TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, -EINTR, fail_alloc(test, LARGE << PAGE_SHIFT));
	flush_signals(current);
	heap_test_expect(test, 0, 2 * LARGE);

	/* The third page comes from the page allocator. */
	kunit_activate_static_stub(test, heap_sgl_chain, no_chain);
	KUNIT_EXPECT_EQ(test, -ENOMEM, fail_alloc(test, 8 * LARGE << PAGE_SHIFT));
	heap_test_expect(test, 0, 2 * LARGE);

	/* Only pages within a lower limit are put back. */
	heap_pool_set_limits(heap_test.pool, LARGE, QUEUE_PAGES);
	KUNIT_EXPECT_EQ(test, -ENOMEM, fail_alloc(test, 8 * LARGE << PAGE_SHIFT));
	heap_test_expect(test, 0, LARGE);
	use_and_free(test, LARGE);

	/* Nothing is taken for a buffer larger than memory. */
	misses = atomic_long_read(&heap_test.pool->misses[LARGES]);
	KUNIT_EXPECT_EQ(test, -ENOMEM, fail_alloc(test, ULONG_MAX & PAGE_MASK));
	KUNIT_EXPECT_EQ(test, misses, atomic_long_read(&heap_test.pool->misses[LARGES]));
}

/* Pages not taken lately are idle. Queued pages that replace taken ones count as used. */
static void test_counts(struct kunit *test)
{
	struct heap_sgl *sgl;

	expect_counts(test, 0, 0);
	KUNIT_EXPECT_EQ(test, 0UL, scan(HEAP_IDLE, 1));
	KUNIT_EXPECT_EQ(test, 0UL, scan(HEAP_USED, 1));
	use_and_free(test, 4 * LARGE);
	expect_counts(test, 4 * LARGE, 0);
	heap_test_run();
	expect_counts(test, 4 * LARGE, 0);

	sgl = use(test, 3 * LARGE);
	expect_counts(test, 0, LARGE);
	heap_pool_free(heap_test.pool, sgl);
	expect_counts(test, LARGE, 3 * LARGE);
	heap_test_run();
	expect_counts(test, LARGE, 3 * LARGE);
	KUNIT_EXPECT_EQ(test, LARGE, scan(HEAP_IDLE, 2 * LARGE));
	KUNIT_EXPECT_EQ(test, 0UL, scan(HEAP_IDLE, 1));
	KUNIT_EXPECT_EQ(test, LARGE, scan(HEAP_USED, 1));
	expect_counts(test, 0, 2 * LARGE);
}

/* Reclaim frees the queue before the cache, oldest first, in pieces. */
static void test_reclaim(struct kunit *test)
{
	struct heap_sgl *large = use(test, 2 * LARGE), *medium = use(test, 2 * MEDIUM);

	use_and_free(test, LARGE + 3 * MEDIUM);
	heap_test_run();
	heap_pool_free(heap_test.pool, large);
	heap_pool_free(heap_test.pool, medium);
	KUNIT_EXPECT_EQ(test, LARGE, scan(HEAP_IDLE, 1));
	KUNIT_EXPECT_EQ(test, LARGE + MEDIUM, scan(HEAP_USED, LARGE + 1));
	heap_test_expect(test, MEDIUM, LARGE + 3 * MEDIUM);
	KUNIT_EXPECT_EQ(test, 2 * MEDIUM, scan(HEAP_IDLE, MEDIUM + 1));
	heap_test_expect(test, 0, LARGE + 2 * MEDIUM);
	KUNIT_EXPECT_EQ(test, 2 * LARGE + 3 * MEDIUM,
			atomic_long_read(&heap_test.pool->reclaimed));
}

static bool reclaim_rest(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, LARGE, scan(HEAP_USED, 2 * LARGE));

	return true;
}

/* Reclaim frees the rest of a buffer while a batch of it is being zeroed. */
static void test_reclaim_while_zeroing(struct kunit *test)
{
	unsigned long batch = umax(HEAP_ZERO_BATCH, LARGE);

	heap_test_close(test, LARGES, batch / LARGE + 1, true);
	heap_test_stub_zero(test, reclaim_rest);
	heap_test_run();
	KUNIT_EXPECT_EQ(test, 1U, heap_test.nr_maps);
	heap_test_expect(test, 0, batch);
}

/* Before an OOM kill the nodes that the task may use lose all cached and queued pages. */
static void test_oom(struct kunit *test)
{
	struct heap_pool *pool = heap_test.pool;
	struct notifier_block *oom = &pool->oom;
	nodemask_t __maybe_unused none = NODE_MASK_NONE;
#ifdef CONFIG_NUMA
	struct mempolicy bind = { .mode = MPOL_BIND }, *policy = &bind;
#endif
	unsigned long freed = 1, held = 0;
	int nid;

	for_each_node_state(nid, N_MEMORY) {
		heap_pool_free(pool, heap_test_buffer(test, nid, LARGES, 1, false));
		heap_test_fetch(nid, MEDIUMS, 2);
		held += LARGE + 2 * MEDIUM;
	}
	/* Some pages count as used, and the newest buffer is on the task's node. */
	heap_test_close(test, MEDIUMS, 1, true);
#ifdef CONFIG_CPUSETS
	/* No node is in the cpuset of the task. */
	swap(current->mems_allowed, none);
	oom->notifier_call(oom, 0, &freed);
	swap(current->mems_allowed, none);
	KUNIT_EXPECT_EQ(test, 1UL, freed);
#endif
#ifdef CONFIG_NUMA
	/* No node is in the mempolicy of the task. */
	swap(current->mempolicy, policy);
	oom->notifier_call(oom, 0, &freed);
	swap(current->mempolicy, policy);
	KUNIT_EXPECT_EQ(test, 1UL, freed);
#endif
	oom->notifier_call(oom, 0, &freed);
	KUNIT_EXPECT_EQ(test, 1 + held, freed);
}

static struct kunit_case heap_pool_cases[] = {
	KUNIT_CASE_PARAM(test_reuse, reuse_gen_params),
	KUNIT_CASE(test_behind),
	KUNIT_CASE(test_fragmented),
	KUNIT_CASE(test_limits),
	KUNIT_CASE(test_alloc_fails),
	KUNIT_CASE(test_counts),
	KUNIT_CASE(test_reclaim),
	KUNIT_CASE(test_reclaim_while_zeroing),
	KUNIT_CASE(test_oom),
	{ }
};

static struct kunit_suite heap_pool_suite = {
	.name = "dma_heap_pool",
	.init = heap_test_init,
	.exit = heap_test_exit,
	.test_cases = heap_pool_cases,
};

kunit_test_suite(heap_pool_suite);
