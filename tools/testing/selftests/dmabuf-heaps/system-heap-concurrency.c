// SPDX-License-Identifier: GPL-2.0
/*
 * A page has one owner.
 *
 * Workers allocate buffers, write a stamp of their own into every page, hold
 * several buffers for a while and check that all stamps are still theirs. If two
 * buffers got the same page, one of their owners would find the other's stamp,
 * or a new page that is not zero.
 */
#include <pthread.h>
#include <signal.h>

#include "kselftest_harness.h"
#include "heap_pool_util.h"

#define NR_WORKERS	4
#define NR_HELD		8
#define RUN_SECONDS	5

struct stamp {
	unsigned int owner;
	unsigned int buffer;
	unsigned long page;
};

/* What a worker found; shared memory, since workers may be processes */
struct report {
	int buffers;
	int dirty;		/* buffers that did not arrive zeroed */
	int foreign;		/* stamps of somebody else */
	int error;
	struct stamp seen, wanted;
};

struct held {
	unsigned int buffer;
	size_t size;
	char *map;
	int fd;
};

struct worker {
	struct report *report;
	struct held held[NR_HELD];
	double end;
	unsigned int owner, rnd;
	pthread_t thread;
};

static void release(struct worker *w, struct held *h)
{
	size_t page = PAGE_BYTES, at;
	struct stamp wanted = { .owner = w->owner, .buffer = h->buffer };
	struct report *r = w->report;

	if (!h->map)
		return;
	for (at = 0; at < h->size; at += page) {
		struct stamp *first = (void *)(h->map + at);
		struct stamp *last = (void *)(h->map + at + page -
					      sizeof(struct stamp));

		wanted.page = at / page;
		if (!memcmp(first, &wanted, sizeof(wanted)) &&
		    !memcmp(last, &wanted, sizeof(wanted)))
			continue;
		if (!r->foreign++) {
			r->seen = *first;
			r->wanted = wanted;
		}
	}
	munmap(h->map, h->size);
	close(h->fd);
	h->map = NULL;
}

