// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * KUnit tests of the queue: buffers leave in order, its limit and counts hold, and the
 * thread processes every buffer
 */
#include "heap_kunit.h"

#define MAX_REUSED	8
static struct scatterlist sgs[MAX_REUSED];

void heap_test_run(void)
{
	deferred_free_run(heap_test.queue, ULONG_MAX);
}

/* Expect to reuse @nr of @wanted pages, zeroed, and free them. */
static void reuse(struct kunit *test, unsigned int i, unsigned int wanted,
		  unsigned int nr)
{
	unsigned int n;

	KUNIT_ASSERT_EQ(test, nr,
			deferred_free_reuse(heap_test.queue, heap_test.nid,
					    heap_orders[i], false, sgs, wanted));
	for (n = 0; n < nr; n++) {
		KUNIT_EXPECT_TRUE(test, heap_test_is_zero(sg_page(sgs + n)));
		KUNIT_EXPECT_EQ(test, sgs[n].length, PAGE_SIZE << heap_orders[i]);
		put_page(sg_page(sgs + n));
	}
}

/* Expect this much in the queue, and nothing in the cache. */
static void expect_queued(struct kunit *test, unsigned long nr_pages,
			  unsigned long nr_buffers)
{
	heap_test_expect(test, nr_pages, 0);
	KUNIT_EXPECT_EQ(test, nr_buffers, heap_test.queue->nr_buffers);
}

/* The thread and reclaim dequeue the oldest buffer first, in pieces. */
static void test_order(struct kunit *test)
{
	struct deferred_free *queue = heap_test.queue;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		heap_test_close(test, SMALLS, 100, false);
		heap_test_close(test, MEDIUMS, 2, false);
	}
	expect_queued(test, 2 * (100 + 2 * MEDIUM), 4);
	KUNIT_EXPECT_EQ(test, 99UL, deferred_free_shrink(queue, 99));
	expect_queued(test, 101 + 4 * MEDIUM, 4);
	KUNIT_EXPECT_EQ(test, 1 + MEDIUM, deferred_free_shrink(queue, 2));
	expect_queued(test, 100 + 3 * MEDIUM, 3);
	KUNIT_EXPECT_EQ(test, MEDIUM, deferred_free_shrink(queue, 1));
	expect_queued(test, 100 + 2 * MEDIUM, 2);
	heap_test_close(test, LARGES, 1, false);
	heap_test.cache->limit = 0;
	deferred_free_run(queue, 101 + MEDIUM);
	expect_queued(test, LARGE, 1);
	deferred_free_run(queue, 1);
	KUNIT_EXPECT_EQ(test, 0UL, deferred_free_shrink(queue, 1));
	expect_queued(test, 0, 0);
}

/* Without room in the queue, or without a cache, buffers are freed at once. */
static void test_limit(struct kunit *test)
{
	struct deferred_free *queue = heap_test.queue;

	queue->limit = 10;
	heap_test_close(test, SMALLS, 11, false);
	expect_queued(test, 0, 0);
	KUNIT_EXPECT_EQ(test, 11L, atomic_long_read(&queue->refused));
	heap_test_close(test, SMALLS, 6, false);
	heap_test_close(test, SMALLS, 5, false);
	heap_test_close(test, SMALLS, 4, false);
	expect_queued(test, 10, 2);
	KUNIT_EXPECT_EQ(test, 16L, atomic_long_read(&queue->refused));

	/* Buffers beyond a new limit stay queued, and freed pages make room. */
	queue->limit = 5;
	heap_test_close(test, SMALLS, 1, false);
	expect_queued(test, 10, 2);
	deferred_free_shrink(queue, 6);
	heap_test_close(test, SMALLS, 2, false);
	expect_queued(test, 4, 1);
	heap_test_close(test, SMALLS, 1, false);
	expect_queued(test, 5, 2);

	queue->limit = 10;
	heap_test.cache->limit = 0;
	heap_test_close(test, SMALLS, 1, false);
	expect_queued(test, 5, 2);
	KUNIT_EXPECT_EQ(test, 19L, atomic_long_read(&queue->refused));
}

