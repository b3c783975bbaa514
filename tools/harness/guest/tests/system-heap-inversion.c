// SPDX-License-Identifier: GPL-2.0
/*
 * A realtime task that allocates waits no longer for background users of the heap than
 * it would with the kernel's own heap.
 *
 * Each processor is kept busy meanwhile, so a task that is preempted with a lock held
 * makes no progress.
 */
#include <sys/resource.h>

#include "heap_test_util.h"
#include "heap_guest_util.h"

#define LEN		(60 * KIB)
#define HOGS		2
#define MAX_KIDS	64
#define PERIOD_US	4000
#define RUN_SECONDS	8

FIXTURE(inversion)
{
	struct heap_params params;
	int heaps[2];		/* the kernel's own, ours */
};

FIXTURE_VARIANT(inversion)
{
	int policy, nice;
};

FIXTURE_VARIANT_ADD(inversion, nice_19)
{
	.policy = SCHED_OTHER,
	.nice = 19,
};

FIXTURE_VARIANT_ADD(inversion, normal)
{
	.policy = SCHED_OTHER,
};

FIXTURE_VARIANT_ADD(inversion, idle)
{
	.policy = SCHED_IDLE,
};

FIXTURE_SETUP(inversion)
{
	if (!heap_begin(_metadata, &self->params, &self->heaps[1]))
		return;
	self->heaps[0] = heap_open_name(HEAP_STOCK);
	if (self->heaps[0] < 0)
		SKIP(return, "no heap to compare with");
}

FIXTURE_TEARDOWN(inversion)
{
	close(self->heaps[0]);
	heap_end(_metadata, &self->params, self->heaps[1]);
}

/* Allocate and close at a low priority, or spin if @heap is negative. */
static pid_t start(int cpu, int heap, int policy, int nice)
{
	struct sched_param param = {};
	pid_t pid = fork_child();
	int bufs[16], i;

	if (pid)
		return pid;
	run_on(cpu);
	while (heap < 0)
		;
	sched_setscheduler(0, policy, &param);
	setpriority(PRIO_PROCESS, 0, nice);
	for (;;) {
		for (i = 0; i < 16; i++)
			bufs[i] = heap_alloc(heap, LEN);
		for (i = 0; i < 16; i++)
			close(bufs[i]);
	}
}

struct waits {
	int nr, late;		/* all, and those of over 10 ms */
	double longest, sum;	/* of the late ones */
};

/* Allocate and close at a realtime priority. */
static int allocate(int heap, struct waits *w)
{
	struct sched_param fifo = { .sched_priority = 10 }, other = {};
	double end = seconds() + RUN_SECONDS, began, took;
	int buf = 0;

	if (sched_setscheduler(0, SCHED_FIFO, &fifo))
		return -errno;
	while (seconds() < end && buf >= 0) {
		began = seconds();
		buf = heap_alloc(heap, LEN);
		took = seconds() - began;
		close(buf);
		w->nr++;
		usleep(PERIOD_US);
		if (took < 0.01)
			continue;
		w->late++;
		w->sum += took;
		if (took > w->longest)
			w->longest = took;
	}
	sched_setscheduler(0, SCHED_OTHER, &other);
	return buf < 0 ? buf : 0;
}

TEST_F_TIMEOUT(inversion, realtime_task, 900)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct waits waits[2] = {};
	pid_t kids[MAX_KIDS];
	int i, nr, which;

	ASSERT_GE(MAX_KIDS, cpus * (HOGS + 1));
	for (which = 0; which < 2; which++) {
		for (nr = 0; nr < cpus * (HOGS + 1); nr++)
			kids[nr] = start(nr % cpus, nr < cpus ? self->heaps[which] : -1,
					 variant->policy, variant->nice);
		EXPECT_EQ(0, allocate(self->heaps[which], &waits[which]));
		/* Kill all before waiting, or tasks of the idle class never exit. */
		for (i = 0; i < nr; i++)
			kill(kids[i], SIGKILL);
		for (i = 0; i < nr; i++)
			waitpid(kids[i], NULL, 0);
	}
	for (i = 0; i < 2; i++)
		TH_LOG("%s: %d of %d allocations took over 10 ms, %.0f ms in all, at most %.0f",
		       i ? HEAP_NAME : HEAP_STOCK, waits[i].late, waits[i].nr,
		       waits[i].sum * 1e3, waits[i].longest * 1e3);
	/* How often one heap is late varies by chance. */
	EXPECT_GE(waits[0].late * 3 / 2 + 5, waits[1].late);
	EXPECT_GE(waits[0].sum * 2 + 0.5, waits[1].sum);
	EXPECT_LT(0, waits[1].nr);
}

TEST_HARNESS_MAIN
