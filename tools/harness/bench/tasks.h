/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Many tasks that allocate and close buffers at the same time, in rounds, and
 * what a round costs the whole machine; for the programs that measure that.
 *
 * On the deterministic machine all processors share one count, so the time that
 * passes while nobody waits is the work of all of them. That machine runs one
 * processor after the other, each until the next timer; a process that sleeps
 * for microseconds at a time, the stirrer, makes it switch between them within an
 * allocation. In real time it is the CPU time of the processes.
 */
#ifndef TOOLS_BENCH_TASKS_H
#define TOOLS_BENCH_TASKS_H

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "bench.h"

#define MAX_BUFFERS	192
#define ROUNDS		31

struct shared {
	pthread_barrier_t barrier;
	uint64_t cpu[MAX_TASKS][2];
};

static struct shared *shared;
static pid_t tasks[MAX_TASKS], stirrer;
/* In all: half a full queue would wake the helper */
static int nr_buffers = 48;
static int bufs[MAX_BUFFERS];
/* 0: mixed_sizes in turn, as many of each whatever the number of tasks */
static size_t buffer_size;
static const size_t mixed_sizes[] = { 4 * KIB, 64 * KIB, MIB };

static inline void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % sysconf(_SC_NPROCESSORS_ONLN), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static inline uint64_t cpu_now(void)
{
	return cpu_ns(CLOCK_THREAD_CPUTIME_ID);
}

static inline void meet(void)
{
	pthread_barrier_wait(&shared->barrier);
}

/* One task's rounds; the first only fills the pool */
static inline void task(int self, const char *heap_name, int n, bool idle)
{
	int heap = heap_open(heap_name), round, i;

	run_on(self);
	mlockall(MCL_CURRENT);
	for (round = -1; round < ROUNDS; round++) {
		uint64_t t;

		meet();
		t = cpu_now();
		for (i = 0; i < n && !idle; i++)
			bufs[i] = heap_alloc(heap, buffer_size ? buffer_size :
					     mixed_sizes[i % ARRAY_SIZE(mixed_sizes)]);
		shared->cpu[self][0] = cpu_now() - t;
		meet();
		meet();
		t = cpu_now();
		for (i = 0; i < n && !idle; i++)
			close(bufs[i]);
		shared->cpu[self][1] = cpu_now() - t;
		meet();
	}
	exit(0);
}

static inline uint64_t phase(int nr, int op)
{
	uint64_t cpu = 0, t = now();
	int i;

	meet();
	meet();
	t = now() - t;
	for (i = 0; i < nr; i++)
		cpu += shared->cpu[i][op];
	return clock_instructions ? t : cpu;
}

/* Medians of a phase, in all, into @cost; @idle: of the meeting alone */
static inline void rounds(const char *heap, int nr, bool idle, uint64_t cost[2])
{
	uint64_t each[2][ROUNDS];
	pthread_barrierattr_t attr;
	int i, round, status;

	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&shared->barrier, &attr, nr + 1);
	fflush(stdout);
	for (i = 0; i < nr; i++) {
		tasks[i] = fork();
		if (tasks[i] < 0)
			fail("fork: %s", strerror(errno));
		if (!tasks[i]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			task(i, heap, nr_buffers / nr, idle);
		}
	}
	for (round = -1; round < ROUNDS; round++) {
		uint64_t alloc, closing;

		caught_up();
		usleep(2000);
		alloc = phase(nr, 0);
		usleep(2000);
		closing = phase(nr, 1);
		if (round >= 0) {
			each[0][round] = alloc;
			each[1][round] = closing;
		}
	}
	for (i = 0; i < nr; i++)
		if (waitpid(tasks[i], &status, 0) < 0 || status)
			fail("a task failed");
	for (i = 0; i < 2; i++) {
		sort_u64(each[i], ROUNDS);
		cost[i] = each[i][ROUNDS / 2];
	}
}

static inline void stir(bool on)
{
	if (!clock_instructions)
		return;
	if (!on) {
		kill(stirrer, SIGKILL);
		waitpid(stirrer, NULL, 0);
		return;
	}
	fflush(stdout);
	stirrer = fork();
	if (stirrer)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_TIMERSLACK, 1);
	run_on(0);
	for (;;)
		usleep(10);
}

/* Reads the options of bench_setup(), and prepares for rounds() */
static inline void tasks_setup(int argc, char **argv)
{
	bench_setup(argc, argv);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
}

#endif /* TOOLS_BENCH_TASKS_H */