/* A buffer has pages of two nodes. A second one like it is refused. */
static void test_nodes(struct kunit *test)
{
	int nids[] = { heap_test.nid, heap_test.other, heap_test.other };
	atomic_long_t *queued = heap_test.queue->queued;
	struct heap_sgl *sgl;
	unsigned int i, n;

	if (heap_test.other == NUMA_NO_NODE)
		kunit_skip(test, "needs two nodes");

	heap_test.queue->limit = 3;
	for (i = 0; i < 2; i++) {
		sgl = heap_test_new_buffer(test, 4);
		for (n = 0; n < 3; n++) {
			sg_set_page(sgl->fill, heap_test_page(test, nids[n], SMALLS),
				    PAGE_SIZE, 0);
			heap_sgl_added(sgl, 1, 0);
		}
		heap_sgl_end(sgl);
		heap_pool_free(heap_test.pool, sgl);
		expect_queued(test, 3, 1);
		KUNIT_EXPECT_EQ(test, 1L, atomic_long_read(&queued[heap_test.nid]));
		KUNIT_EXPECT_EQ(test, 2L, atomic_long_read(&queued[heap_test.other]));
	}
	/* Only pages of the task's node are reused. */
	reuse(test, SMALLS, 3, 1);
	reuse(test, SMALLS, 3, 0);
	expect_queued(test, 2, 1);
	heap_test_run();
	KUNIT_EXPECT_GE(test, heap_test_pages(heap_test.other), 2UL);
}

/* Pages that no bin owns are replaced with others, within the limit. */
static void test_unowned(struct kunit *test)
{
	struct heap_bin *bins = heap_test.cache->bin[heap_test.nid];
	unsigned long limit = heap_test.cache->limit;
	unsigned int i, nr_small;

	/* A bulk allocation fetches more; the limit holds. */
	heap_test.cache->limit = 3;
	heap_test_close(test, SMALLS, 1, false);
	heap_test_run();
	heap_test_expect(test, 0, min(3, HEAP_TEST_BULK));

	heap_test.cache->limit = limit;
	for (i = 0; i < HEAP_NR_ORDERS; i++) {
		heap_test_close(test, i, 5, false);
		heap_test_run();
		KUNIT_EXPECT_GE(test, bins[i].cached, 5U);
	}
	KUNIT_EXPECT_EQ(test, bins[LARGES].cached, 5U);

	/* Replacing a large page fetches no small ones, and zeroes nothing. */
	nr_small = bins[SMALLS].cached;
	heap_test_close(test, LARGES, 1, false);
	heap_test_run();
	KUNIT_EXPECT_EQ(test, bins[SMALLS].cached, nr_small);
	KUNIT_EXPECT_EQ(test, 0L, atomic_long_read(&heap_test.queue->zeroed));
}

/* Of a buffer's pages, those within the limit are zeroed and cached, the rest freed. */
static void test_no_room(struct kunit *test)
{
	heap_test.cache->limit = LARGE + 1;
	heap_test_close(test, LARGES, 4, true);
	heap_test_run();
	heap_test_expect(test, 0, LARGE);
	KUNIT_EXPECT_EQ(test, LARGE, atomic_long_read(&heap_test.queue->zeroed));
}

static bool fail(struct kunit *test)
{
	return false;
}

