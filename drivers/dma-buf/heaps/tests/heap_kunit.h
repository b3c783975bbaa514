/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Helpers shared by the KUnit suites of the pooled system heap
 *
 * The thread of the test's pool does nothing until a test lets it run. Most tests call
 * its functions instead.
 */
#ifndef _DMABUF_HEAP_KUNIT_H
#define _DMABUF_HEAP_KUNIT_H

#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <kunit/static_stub.h>
#include <kunit/test-bug.h>
#include <kunit/test.h>
#include <net/page_pool/types.h>

#include "../deferred_free.h"
#include "../heap_pool.h"

/* Base pages of the heap's larger pages, and indices into heap_orders. */
#define LARGE		256UL
#define MEDIUM		16UL
enum { LARGES, MEDIUMS, SMALLS };

/* Pages of order 0 that page_pool gets at a time. Only SMP allocates in bulk. */
#define HEAP_TEST_BULK	(IS_ENABLED(CONFIG_SMP) ? PP_ALLOC_CACHE_REFILL : 1)

/* State of the running test. */
struct heap_test {
	struct heap_pool *pool;
	struct heap_cache *cache;
	struct deferred_free *queue;
	enum heap_zero_method method;
	int nid;			/* the task's node */
	int other;			/* another one with memory, or NUMA_NO_NODE */
	struct kmem_cache *buffers;
	atomic_t nr_runs;		/* of the thread */
	atomic_t nr_errors;		/* that tasks found */
	unsigned int nr_maps;		/* calls of heap_zero_pages() */
	struct task_struct *tasks[4];
	long reclaimable[MAX_NUMNODES];	/* accounted when the test began */
};

extern struct heap_test heap_test;

int heap_test_init(struct kunit *test);
void heap_test_exit(struct kunit *test);
void heap_test_run(void);
void heap_test_destroy_bin(struct kunit *test, struct heap_bin *bin);
void heap_test_expect(struct kunit *test, unsigned long queued,
		      unsigned long cached);
struct page *heap_test_page(struct kunit *test, int nid, unsigned int i);
struct heap_sgl *heap_test_new_buffer(struct kunit *test, unsigned int slots);
struct heap_sgl *heap_test_buffer(struct kunit *test, int nid, unsigned int i,
				  unsigned int nr, bool owned);
void heap_test_stub_zero(struct kunit *test, bool (*after)(struct kunit *test));
void heap_test_start(struct kunit *test, int (*fn)(void *), void *data);
void heap_test_stop(struct kunit *test);

static inline void heap_test_fetch(int nid, unsigned int i, unsigned int nr)
{
	while (nr--)
		heap_cache_fetch(heap_test.cache, nid, i);
}

/* Free a buffer of @nr pages, which a bin owns if @owned. */
static inline void heap_test_close(struct kunit *test, unsigned int i,
				   unsigned int nr, bool owned)
{
	heap_pool_free(heap_test.pool,
		       heap_test_buffer(test, heap_test.nid, i, nr, owned));
}

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

	for (i = 0; i < compound_nr(page); i++) {
		void *vaddr = kmap_local_page(page + i);

		zero &= !memchr_inv(vaddr, 0, PAGE_SIZE);
		kunmap_local(vaddr);
	}

	return zero;
}

/* If a page has two owners, one of them finds a wrong stamp. */
static inline void heap_test_stamp(struct page *page, unsigned long from,
				   unsigned long to)
{
	unsigned long *vaddr = kmap_local_page(page + compound_nr(page) - 1);

	if (xchg(&vaddr[1], to) != from)
		atomic_inc(&heap_test.nr_errors);
	kunmap_local(vaddr);
}

/* Poison a page as memory_failure() does, or undo that. */
static inline void heap_test_poison(struct page *page, bool poison)
{
	if (poison)
		SetPageHWPoison(page);
	else
		ClearPageHWPoison(page);
#ifdef CONFIG_MEMORY_FAILURE
	NODE_DATA(page_to_nid(page))->mf_stats.total += poison ? 1 : -1;
#endif
}

/* Base pages cached on a node */
static inline unsigned long heap_test_pages(int nid)
{
	struct heap_count count;

	heap_cache_count(heap_test.cache, nid, &count);

	return count.idle + count.used;
}

#endif /* _DMABUF_HEAP_KUNIT_H */
