// SPDX-License-Identifier: GPL-2.0
/*
 * Nobody is killed while the heap holds memory, however many want it at once.
 *
 * Tasks note what is available, then touch most of it together, while the heap holds
 * as much as it may.
 *
 * Needs a machine to itself, with little memory and no swap.
 */
#include <sys/resource.h>

#include "heap_test_util.h"
#include "heap_guest_util.h"

/* More would take this test too long */
#define MAX_MEMORY	(2048 * MIB)
#define NR_TASKS	48
#define NR_ROUNDS	8
#define NR_CHURNERS	4
#define CHURN_LEN	(32 * MIB)

#define RESERVES	"/proc/sys/vm/min_free_kbytes"

/* Shared with the tasks that are forked */
static struct shared {
	bool go, stop;
	int touched;
	int error;		/* of a task that churns */
} *shared;

FIXTURE(oom)
{
	struct heap_params params;
	char reserves[32];
	pid_t thread;
	int nice, heap;
};

struct load {
	int percent;		/* of what is available, to be touched */
	bool limited;		/* the limits are a third of memory */
	bool queued;		/* the heap's thread has a low priority */
	bool compared;		/* with as many rounds without a pool */
	int churners;		/* use the heap meanwhile */
};

FIXTURE_VARIANT(oom)
{
	struct load load;
};

FIXTURE_VARIANT_ADD(oom, cached)
{
	.load.percent = 91,
	.load.limited = true,
};

FIXTURE_VARIANT_ADD(oom, queued)
{
	.load.percent = 91,
	.load.limited = true,
	.load.queued = true,
};

/* So much that a task may be killed even without a pool */
FIXTURE_VARIANT_ADD(oom, default_limits)
{
	.load.percent = 95,
	.load.compared = true,
};

FIXTURE_VARIANT_ADD(oom, churning)
{
	.load.percent = 91,
	.load.churners = NR_CHURNERS,
};

FIXTURE_SETUP(oom)
{
	if (!heap_begin(_metadata, &self->params, &self->heap))
		return;
	if (meminfo_read("MemTotal") > MAX_MEMORY)
		SKIP(return, "too much memory to touch");
	self->thread = heap_thread();
	ASSERT_LT(0, self->thread);
	self->nice = getpriority(PRIO_PROCESS, self->thread);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, shared);
	ASSERT_EQ(0, replace_text(RESERVES, "4096", self->reserves,
				  sizeof(self->reserves)));
	if (variant->load.queued)
		ASSERT_EQ(0, setpriority(PRIO_PROCESS, self->thread, 19));
}

FIXTURE_TEARDOWN(oom)
{
	EXPECT_EQ(0, setpriority(PRIO_PROCESS, self->thread, self->nice));
	EXPECT_EQ(0, write_text(RESERVES, self->reserves));
	heap_end(_metadata, &self->params, self->heap);
}

/* Allocate, touch the ends, close, until told to stop */
static void churn(void)
{
	int heap = heap_open();

	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		int buf = heap_alloc(heap, CHURN_LEN);
		char *p = buf < 0 ? NULL : buf_map(buf, CHURN_LEN);

		if (!p || p[0] || p[CHURN_LEN - 1])
			shared->error = buf < 0 ? buf : -EFAULT;
		if (!p)
			break;
		p[0] = 1;
		p[CHURN_LEN - 1] = 1;
		munmap(p, CHURN_LEN);
		close(buf);
	}
}

static void want(long long bytes)
{
	int ret;

	while (!__atomic_load_n(&shared->go, __ATOMIC_RELAXED))
		usleep(1000);
	ret = touch_memory(bytes);
	__atomic_fetch_add(&shared->touched, 1, __ATOMIC_RELAXED);
	while (!ret)
		pause();
}

static pid_t start(long long bytes)
{
	pid_t pid = fork_child();

	if (pid)
		return pid;
	if (bytes)
		want(bytes);
	else
		churn();
	_exit(1);
}

/* One round; returns what the heap held when the first task was killed, or -1. */
static long long touch_together(struct __test_metadata *_metadata, int churners,
				long long bytes)
{
	long long kills = vmstat_read("oom_kill"), left = -1;
	pid_t pids[NR_TASKS + NR_CHURNERS];
	double end = seconds() + 60;
	int i;

	memset(shared, 0, sizeof(*shared));
	for (i = 0; i < NR_TASKS + churners; i++) {
		pids[i] = start(i < NR_TASKS ? bytes / NR_TASKS : 0);
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
	shared->stop = true;
	for (i = 0; i < NR_TASKS + churners; i++) {
		if (i < NR_TASKS || left >= 0)
			kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	return left;
}

/* Returns in how many rounds a task was killed. */
static int touch_rounds(struct __test_metadata *_metadata, struct _test_data_oom *self,
			long long fill, const struct load *load)
{
	long long bytes, left, most = 0, at_start = 0;
	struct heap_stats st;
	int round, kills = 0;

	for (round = 0; round < NR_ROUNDS; round++) {
		drop_kernel_caches("3");
		ASSERT_TRUE(heap_drain_all(&st));
		/* Few large buffers: the thread may have begun with one. */
		ASSERT_EQ(0, hold_and_drop(self->heap, fill,
					   load->queued ? fill / 2 : 960 * KIB));
		if (!load->queued)
			ASSERT_EQ(0, heap_wait_idle());
		bytes = meminfo_read("MemAvailable") - load->churners * CHURN_LEN;
		at_start += heap_held();
		left = touch_together(_metadata, load->churners,
				      bytes / 100 * load->percent);
		kills += left >= 0;
		if (left > most)
			most = left;
		if (left < 0)
			EXPECT_EQ(0, shared->error);
	}
	TH_LOG("%d rounds, the heap held %lld MiB", NR_ROUNDS, at_start / NR_ROUNDS / MIB);
	TH_LOG("killed in %d, while the heap held up to %lld MiB", kills, most / MIB);
	return kills;
}

TEST_F_TIMEOUT(oom, nobody_is_killed, 1200)
{
	int kills, others = 0;
	long long fill;

	fill = self->params.pool_limit_mb * MIB;
	if (variant->load.limited) {
		fill = meminfo_read("MemTotal") / 3 & -4 * MIB;
		ASSERT_EQ(0, heap_set_limits(fill / MIB, fill / MIB));
	}
	kills = touch_rounds(_metadata, self, fill, &variant->load);
	if (variant->load.compared) {
		ASSERT_EQ(0, heap_set_param("pool_limit_mb", 0));
		others = touch_rounds(_metadata, self, fill, &variant->load);
	}
	EXPECT_LE(kills, others);
}

TEST_HARNESS_MAIN
