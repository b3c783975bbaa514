// SPDX-License-Identifier: GPL-2.0
/*
 * How long it takes from the last put of a buffer until its pages can be used
 * again: until the helper thread has zeroed them and goes back to sleep
 *
 * Measured with the machine idle and with a task that never sleeps on each
 * processor, at several priorities of the helper.
 *
 * Output: latency <idle|busy> <nice> <size> <n> <p50> <p99> <longest>, in
 * nanoseconds; on the deterministic machine an instruction takes one.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "bench.h"
#include "probe.h"

#define MAX_CPUS	64
#define SAMPLES		101
#define SAMPLES_LARGE	31	/* a second each, at worst */
#define SETTLE_US	10000

static pid_t hogs[MAX_CPUS];
static int nr_hogs;

static void hogs_start(void)
{
	nr_hogs = sysconf(_SC_NPROCESSORS_ONLN);
	if (nr_hogs > MAX_CPUS)
		nr_hogs = MAX_CPUS;
	fflush(stdout);
	for (int i = 0; i < nr_hogs; i++) {
		hogs[i] = fork();
		if (hogs[i] < 0)
			fail("fork: %s", strerror(errno));
		if (!hogs[i]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				spin(1000000);
		}
	}
	usleep(50000);
}

static void hogs_stop(void)
{
	while (nr_hogs) {
		kill(hogs[--nr_hogs], SIGKILL);
		waitpid(hogs[nr_hogs], NULL, 0);
	}
}

static uint64_t raw_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return timespec_ns(&ts);
}

/* The helper sleeps when it has found nothing more to do */
static uint64_t latency_once(int heap, pid_t helper, size_t len)
{
	unsigned long long answer[3];
	uint64_t start;
	int buf;

	buf = heap_alloc(heap, len);
	/* An allocation may have woken it as well */
	usleep(SETTLE_US);
	heap_caught_up();
	usleep(SETTLE_US);
	probe(answer, "watch %d", helper);
	start = raw_ns();
	close(buf);
	do {
		usleep(SETTLE_US);
		if (probe(answer, "slept") != 3)
			fail("%s: no answer", PROBE);
		if (raw_ns() - start > 20000000000ULL)
			fail("the helper did not zero a buffer within 20 seconds");
	} while (!answer[2] || file_value(HEAP_STATS, "queue_bytes"));
	return answer[1] - start;
}

static void bench_latency(int heap, pid_t helper, const char *state, int nice,
			  size_t len)
{
	int i, n = len > MIB ? SAMPLES_LARGE : SAMPLES;

	if (setpriority(PRIO_PROCESS, helper, nice))
		fail("cannot renice the helper");
	heap_drain();
	for (i = -2; i < n; i++) {
		uint64_t t = latency_once(heap, helper, len);

		if (i >= 0)
			samples[i] = t;
	}
	sort_u64(samples, n);
	printf("latency %s %d %zu %d %llu %llu %llu\n", state, nice, len, n,
	       (unsigned long long)percentile(samples, n, 50),
	       (unsigned long long)percentile(samples, n, 99),
	       (unsigned long long)samples[n - 1]);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 4 * KIB, MIB, 32 * MIB };
	static const int nices[] = { -10, 0, 10, 19 };
	unsigned long long answer[3];
	unsigned int i, j;
	pid_t helper;
	int heap, busy;

	progname = "heap-latency";
	bench_setup(argc, argv);
	helper = find_kthreads("dma-heap-system");
	if (!helper)
		fail("there is no helper thread");
	heap = heap_open("system");
	for (busy = 0; busy < 2; busy++) {
		if (busy)
			hogs_start();
		for (i = 0; i < ARRAY_SIZE(nices); i++)
			for (j = 0; j < ARRAY_SIZE(sizes); j++)
				if (wanted_size(sizes[j]))
					bench_latency(heap, helper,
						      busy ? "busy" : "idle",
						      nices[i], sizes[j]);
	}
	hogs_stop();
	probe(answer, "watch 0");
	return 0;
}
