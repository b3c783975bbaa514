/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the deferred_free suites share: a queue for each test, items that only count,
 * and a log of who was freed when
 *
 * Where the helper thread must not interfere it is held while it disposes of an item
 * of its own, the stopper.
 */
#ifndef _DEFERRED_FREE_FIXTURE_H
#define _DEFERRED_FREE_FIXTURE_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/deferred_free.h>
#include <linux/jiffies.h>
#include <kunit/test.h>

#define MAX_ITEMS	512
#define MAX_LOG		64

/* The bound that a queue begins with, in pages. */
#define LIMIT		100000UL

/* Anything the helper has to do must be done after so long. */
#define PATIENCE	(2 * HZ)

struct deferred_kunit;

struct deferred_kunit_item {
	struct deferred_free_item item;
	struct deferred_kunit *ctx;
	unsigned int id;
	unsigned long left;
	/* The callback frees a multiple of this; 0 for exactly what it's told. */
	unsigned long grain;
	/* Not for anybody but the helper. */
	bool unacceptable;
	/* The helper stops when it has taken the first so many pages. */
	bool stops;
	unsigned long stops_after;
};

struct deferred_kunit_entry {
	unsigned int id;
	unsigned long asked;
	unsigned long freed;
	enum deferred_free_reason reason;
	void *priv;
};

/* One who frees: &deferred_free_pass.priv. */
struct deferred_kunit_user {
	struct deferred_kunit *ctx;
	unsigned int nr_disposed;
	unsigned int nr_last;
	unsigned long pages_at_last;
};

struct deferred_kunit {
	struct deferred_free_queue *queue;
	struct deferred_kunit_user helper;
	struct deferred_kunit_user task;
	bool stop_helper;
	struct deferred_kunit_item stopper;
	struct completion stopped;
	struct completion go_on;
	atomic_t nr_errors;
	atomic_t nr_gone;
	/* Written under the queue's lock. */
	unsigned int nr_log;
	struct deferred_kunit_entry log[MAX_LOG];

	struct deferred_kunit_item items[MAX_ITEMS];
};

/* A suite's, in which test->priv becomes the context, with a queue. */
int deferred_kunit_init(struct kunit *test);
void deferred_kunit_exit(struct kunit *test);

/* Another queue in its place. */
void deferred_kunit_create(struct kunit *test, unsigned long max_pages);
void deferred_kunit_destroy(struct deferred_kunit *ctx);

/* Return: whether the queue took item @id. */
bool deferred_kunit_add(struct deferred_kunit *ctx, unsigned int id,
			unsigned long nr_pages);

/*
 * From here on the helper does nothing until it may go on or has to stop, and
 * @nr_pages more are counted.
 */
void deferred_kunit_stop_helper(struct kunit *test, unsigned long nr_pages);
/* Return: whether the queue became empty without anybody doing anything. */
bool deferred_kunit_wait(struct deferred_kunit *ctx);

#endif /* _DEFERRED_FREE_FIXTURE_H */
