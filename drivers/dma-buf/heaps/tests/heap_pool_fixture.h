/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the heap_pool suites share: a pool of each order for each test, and a look at
 * its pages and all of its counts
 */
#ifndef _DMABUF_HEAP_POOL_FIXTURE_H
#define _DMABUF_HEAP_POOL_FIXTURE_H

#include <kunit/test.h>

#include "../heap_pool.h"

struct page;
struct scatterlist;

/*
 * @nr: pages a test works with; of order 0 more than page_pool gets in one go, so
 *	that some remain
 */
struct pool_kunit_param {
	const char *desc;
	unsigned int order;
	unsigned int nr;
};

extern const struct pool_kunit_param pool_kunit_params[3];

/*
 * @sg:		room for @size pages, like the following
 * @pages:	what pool_kunit_fetch() fetched
 * @more:	room for the test's own use
 * @reclaimable: the node's pages in vmstat when the test began
 */
struct pool_kunit {
	struct heap_pool *pool;
	struct scatterlist *sg;
	struct page **pages;
	struct page **more;
	unsigned int size;
	unsigned int order;
	unsigned int nr;
	int nid;
	long reclaimable;
};

/* A suite's, in which test->priv becomes the context, without a pool yet. */
int pool_kunit_init(struct kunit *test);
void pool_kunit_exit(struct kunit *test);
void pool_kunit_create(struct kunit *test, unsigned int max);

/* Leave what the page allocator will hand out next full of dirt. */
void pool_kunit_dirty_memory(struct kunit *test);

/* Fetch and take like the pool's own, but into an array, and fetch all or fail. */
void pool_kunit_fetch(struct kunit *test, unsigned int nr);
unsigned int pool_kunit_take(struct pool_kunit *ctx, struct page **pages,
			     unsigned int nr);
/* Of order 0 page_pool gets more than it was asked for. Return: how many. */
unsigned long pool_kunit_rest(const struct pool_kunit *ctx, unsigned int nr);

/* Clean pages of the pool, each of them only once. */
void pool_kunit_expect_pages(struct kunit *test, struct page **pages,
			     unsigned int nr);
void pool_kunit_expect_counts(struct kunit *test, unsigned long cached,
			      unsigned long inflight);
struct heap_pool_stats pool_kunit_stats(struct pool_kunit *ctx);

#endif /* _DMABUF_HEAP_POOL_FIXTURE_H */