static void acquire(struct worker *w, struct held *h, int heap)
{
	static const size_t sizes[] = {
		4 * KIB, 4 * KIB, 12 * KIB, 64 * KIB, 64 * KIB, 300 * KIB,
		MIB, MIB + 68 * KIB,
	};
	struct stamp stamp = { .owner = w->owner };
	struct report *r = w->report;
	size_t page = PAGE_BYTES, at;

	h->fd = heap_alloc(heap, sizes[next_random(&w->rnd) %
				       ARRAY_SIZE(sizes)]);
	if (h->fd < 0) {
		r->error = h->fd;
		return;
	}
	h->size = buf_size(h->fd);
	h->map = h->size ? buf_map(h->fd, h->size) : NULL;
	if (!h->map) {
		r->error = -EFAULT;
		close(h->fd);
		return;
	}
	if (find_nonzero(h->map, h->size) >= 0)
		r->dirty++;
	h->buffer = ++r->buffers;
	stamp.buffer = h->buffer;
	for (at = 0; at < h->size; at += page) {
		stamp.page = at / page;
		memcpy(h->map + at, &stamp, sizeof(stamp));
		memcpy(h->map + at + page - sizeof(stamp), &stamp,
		       sizeof(stamp));
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	int heap = heap_open(), i;

	if (heap < 0)
		w->report->error = -errno;
	while (!w->report->error && seconds() < w->end) {
		struct held *h;

		h = &w->held[next_random(&w->rnd) % NR_HELD];
		release(w, h);
		acquire(w, h, heap);
	}
	for (i = 0; i < NR_HELD; i++)
		release(w, &w->held[i]);
	close(heap);
	return NULL;
}

/* Free cached pages, or change parameters, all the time the workers run */
static void disturb(double end, bool pressure, const struct heap_params *p)
{
	unsigned int rnd = 99;

	while (seconds() < end) {
		if (pressure) {
			if (next_random(&rnd) % 2)
				heap_drain();
			else
				write_text("/proc/sys/vm/drop_caches", "2");
		} else {
			heap_set_param_text("zero_method",
					    next_random(&rnd) % 2 ?
					    "vmap" : "direct");
			heap_set_param("queue_limit_mb",
				       next_random(&rnd) % 3 ?
				       p->queue_limit_mb : 1);
			heap_set_param("pool_limit_mb",
				       next_random(&rnd) % 3 ?
				       p->pool_limit_mb :
				       next_random(&rnd) % 3);
		}
		usleep(20000);
	}
}

/* Workers die in the middle of whatever they do, and others take over */
static void kill_workers(double end, struct worker *workers, pid_t *pids)
{
	unsigned int rnd = 42, i;
	int status;

	while (seconds() < end) {
		usleep(next_random(&rnd) % 100000);
		i = next_random(&rnd) % NR_WORKERS;
		kill(pids[i], SIGKILL);
		waitpid(pids[i], &status, 0);
		workers[i].rnd = next_random(&rnd);
		pids[i] = fork();
		if (!pids[i]) {
			work(&workers[i]);
			_exit(0);
		}
	}
}

FIXTURE(owner)
{
	struct heap_params params;
	struct report *reports;
};

FIXTURE_VARIANT(owner)
{
	bool processes;
	bool pressure;
	bool parameters;
	bool killed;
};

FIXTURE_VARIANT_ADD(owner, threads)
{
};

FIXTURE_VARIANT_ADD(owner, processes)
{
	.processes = true,
};

FIXTURE_VARIANT_ADD(owner, pressure)
{
	.pressure = true,
};

FIXTURE_VARIANT_ADD(owner, parameters)
{
	.processes = true,
	.parameters = true,
};

FIXTURE_VARIANT_ADD(owner, killed)
{
	.processes = true,
	.killed = true,
};

FIXTURE_SETUP(owner)
{
	const char *missing = heap_missing(&self->params);

	if (missing)
		SKIP(return, "%s", missing);
	self->reports = mmap(NULL, NR_WORKERS * sizeof(*self->reports),
			     PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->reports);
	ASSERT_EQ(0, heap_drain());
}

FIXTURE_TEARDOWN(owner)
{
	EXPECT_EQ(0, heap_params_restore(&self->params));
}

TEST_F_TIMEOUT(owner, stamps_survive, 60)
{
	struct worker workers[NR_WORKERS] = {};
	pid_t pids[NR_WORKERS];
	struct heap_stats st;
	double end = seconds() + RUN_SECONDS;
	long long hits;
	int i, status;

	ASSERT_EQ(0, heap_stats_read(&st));
	hits = heap_hits(&st);

	for (i = 0; i < NR_WORKERS; i++) {
		struct worker *w = &workers[i];

		w->report = &self->reports[i];
		w->end = end;
		w->owner = 0x0a000000 + i;
		w->rnd = i + 1;
		if (!variant->processes) {
			ASSERT_EQ(0, pthread_create(&w->thread, NULL, work, w));
			continue;
		}
		pids[i] = fork();
		ASSERT_LE(0, pids[i]);
		if (!pids[i]) {
			work(w);
			_exit(0);
		}
	}

	if (variant->pressure || variant->parameters)
		disturb(end, variant->pressure, &self->params);
	if (variant->killed)
		kill_workers(end, workers, pids);

	for (i = 0; i < NR_WORKERS; i++) {
		if (!variant->processes) {
			ASSERT_EQ(0, pthread_join(workers[i].thread, NULL));
			continue;
		}
		ASSERT_EQ(pids[i], waitpid(pids[i], &status, 0));
		EXPECT_EQ(0, status);
	}

	for (i = 0; i < NR_WORKERS; i++) {
		struct report *r = &self->reports[i];

		EXPECT_EQ(0, r->error);
		EXPECT_LT(NR_HELD, r->buffers);
		EXPECT_EQ(0, r->dirty);
		EXPECT_EQ(0, r->foreign)
			TH_LOG("%x:%u:%lu carries the stamp %x:%u:%lu",
			       r->wanted.owner, r->wanted.buffer,
			       r->wanted.page, r->seen.owner, r->seen.buffer,
			       r->seen.page);
	}
	ASSERT_EQ(0, heap_stats_read(&st));
	EXPECT_LT(hits, heap_hits(&st));
}

TEST_HARNESS_MAIN
