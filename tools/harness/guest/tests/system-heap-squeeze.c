// SPDX-License-Identifier: GPL-2.0
/*
 * With pool and queue full, the rest of the system can have 95 % of memory.
 *
 * MemAvailable is noted while the heap holds nothing. Then the heap is filled,
 * and a task touches 95 % of that as anonymous memory, in one run while others
 * churn large buffers. Nobody is killed, no allocation fails, the heap gives up
 * what is needed, and MemAvailable has foretold it all within 5 %.
 *
 * Wants a machine with little memory to itself.
 */
#include <signal.h>
#include <sys/klog.h>

#include "kselftest_harness.h"
#include "heap_pressure_util.h"

#define NR_TASKS	4
#define CHURN_LEN	(32 * MIB)

/* More would take this test too long */
#define MAX_MEMORY	(4096 * (long long)MIB)

#define SYSLOG_READ_ALL	3

/* Shared with the tasks that are forked */
struct shared {
	bool stop;
	long long after;		/* MemAvailable when all was touched */
	long buffers[NR_TASKS];
	int error[NR_TASKS];
};

FIXTURE(squeeze)
{
	struct heap_params params;
	struct shared *shared;
	long long base, oom_kills, failures;
	pid_t tasks[NR_TASKS];
	int heap;
};

FIXTURE_VARIANT(squeeze)
{
	int tasks;
};

FIXTURE_VARIANT_ADD(squeeze, alone)
{
	.tasks = 0,
};

FIXTURE_VARIANT_ADD(squeeze, while_churning)
{
	.tasks = NR_TASKS,
};

/* Failed allocations that the kernel has complained about */
static long long count_failures(void)
{
	static char log[1 << 18];
	int len = klogctl(SYSLOG_READ_ALL, log, sizeof(log) - 1);
	const char *at = log;
	long long found = 0;

	log[len > 0 ? len : 0] = '\0';
	while ((at = strstr(at, "page allocation failure"))) {
		found++;
		at++;
	}
	return found;
}

FIXTURE_SETUP(squeeze)
{
	const char *missing = heap_missing(&self->params);
	struct heap_stats st;

	if (missing)
		SKIP(return, "%s", missing);
	if (meminfo_read("MemTotal") > MAX_MEMORY)
		SKIP(return, "too much memory to touch");
	self->shared = mmap(NULL, sizeof(*self->shared),
			    PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->shared);
	self->heap = heap_open();
	ASSERT_LE(0, self->heap);
	self->failures = count_failures();
	self->oom_kills = vmstat_read("oom_kill");
	write_text("/proc/sys/vm/drop_caches", "3");
	ASSERT_TRUE(heap_drain_all(&st));
	self->base = meminfo_read("MemAvailable");
}

FIXTURE_TEARDOWN(squeeze)
{
	struct heap_stats st;

	EXPECT_EQ(self->oom_kills, vmstat_read("oom_kill"));
	EXPECT_EQ(self->failures, count_failures());
	EXPECT_EQ(0, heap_params_restore(&self->params));
	EXPECT_TRUE(heap_drain_all(&st));
	close(self->heap);
}

/* Close enough to fill the pool, let it be zeroed, then fill the queue */
static int fill(int heap, const struct heap_stats *st)
{
	const size_t len = 4 * MIB;
	struct bufs b = {};
	int ret;

	ret = hold(heap, &b, st->pool_limit_bytes + st->queue_limit_bytes, len);
	if (!ret) {
		drop(&b, st->queue_limit_bytes / len);
		ret = heap_wait_idle() ? -EBUSY : 0;
	}
	drop(&b, 0);
	return ret;
}

/* Allocate, touch the ends, close, until told to stop */
static void churn(struct shared *shared, int task)
{
	int heap = heap_open();

	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		int buf = heap_alloc(heap, CHURN_LEN);
		char *p = buf < 0 ? NULL : buf_map(buf, CHURN_LEN);

		if (!p) {
			shared->error[task] = buf < 0 ? buf : -EFAULT;
			_exit(1);
		}
		if (p[0] || p[CHURN_LEN - 1])
			shared->error[task] = -EILSEQ;
		p[0] = 1;
		p[CHURN_LEN - 1] = 1;
		munmap(p, CHURN_LEN);
		close(buf);
		shared->buffers[task]++;
	}
	_exit(0);
}

TEST_F_TIMEOUT(squeeze, most_of_memory_is_to_be_had, 120)
{
	long long live = variant->tasks * (long long)CHURN_LEN;
	long long margin = self->base / 20, full, touch, now;
	struct heap_stats before, after;
	struct shared *s = self->shared;
	int status, i;
	pid_t pid;

	ASSERT_EQ(0, heap_stats_read(&before));
	ASSERT_EQ(0, fill(self->heap, &before));
	for (i = 0; i < variant->tasks; i++) {
		self->tasks[i] = fork();
		ASSERT_LE(0, self->tasks[i]);
		if (!self->tasks[i])
			churn(s, i);
	}

	/* What the heap keeps or has yet to zero is available */
	full = self->base;
	for (i = 0; i < (variant->tasks ? 60 : 1); i++) {
		now = meminfo_read("MemAvailable");
		if (now < full)
			full = now;
		if (variant->tasks)
			usleep(20000);
	}
	EXPECT_LE(self->base - live - margin, full)
		TH_LOG("%lld MiB available with the heap full, %lld without",
		       full / (long long)MIB, self->base / (long long)MIB);

	ASSERT_EQ(0, heap_stats_read(&before));
	if (!variant->tasks)
		EXPECT_LT(before.pool_limit_bytes / 2,
			  before.pool_bytes + before.queue_bytes);
	touch = self->base - margin - live;
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		status = touch_memory(touch);
		s->after = meminfo_read("MemAvailable");
		_exit(status);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(0, heap_stats_read(&after));

	s->stop = true;
	for (i = 0; i < variant->tasks; i++) {
		ASSERT_EQ(self->tasks[i], waitpid(self->tasks[i], &status, 0));
		EXPECT_EQ(0, status);
		EXPECT_EQ(0, s->error[i]);
		EXPECT_LT(0, s->buffers[i]);
	}
	/* What was touched was taken from what was available, and no more */
	EXPECT_LE(self->base - touch - live - margin, s->after);
	EXPECT_GE(self->base - touch + margin, s->after);
	if (!variant->tasks)
		EXPECT_GT(before.pool_bytes, after.pool_bytes);
	TH_LOG("of %lld MiB %lld were touched",
	       meminfo_read("MemTotal") / (long long)MIB,
	       touch / (long long)MIB);
	TH_LOG("available: %lld MiB, with the heap full %lld, then %lld",
	       self->base / (long long)MIB, full / (long long)MIB,
	       s->after / (long long)MIB);
	TH_LOG("the heap held %lld MiB, then %lld",
	       (before.pool_bytes + before.queue_bytes) / (long long)MIB,
	       (after.pool_bytes + after.queue_bytes) / (long long)MIB);
	for (i = 0; i < variant->tasks; i++)
		TH_LOG("task %d: %ld buffers of 32 MiB", i, s->buffers[i]);
}

TEST_HARNESS_MAIN