/* If a batch cannot be zeroed, its pages are freed. The next batch is cached. */
static void test_map_fails(struct kunit *test)
{
	/* Owned medium pages of the first batch; none if PAGE_SIZE is 64 KiB. */
	unsigned int nr = HEAP_ZERO_BATCH / MEDIUM - 2;

	/* Fill one batch past HEAP_ZERO_BATCH, and start another. */
	if (nr)
		heap_test_close(test, MEDIUMS, nr, true);
	heap_test_close(test, MEDIUMS, 1, false);
	heap_test_close(test, SMALLS, 1, false);
	heap_test_close(test, LARGES, 1, true);
	heap_test_close(test, MEDIUMS, 1, true);
	heap_test_stub_zero(test, fail);
	heap_test_run();
	KUNIT_EXPECT_EQ(test, 2U, heap_test.nr_maps);
	/* Pages that are replaced with fetched ones are not zeroed. */
	KUNIT_EXPECT_EQ(test, nr * MEDIUM + LARGE,
			atomic_long_read(&heap_test.queue->zero_failed));
	KUNIT_EXPECT_EQ(test, MEDIUM, atomic_long_read(&heap_test.queue->zeroed));
	heap_test_expect(test, 0, 2 * MEDIUM + HEAP_TEST_BULK);
}

static struct page *held;

/* The holder writes to its page after the batch was zeroed. */
static bool write_late(struct kunit *test)
{
	heap_test_dirty(held);
	put_page(held);

	return true;
}

/* A page that somebody else holds is not cached. */
static void test_held(struct kunit *test)
{
	struct heap_sgl *sgl = heap_test_buffer(test, heap_test.nid, MEDIUMS, 2, true);

	held = sg_page(sgl->first);
	get_page(held);
	heap_pool_free(heap_test.pool, sgl);
	heap_test_stub_zero(test, write_late);
	heap_test_run();
	KUNIT_EXPECT_EQ(test, 1U, heap_test.nr_maps);
	heap_test_expect(test, 0, MEDIUM);
	KUNIT_EXPECT_EQ(test, 1U, heap_cache_take(heap_test.cache, heap_test.nid,
						  MEDIUMS, sgs, MAX_REUSED));
	KUNIT_EXPECT_TRUE(test, heap_test_is_zero(sg_page(sgs)));
	heap_cache_free_page(heap_test.cache, sg_page(sgs));
}

/* A poisoned medium page is not cached, reused or freed. */
static void test_poisoned(struct kunit *test)
{
	struct page *page;
	struct heap_sgl *sgl;
	unsigned int i;

	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");

	for (i = 0; i < 2; i++) {
		sgl = heap_test_buffer(test, heap_test.nid, MEDIUMS, 1, true);
		page = sg_page(sgl->first);
		heap_test_poison(page + MEDIUM - 1, true);
		heap_pool_free(heap_test.pool, sgl);
		if (i)
			reuse(test, MEDIUMS, 1, 0);
		heap_test_run();
		heap_test_poison(page + MEDIUM - 1, false);
		expect_queued(test, 0, 0);
		KUNIT_EXPECT_EQ(test, 1, page_count(page));
		KUNIT_EXPECT_FALSE(test, heap_cache_owns(page));
		if (page_count(page) == 1 && !heap_cache_owns(page))
			put_page(page);
	}
}

/* Pages of the newest buffer are reused if their order matches and nobody else holds them. */
static void test_reuse(struct kunit *test)
{
	struct heap_sgl *sgl;

	reuse(test, SMALLS, 1, 0);
	heap_test_close(test, MEDIUMS, 2, false);
	sgl = heap_test_buffer(test, heap_test.nid, SMALLS, 4, false);
	held = sg_page(sgl->first + 2);
	get_page(held);
	heap_pool_free(heap_test.pool, sgl);
	reuse(test, MEDIUMS, 1, 0);
	reuse(test, SMALLS, 2, 2);
	expect_queued(test, 2 + 2 * MEDIUM, 2);
	/* The third page is held, so it is freed. */
	reuse(test, SMALLS, MAX_REUSED, 1);
	KUNIT_EXPECT_PTR_NE(test, held, sg_page(sgs));
	KUNIT_EXPECT_EQ(test, 1, page_count(held));
	put_page(held);
	expect_queued(test, 2 * MEDIUM, 1);
	KUNIT_EXPECT_EQ(test, 3L, atomic_long_read(&heap_test.queue->reused));

	reuse(test, SMALLS, 1, 0);
	reuse(test, MEDIUMS, MAX_REUSED, 2);
	expect_queued(test, 0, 0);

	/* A task that is being killed zeroes nothing. */
	heap_test_close(test, MEDIUMS, 2, false);
	sigaddset(&current->pending.signal, SIGKILL);
	set_tsk_thread_flag(current, TIF_SIGPENDING);
	reuse(test, MEDIUMS, 2, 0);
	flush_signals(current);
	expect_queued(test, 0, 0);
}

