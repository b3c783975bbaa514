// SPDX-License-Identifier: GPL-2.0
/*
 * No task is killed while the heap holds memory, however many tasks want it at once.
 *
 * Together, the tasks touch most of the available memory, while the heap holds as much
 * as it may.
 *
 * The test needs a machine to itself, with little memory and no swap.
 */
#include <sys/resource.h>

#include "heap_test_util.h"
#include "heap_guest_util.h"

/* With more memory this test takes too long */
#define MAX_MEMORY	(2048 * MIB)
#define NR_TASKS	48
#define NR_ROUNDS	8
#define NR_CHURNERS	4
#define CHURN_LEN	(32 * MIB)

#define RESERVES	"/proc/sys/vm/min_free_kbytes"

/* Shared with the tasks that are forked */
static struct shared {
	bool go;
	int touched;
} *shared;

FIXTURE(oom)
{
	struct heap_params params;
	char reserves[32];
	pid_t thread;
	int heap;
};

FIXTURE_VARIANT(oom)
{
	bool limited;		/* the limits are a third of memory */
	bool queued;		/* the heap's thread has a low priority */
	bool compared;		/* with as many rounds without a pool */
	int churners;		/* tasks that use the heap meanwhile */
};

FIXTURE_VARIANT_ADD(oom, cached)
{
	.limited = true,
};

FIXTURE_VARIANT_ADD(oom, queued)
{
	.limited = true,
	.queued = true,
};

FIXTURE_VARIANT_ADD(oom, default_limits)
{
	.compared = true,
};

FIXTURE_VARIANT_ADD(oom, churning)
{
	.churners = NR_CHURNERS,
};

FIXTURE_SETUP(oom)
{
	if (!heap_begin(_metadata, &self->params, &self->heap))
		return;
	if (meminfo_read("MemTotal") > MAX_MEMORY)
		SKIP(return, "too much memory to touch");
	self->thread = heap_thread();
	ASSERT_LT(0, self->thread);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, shared);
	ASSERT_EQ(0, replace_text(RESERVES, "4096", self->reserves, sizeof(self->reserves)));
	if (variant->queued)
		ASSERT_EQ(0, setpriority(PRIO_PROCESS, self->thread, 19));
}

FIXTURE_TEARDOWN(oom)
{
	EXPECT_EQ(0, setpriority(PRIO_PROCESS, self->thread, 0));
	EXPECT_EQ(0, write_text(RESERVES, self->reserves));
	heap_end(_metadata, &self->params, self->heap);
}

/* Allocate and close, until killed */
static pid_t churn(int heap)
{
	pid_t pid = fork_child();
	int buf;

	if (pid)
		return pid;
	while ((buf = heap_alloc(heap, CHURN_LEN)) >= 0)
		close(buf);
	_exit(1);
}

static pid_t start(long long bytes)
{
	pid_t pid = fork_child();
	int ret;

	if (pid)
		return pid;
	while (!__atomic_load_n(&shared->go, __ATOMIC_RELAXED))
		usleep(1000);
	ret = touch_memory(bytes);
	__atomic_fetch_add(&shared->touched, 1, __ATOMIC_RELAXED);
	while (!ret)
		pause();
	_exit(1);
}

/* One round; returns what the heap held when the first task was killed, or -1. */
static long long touch_together(struct __test_metadata *_metadata, int heap,
				long long bytes, int churners)
{
	long long kills = vmstat_read("oom_kill"), left = -1;
	double end = seconds() + 60;
	pid_t pids[NR_TASKS + NR_CHURNERS];
	int i;

	memset(shared, 0, sizeof(*shared));
	for (i = 0; i < NR_TASKS + churners; i++) {
		pids[i] = i < NR_TASKS ? start(bytes / NR_TASKS) : churn(heap);
		ASSERT_LT(0, pids[i]);
	}
	usleep(100000);
	shared->go = true;
	while (shared->touched < NR_TASKS && left < 0 && seconds() < end) {
		usleep(2000);
		if (file_value("/proc/vmstat", "oom_kill") != kills)
			left = heap_held();
	}
	EXPECT_GT(end, seconds());
	for (i = 0; i < NR_TASKS + churners; i++) {
		/* Tasks that churn are still running. */
		if (i >= NR_TASKS && left < 0)
			EXPECT_EQ(0, waitpid(pids[i], NULL, WNOHANG));
		kill_child(pids[i]);
	}
	return left;
}

/* Returns in how many rounds a task was killed. */
static int touch_rounds(struct __test_metadata *_metadata, int heap, long long fill,
			const struct _fixture_variant_oom *variant)
{
	long long available, left, most = 0, at_start = 0;
	struct heap_stats st;
	int round, kills = 0;

	for (round = 0; round < NR_ROUNDS; round++) {
		drop_kernel_caches("3");
		ASSERT_TRUE(heap_drain_all(&st));
		/* If queued, close two large buffers, as the thread may begin to zero one. */
		ASSERT_EQ(0, hold_and_drop(heap, fill,
					   variant->queued ? fill / 2 : 960 * KIB));
		if (!variant->queued)
			ASSERT_EQ(0, heap_wait_idle());
		available = meminfo_read("MemAvailable") - variant->churners * CHURN_LEN;
		at_start += heap_held();
		/* In the compared variant, a task may be killed even without a pool */
		left = touch_together(_metadata, heap, available / 100 *
				      (variant->compared ? 95 : 91), variant->churners);
		kills += left >= 0;
		if (left > most)
			most = left;
	}
	TH_LOG("%d rounds, the heap held %lld MiB", NR_ROUNDS, at_start / NR_ROUNDS / MIB);
	TH_LOG("a task was killed in %d, while the heap held up to %lld MiB", kills, most / MIB);
	return kills;
}

TEST_F_TIMEOUT(oom, nobody_is_killed, 1200)
{
	long long fill = self->params.pool_limit_mb * MIB;
	int kills, others = 0;

	if (variant->limited) {
		fill = meminfo_read("MemTotal") / 3 & -4 * MIB;
		ASSERT_EQ(0, heap_set_limits(fill / MIB, fill / MIB));
	}
	kills = touch_rounds(_metadata, self->heap, fill, variant);
	if (variant->compared) {
		ASSERT_EQ(0, heap_set_param("pool_limit_mb", 0));
		others = touch_rounds(_metadata, self->heap, fill, variant);
	}
	EXPECT_LE(kills, others);
}

TEST_HARNESS_MAIN
