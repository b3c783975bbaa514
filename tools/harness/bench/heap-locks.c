// SPDX-License-Identifier: GPL-2.0
/*
 * For how long the heap's locks are held while 1, 2 or 4 processes allocate and
 * close buffers, and the helper cleans them
 *
 * From trace events that only a kernel with LOCK_STAT has. That kernel is slower,
 * and most of a short time is that of the tracing itself: these are upper bounds.
 *
 * Output: held <lock> <tasks> <size> <n> <p50> <p99> <longest> <buckets>...
 *   the buckets count times below 512, below 1024, and so on, the last all others
 */
#define _GNU_SOURCE
#include "tasks.h"
#include "lock-trace.h"

#define FIRST_BUCKET	512
#define BUCKETS		7

/* heap_bin.lock, deferred_free_queue.lock; the page allocator's for comparison */
static struct lock {
	const char *name;
	const char *label;
	int n;
	uint64_t longest;
	int bucket[BUCKETS];
	uint64_t *times;
} locks[] = {
	{ .name = "&bin->lock", .label = "bin" },
	{ .name = "&queue->lock", .label = "queue" },
	{ .name = "&zone->lock", .label = "zone" },
};

static const char filter[] =
	"name == \"&bin->lock\" || name == \"&queue->lock\" || name == \"&zone->lock\"";

static void note(const char *name, uint64_t took)
{
	unsigned int i, b;

	for (i = 0; i < ARRAY_SIZE(locks); i++) {
		struct lock *lock = &locks[i];

		if (strcmp(lock->name, name))
			continue;
		for (b = 0; b < BUCKETS - 1 && took >= FIRST_BUCKET << b; b++)
			;
		lock->bucket[b]++;
		if (took > lock->longest)
			lock->longest = took;
		lock->times = realloc(lock->times, (lock->n + 1) * sizeof(*lock->times));
		if (!lock->times)
			fail("realloc: %s", strerror(errno));
		lock->times[lock->n++] = took;
	}
}

static void report(int nr)
{
	unsigned int i, b;

	for (i = 0; i < ARRAY_SIZE(locks); i++) {
		struct lock *lock = &locks[i];

		if (!lock->n)
			continue;
		sort_u64(lock->times, lock->n);
		printf("held %s %d %zu %d %llu %llu %llu", lock->label, nr, buffer_size, lock->n,
		       (unsigned long long)percentile(lock->times, lock->n, 50),
		       (unsigned long long)percentile(lock->times, lock->n, 99),
		       (unsigned long long)lock->longest);
		for (b = 0; b < BUCKETS; b++)
			printf(" %d", lock->bucket[b]);
		printf("\n");
		free(lock->times);
		lock->times = NULL;
		lock->n = 0;
		lock->longest = 0;
		memset(lock->bucket, 0, sizeof(lock->bucket));
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 4 * KIB, MIB };
	uint64_t cost[2];
	unsigned int i;
	int nr;

	progname = "heap-locks";
	tasks_setup(argc, argv);
	pooled = true;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		buffer_size = sizes[i];
		for (nr = 1; nr <= 4; nr *= 2) {
			drained();
			stir(true);
			if (!lock_trace_start("lock_acquired", "lock_release", filter))
				fail("this kernel has no LOCK_STAT");
			rounds("system", nr, false, cost);
			lock_trace_read("lock_acquired", "lock_release", note);
			stir(false);
			report(nr);
		}
	}
	return 0;
}
