/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The clocks of heap-bench: one in a chosen unit, and CPU time
 */
#ifndef _BENCH_CLOCK_H
#define _BENCH_CLOCK_H

#include <err.h>
#include <glob.h>
#include <stdint.h>
#include <time.h>

#include "heap_pool_util.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static bool clock_instructions;
static double ns_per_tick;	/* unit tsc: what the counter is multiplied by */
static double ticks_per_cpu_ns = 1;

static uint64_t timespec_ns(const struct timespec *ts)
{
	return ts->tv_sec * 1000000000ULL + ts->tv_nsec;
}

static __always_inline uint64_t counter(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t count;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r" (count) : : "memory");
	return count;
#endif
}

/* Now, in the unit chosen */
static __always_inline uint64_t now(void)
{
	struct timespec ts;

	if (clock_instructions)
		return counter();
	if (ns_per_tick)
		return counter() * ns_per_tick;
	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return timespec_ns(&ts);
}

/* Two instructions per round */
static void __attribute__((noinline)) spin(unsigned long rounds)
{
#if defined(__x86_64__) || defined(__i386__)
	__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r" (rounds) : : "cc");
#elif defined(__aarch64__)
	__asm__ volatile("1: subs %0, %0, 1\n\tb.ne 1b" : "+r" (rounds) : : "cc");
#endif
}

static uint64_t cpu_ns(clockid_t clock)
{
	struct timespec ts;

	return clock_gettime(clock, &ts) ? 0 : timespec_ns(&ts);
}

/*
 * Choose the unit: ns; tsc, which is ns derived from the counter, for machines where
 * reading the clock takes a slow system call; or instructions. Those need a counter (x86:
 * TSC, arm64: CNTVCT) that counts them; a loop of known length tests that. On such a
 * machine the scheduler's clock, which gives CPU time, runs on that counter.
 */
static void clock_setup(const char *unit)
{
	const unsigned long rounds = 20000000;
	uint64_t ticks, ns;

	if (!strcmp(unit, "instructions")) {
		ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
		ticks = counter();
		spin(rounds);
		ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - ns;
		ticks = counter() - ticks;
		if (ticks < 1.96 * rounds || ticks > 2.04 * rounds)
			errx(1, "the counter advances by %.3f per instruction, not 1",
			     ticks / (2.0 * rounds));
		clock_instructions = true;
		ticks_per_cpu_ns = (double)ticks / ns;
	} else if (!strcmp(unit, "tsc")) {
		ns = now();
		ticks = counter();
		usleep(200000);
		ticks = counter() - ticks;
		ns_per_tick = (double)(now() - ns) / ticks;
	}
}

/* ---- CPU time ---- */

static clockid_t kthreads[1024];
static unsigned int nr_kthreads;

/*
 * Find the kernel thread @name, or all that exist now if that is NULL. They are the
 * children of kthreadd, which is process 2.
 */
static void find_kthreads(const char *name)
{
	char stat[512], comm[64];
	int pid, ppid;
	glob_t found;
	size_t i;

	if (glob("/proc/[0-9]*/stat", GLOB_NOSORT, NULL, &found))
		err(1, "/proc");
	nr_kthreads = 0;
	for (i = 0; i < found.gl_pathc && nr_kthreads < ARRAY_SIZE(kthreads); i++) {
		if (read_text(found.gl_pathv[i], stat, sizeof(stat)) > 0 &&
		    sscanf(stat, "%d (%63[^)]) %*c %d", &pid, comm, &ppid) == 3 &&
		    ppid == 2 && (!name || !strcmp(comm, name)) &&
		    !clock_getcpuclockid(pid, &kthreads[nr_kthreads]))
			nr_kthreads++;
	}
	globfree(&found);
	if (name && !nr_kthreads)
		errx(1, "no thread %s", name);
}

/* CPU time that the kernel threads found have used */
static uint64_t kthreads_ns(void)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < nr_kthreads; i++)
		sum += cpu_ns(kthreads[i]);
	return sum;
}

#endif