/* A miss sets @behind if pages are queued. A look clears it unless two buffers were reused. */
static void test_behind(struct kunit *test)
{
	struct deferred_free *queue = heap_test.queue;
	unsigned int i;

	deferred_free_missed(queue);
	heap_test_close(test, SMALLS, 1, false);
	KUNIT_EXPECT_FALSE(test, queue->behind);
	deferred_free_missed(queue);
	for (i = 0; i < 2; i++) {
		reuse(test, SMALLS, 1, 1);
		heap_test_close(test, SMALLS, 1, false);
	}
	deferred_free_look(queue);
	KUNIT_EXPECT_TRUE(test, queue->behind);
	reuse(test, SMALLS, 1, 1);
	heap_test_close(test, SMALLS, 1, false);
	deferred_free_look(queue);
	KUNIT_EXPECT_FALSE(test, queue->behind);
}

/* Pages queued for a whole tick are due; all are if the queue is more than half full. */
static void test_due(struct kunit *test)
{
	struct deferred_free *queue = heap_test.queue;

	heap_test_close(test, SMALLS, 2, false);
	heap_test_close(test, SMALLS, 1, false);
	reuse(test, SMALLS, 1, 1);
	heap_test_close(test, SMALLS, 1, false);
	KUNIT_EXPECT_EQ(test, 2UL, deferred_free_look(queue));
	KUNIT_EXPECT_EQ(test, 3UL, deferred_free_look(queue));
	reuse(test, SMALLS, 1, 1);
	heap_test_close(test, SMALLS, 8, false);
	queue->limit = 18;
	KUNIT_EXPECT_EQ(test, 10UL, deferred_free_look(queue));

	/* The thread does not spin while another task frees the last pages. */
	heap_test_run();
	queue->nr_pages = queue->limit;
	deferred_free_work(&queue->work.work);
	KUNIT_EXPECT_TRUE(test, timer_pending(&queue->work.timer));
	queue->nr_pages = 0;
}

/* Returns whether the thread's timer was armed, and the thread not woken. */
static bool close_and_look(struct kunit *test, unsigned int nr)
{
	struct heap_sgl *sgl = heap_test_buffer(test, heap_test.nid, SMALLS, nr, false);
	bool armed;

	kthread_cancel_delayed_work_sync(&heap_test.queue->work);
	/* The timer does not expire meanwhile. */
	local_bh_disable();
	heap_pool_free(heap_test.pool, sgl);
	armed = timer_pending(&heap_test.queue->work.timer);
	local_bh_enable();

	return armed;
}

/* The thread starts a little later, or at once when the queue becomes more than half full. */
static void test_start(struct kunit *test)
{
	heap_test.queue->limit = 20;
	KUNIT_EXPECT_TRUE(test, close_and_look(test, 10));
	msleep(100);
	kthread_flush_worker(heap_test.queue->worker);
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&heap_test.nr_runs));
	KUNIT_EXPECT_FALSE(test, close_and_look(test, 1));
	kthread_flush_worker(heap_test.queue->worker);
	KUNIT_EXPECT_EQ(test, 2, atomic_read(&heap_test.nr_runs));
	KUNIT_EXPECT_TRUE(test, close_and_look(test, 1));
}

/* Until this is called, the thread does nothing. */
static void let_thread_run(kthread_work_func_t func)
{
	heap_test.queue->work.work.func = func;
	deferred_free_kick(heap_test.queue);
}

