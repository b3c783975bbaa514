/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the KUnit suites of the pooled system heap share
 */
#ifndef _DMABUF_HEAP_KUNIT_H
#define _DMABUF_HEAP_KUNIT_H

#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/vmstat.h>
#include <linux/workqueue.h>
#include <kunit/static_stub.h>
#include <kunit/test-bug.h>
#include <kunit/test.h>

#include "../deferred_free.h"
#include "../heap_zero.h"

struct heap_bin;

/* What page_pool gets of order 0: many at a time only from the lists of CPUs. */
#define HEAP_TEST_BULK	(IS_ENABLED(CONFIG_SMP) ? PP_ALLOC_CACHE_REFILL : 1)

static inline void heap_test_dirty(struct page *page)
{
	unsigned int i;

	for (i = 0; i < compound_nr(page); i++)
		memset_page(page + i, 0, 0xa5, PAGE_SIZE);
}

static inline bool heap_test_is_zero(struct page *page)
{
	bool zero = true;
	unsigned int i;
	void *vaddr;

	for (i = 0; i < compound_nr(page) && zero; i++) {
		vaddr = kmap_local_page(page + i);
		zero = !memchr_inv(vaddr, 0, PAGE_SIZE);
		kunmap_local(vaddr);
	}

	return zero;
}

/* A node's reclaimable pages, with what CPUs have not folded in yet. */
static inline long heap_test_reclaimable(int nid)
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

static inline void heap_test_expect_reclaimable(struct kunit *test, int nid,
						long expected)
{
	/* A CPU may just have been folding its share in. */
	if (heap_test_reclaimable(nid) != expected)
		msleep(20);
	KUNIT_EXPECT_EQ(test, expected, heap_test_reclaimable(nid));
}

/* What a queue's helper does while it must not interfere. */
static inline void heap_test_do_nothing(struct kthread_work *work) { }

static inline void heap_test_stop_helper(struct deferred_free_queue *queue)
{
	kthread_cancel_delayed_work_sync(&queue->work);
	kthread_destroy_worker(queue->worker);
}

/* For heap_test_zero(): how often it was called, and which time it fails. */
static unsigned int heap_test_maps, heap_test_fail_at;
/* Called when it has zeroed for the first time. */
static void (*heap_test_then)(struct kunit *test);

/* In place of heap_zero_pages(). */
static inline bool heap_test_zero(struct page **pages, unsigned int nr,
				  struct page **map)
{
	struct kunit *test = kunit_get_current_test();
	bool ret;

	if (++heap_test_maps == heap_test_fail_at)
		return false;

	kunit_deactivate_static_stub(test, heap_zero_pages);
	ret = heap_zero_pages(pages, nr, map);
	if (heap_test_maps == 1 && heap_test_then)
		heap_test_then(test);
	kunit_activate_static_stub(test, heap_zero_pages, heap_test_zero);

	return ret;
}

static inline void heap_test_stub_zero(struct kunit *test, unsigned int fail_at,
				       void (*then)(struct kunit *test))
{
	heap_test_maps = 0;
	heap_test_fail_at = fail_at;
	heap_test_then = then;
	kunit_activate_static_stub(test, heap_zero_pages, heap_test_zero);
}

/* Somebody uses the bin, for a second. Returns the work that does it. */
struct work_struct *heap_test_use_bin(struct heap_bin *bin);
void heap_test_add_ring(struct heap_bin *bin);
void heap_test_destroy_bin(struct heap_bin *bin);

#endif /* _DMABUF_HEAP_KUNIT_H */
