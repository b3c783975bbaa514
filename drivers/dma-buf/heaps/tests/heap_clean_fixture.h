/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the heap_clean suites share: a supply for each test, buffers of it, and a look
 * at all of its counts
 *
 * A test's supply is new, so that every count begins at 0. When the test is over all
 * of it has to be back where it came from.
 *
 * Where the helper thread must not interfere it is held when it frees a buffer made
 * for that, the stopper, after that buffer's one page is gone.
 */
#ifndef _DMABUF_HEAP_CLEAN_FIXTURE_H
#define _DMABUF_HEAP_CLEAN_FIXTURE_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <kunit/test.h>

#include "../heap_pages.h"
#include "../heap_pool.h"
#include "../heap_supply.h"

/* The bounds a supply begins with. */
#define POOL_PAGES	(SZ_32M >> PAGE_SHIFT)
#define QUEUE_PAGES	(SZ_16M >> PAGE_SHIFT)

/* The largest pages there are; many tests use nothing else. */
#define LARGE_ORDER	8
#define LARGE		(PAGE_SIZE << LARGE_ORDER)
#define LARGE_PAGES	(LARGE >> PAGE_SHIFT)
#define MEDIUM		(PAGE_SIZE << 4)

/*
 * @reclaimable: pages in vmstat when the test began
 * @nr_buffers:	buffers that exist
 * @nr_maps:	what a stub of heap_zero_map() counts,
 * @fail_at:	and which mapping it lets fail
 * @held:	a page that somebody else has a reference to
 * @done:	a reclaimer came back
 * @reclaimer_flags: what the reclaimer is, for &task_struct.flags
 * @returned:	whether it came back in time
 */
struct clean_kunit {
	struct heap_supply *supply;
	struct completion stopped;
	struct completion go_on;
	long reclaimable;
	atomic_t nr_buffers;
	unsigned int nr_maps;
	unsigned int fail_at;
	struct page *held;
	struct completion done;
	unsigned int reclaimer_flags;
	bool returned;
};

struct clean_kunit_buffer {
	struct clean_kunit *ctx;
	bool stops;
	struct heap_pages pages;
};

/* A suite's, in which test->priv becomes the context. */
int clean_kunit_init(struct kunit *test);
void clean_kunit_exit(struct kunit *test);

/* For any task: a buffer, and whether all of it is 0. */
struct clean_kunit_buffer *clean_kunit_new(struct clean_kunit *ctx,
					   unsigned long len);
void clean_kunit_free(struct clean_kunit_buffer *buffer);
bool clean_kunit_is_clean(struct clean_kunit_buffer *buffer);

/* For the test: a clean buffer of the largest pages that fit; one that was used. */
struct clean_kunit_buffer *clean_kunit_alloc(struct kunit *test,
					     unsigned long len);
void clean_kunit_use(struct kunit *test, unsigned long len);

/* From here on the helper does nothing, and 1 page more is counted as queued. */
void clean_kunit_stop_helper(struct kunit *test);
/* Return: whether it got everything done. */
bool clean_kunit_wait(struct clean_kunit *ctx);

/* All pools together; pages of PAGE_SIZE in them; and in the queue. */
struct heap_pool_stats clean_kunit_stats(struct clean_kunit *ctx);
unsigned long clean_kunit_pooled(struct clean_kunit *ctx);
unsigned long clean_kunit_queued(struct clean_kunit *ctx);
/* Return: whether so many pages are reclaimable that weren't before the test. */
bool clean_kunit_reclaimable_is(struct clean_kunit *ctx, long expected);

/* As memory reclaim does it. Return: pages; 0 if there is nothing. */
unsigned long clean_kunit_reclaim(struct clean_kunit *ctx, unsigned long nr_pages);
unsigned long clean_kunit_reclaim_count(struct clean_kunit *ctx);

#endif /* _DMABUF_HEAP_CLEAN_FIXTURE_H */