/* Returns whether it emptied the queue. */
static bool wait_for_thread(void)
{
	unsigned long end = jiffies + 20 * HZ;

	while (deferred_free_pages(heap_test.queue) && time_before(jiffies, end)) {
		cond_resched();
		cpu_relax();
	}

	return !deferred_free_pages(heap_test.queue);
}

/* The work goes on for a while after its last look at the queue, and lets others run. */
static void work_and_linger(struct kthread_work *work)
{
	deferred_free_work(work);
	usleep_range(500, 1000);
}

/*
 * Each round adds a buffer just when the thread, done with the last one, goes to
 * sleep. A lost wake-up leaves it in the queue for good.
 */
static void test_wakeup(struct kunit *test)
{
	unsigned int i;

	/* No page is cached. */
	heap_test.cache->limit = 1;
	/* Queue more than one batch. */
	heap_test_close(test, LARGES, 6, false);
	let_thread_run(work_and_linger);
	KUNIT_ASSERT_TRUE(test, wait_for_thread());
	for (i = 0; i < 300; i++) {
		/* From here on a buffer is more than half of the limit. */
		if (i == 100)
			heap_test.queue->limit = MEDIUM + 1;
		heap_test_close(test, MEDIUMS, 1, false);
		KUNIT_ASSERT_TRUE_MSG(test, wait_for_thread(),
				      "not freed in round %u", i);
		/* Close the next buffer a little later each time. */
		udelay(i % 16);
	}
}

static int reclaim_fn(void *data)
{
	while (!kthread_should_stop()) {
		deferred_free_shrink(heap_test.queue, 7);
		cond_resched();
	}

	return 0;
}

static int reuse_fn(void *data)
{
	unsigned int nr, i;

	while (!kthread_should_stop()) {
		nr = deferred_free_reuse(heap_test.queue, heap_test.nid,
					 heap_orders[MEDIUMS], false, sgs, 3);
		for (i = 0; i < nr; i++)
			heap_test_stamp(sg_page(sgs + i), 0, 1);
		cond_resched();
		for (i = 0; i < nr; i++) {
			heap_test_stamp(sg_page(sgs + i), 1, 0);
			heap_cache_free_page(heap_test.cache, sg_page(sgs + i));
		}
	}

	return 0;
}

/* Tasks reclaim, reuse and free while the thread runs. No page is lost. */
static void test_concurrent(struct kunit *test)
{
	unsigned int i;

	heap_test_start(test, reclaim_fn, NULL);
	heap_test_start(test, reuse_fn, NULL);
	let_thread_run(deferred_free_work);
	for (i = 0; i < 300; i++) {
		/* A bin owns all these pages, so only this task fetches. */
		heap_test_close(test, MEDIUMS, i % 7 + 1, true);
		if (i % 8 == 7)
			usleep_range(100, 500);
	}
	KUNIT_EXPECT_TRUE(test, wait_for_thread());
	heap_test_stop(test);
	heap_test_expect(test, 0, heap_test_pages(heap_test.nid));
}

static struct kunit_case deferred_free_cases[] = {
	KUNIT_CASE(test_order),
	KUNIT_CASE(test_limit),
	KUNIT_CASE(test_nodes),
	KUNIT_CASE(test_unowned),
	KUNIT_CASE(test_no_room),
	KUNIT_CASE(test_map_fails),
	KUNIT_CASE(test_held),
	KUNIT_CASE(test_poisoned),
	KUNIT_CASE(test_reuse),
	KUNIT_CASE(test_behind),
	KUNIT_CASE(test_due),
	KUNIT_CASE(test_start),
	KUNIT_CASE(test_wakeup),
	KUNIT_CASE(test_concurrent),
	{ }
};

static struct kunit_suite deferred_free_suite = {
	.name = "dma_heap_deferred_free",
	.init = heap_test_init,
	.exit = heap_test_exit,
	.test_cases = deferred_free_cases,
};

kunit_test_suite(deferred_free_suite);
