// SPDX-License-Identifier: GPL-2.0
/*
 * Many tasks at once: what an allocation and a close cost the whole machine
 * when 1, 2 or 4 processes do it at the same time, warm
 *
 * On the deterministic machine all processors share one count, so the time that
 * passes while nobody waits is the work of all of them. That machine runs one
 * processor after the other, each until the next timer; a process that sleeps
 * for microseconds at a time makes it switch between them within an allocation.
 * In real time it is the CPU time of the processes.
 *
 * Output:
 *   tasks <alloc|close> <heap> <tasks> <buffers> <per operation>
 *     the median of several rounds
 *   waits <heap> <tasks> <operations> <waits> <p50> <p99> <longest>
 *     how often a lock was taken, by anyone, and the time until it was had
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "bench.h"

#define BUFFERS		48	/* in all: half a full queue would wake the helper */
#define ROUNDS		31
#define TRACING		"/sys/kernel/tracing/"

struct shared {
	pthread_barrier_t barrier;
	uint64_t cpu[MAX_TASKS][2];
};

static struct shared *shared;
static pid_t tasks[MAX_TASKS], stirrer;
static int bufs[BUFFERS];

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % sysconf(_SC_NPROCESSORS_ONLN), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static uint64_t cpu_now(void)
{
	return cpu_ns(CLOCK_THREAD_CPUTIME_ID);
}

static void meet(void)
{
	pthread_barrier_wait(&shared->barrier);
}

/* One task's rounds; the first only fills the pool */
static void task(int self, const char *heap_name, int n, bool idle)
{
	int heap = heap_open(heap_name), round, i;

	run_on(self);
	mlockall(MCL_CURRENT);
	for (round = -1; round < ROUNDS; round++) {
		uint64_t t;

		meet();
		t = cpu_now();
		for (i = 0; i < n && !idle; i++)
			bufs[i] = heap_alloc(heap, MIB);
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

static uint64_t phase(int nr, int op)
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
static void rounds(const char *heap, int nr, bool idle, uint64_t cost[2])
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
			task(i, heap, BUFFERS / nr, idle);
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

static void stir(bool on)
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

/* ---- waiting for locks ---- */

static bool trace_set(const char *file, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), TRACING "%s", file);
	if (access(path, W_OK))
		return false;
	write_text(path, value);
	return true;
}

static bool trace_start(void)
{
	if (!trace_set("events/lock/contention_begin/enable", "1") ||
	    !trace_set("events/lock/contention_end/enable", "1"))
		return false;
	trace_set("trace_clock", "mono_raw");
	trace_set("buffer_size_kb", "8192");
	return trace_set("trace", "");
}

/* "comm-PID [CPU] flags SECONDS.MICROS: contention_begin: LOCK (flags=...)" */
static void trace_report(const char *heap, int nr)
{
	static struct { long pid; double at; } open_waits[256];
	char line[512], *at, *event;
	unsigned int slot;
	int n = 0, all = 0;
	FILE *f;

	trace_set("events/lock/enable", "0");
	f = fopen(TRACING "trace", "r");
	if (!f)
		fail("%strace: %s", TRACING, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		bool begin;
		double when;
		long pid;

		event = strstr(line, ": contention_");
		at = strchr(line, '[');
		if (line[0] == '#' || !event || !at)
			continue;
		begin = !strncmp(event + 13, "begin", 5);
		*event = '\0';
		when = atof(strrchr(line, ' ') + 1);
		while (at > line && at[-1] == ' ')
			at--;
		*at = '\0';
		pid = atol(strrchr(line, '-') + 1);
		slot = pid % ARRAY_SIZE(open_waits);
		if (begin) {
			open_waits[slot].pid = pid;
			open_waits[slot].at = when;
			continue;
		}
		if (open_waits[slot].pid != pid)
			continue;
		all++;
		if (n < MAX_SAMPLES)
			samples[n++] = (when - open_waits[slot].at) * 1e9 + 0.5;
		open_waits[slot].pid = 0;
	}
	fclose(f);
	sort_u64(samples, n);
	printf("waits %s %d %d %d %llu %llu %llu\n", heap, nr,
	       2 * BUFFERS / nr * nr * (ROUNDS + 1), all,
	       n ? (unsigned long long)percentile(samples, n, 50) : 0ULL,
	       n ? (unsigned long long)percentile(samples, n, 99) : 0ULL,
	       n ? (unsigned long long)samples[n - 1] : 0ULL);
}

static void bench_tasks(const char *heap, int nr)
{
	static const char * const op[] = { "alloc", "close" };
	uint64_t cost[2], meeting[2];
	int i, buffers = BUFFERS / nr * nr;

	drained();
	stir(true);
	rounds(heap, nr, true, meeting);
	rounds(heap, nr, false, cost);
	for (i = 0; i < 2; i++) {
		if (cost[i] < meeting[i])
			meeting[i] = cost[i];
		printf("tasks %s %s %d %d %llu\n", op[i], heap, nr, buffers,
		       (unsigned long long)(cost[i] - meeting[i]) / buffers);
	}
	if (trace_start()) {
		rounds(heap, nr, false, cost);
		trace_report(heap, nr);
	}
	stir(false);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	unsigned int i;
	int nr;

	progname = "heap-tasks";
	bench_setup(argc, argv);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	for (i = 0; i < ARRAY_SIZE(bench_heaps); i++) {
		if (only_heap && !in_list(only_heap, bench_heaps[i]))
			continue;
		pooled = !strcmp(bench_heaps[i], "system");
		for (nr = 1; nr <= 4; nr *= 2)
			bench_tasks(bench_heaps[i], nr);
	}
	return 0;
}
