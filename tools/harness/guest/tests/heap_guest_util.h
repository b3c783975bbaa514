/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers of the tests that are not for upstream: make allocations in the kernel fail,
 * enter a cgroup, and find out whether memory is missing.
 *
 * To make allocations fail takes CONFIG_FAILSLAB, CONFIG_FAIL_PAGE_ALLOC and their
 * debugfs files, which faults_available() looks for.
 */
#ifndef HEAP_GUEST_UTIL_H
#define HEAP_GUEST_UTIL_H

#include <glob.h>
#include <sched.h>

#include "kselftest.h"
#include "heap_pool_util.h"

/* The kernel's own heap, to compare with */
#ifndef HEAP_STOCK
#define HEAP_STOCK	"stock"
#endif

#define FAULT_SLAB	"/sys/kernel/debug/failslab/"
#define FAULT_PAGE	"/sys/kernel/debug/fail_page_alloc/"

#define CGROUPS		"/sys/fs/cgroup"

static inline int write_number(const char *path, long long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", number);
	return write_text(path, text);
}

static inline int run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static inline int enter_cgroup(const char *cgroup)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	return write_text(path, "0");
}

static inline bool faults_available(void)
{
	return !access(FAULT_SLAB "probability", W_OK) &&
	       !access(FAULT_PAGE "probability", W_OK) &&
	       !access("/proc/self/fail-nth", W_OK);
}

/*
 * Fail even allocations that the defaults spare: those that may sleep, use highmem or are
 * of order 0. If @percent is 0, only /proc/thread-self/fail-nth makes them fail. Otherwise
 * @percent of them fail in the tasks that faults_for() has marked.
 */
static inline int faults_on(unsigned int percent)
{
	static const char * const settings[][2] = {
		{ FAULT_SLAB "ignore-gfp-wait", "N" },
		{ FAULT_PAGE "ignore-gfp-wait", "N" },
		{ FAULT_PAGE "ignore-gfp-highmem", "N" },
		{ FAULT_PAGE "min-order", "0" },
		{ FAULT_SLAB "task-filter", "Y" },
		{ FAULT_PAGE "task-filter", "Y" },
		/* No stack trace on the console for each failure */
		{ FAULT_SLAB "verbose", "0" },
		{ FAULT_PAGE "verbose", "0" },
		{ FAULT_SLAB "times", "-1" },
		{ FAULT_PAGE "times", "-1" },
	};
	unsigned int i;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(settings); i++)
		ret |= write_text(settings[i][0], settings[i][1]);
	return ret | write_number(FAULT_SLAB "probability", percent) |
	       write_number(FAULT_PAGE "probability", percent);
}

/* Make the share set by faults_on() fail in task @pid, or stop that */
static inline int faults_for(pid_t pid, bool on)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/make-it-fail", pid);
	return write_text(path, on ? "1" : "0");
}

/* The heap's thread, or -1 */
static inline pid_t heap_thread(void)
{
	pid_t found = -1;
	char name[64];
	glob_t comm;
	size_t i;

	glob("/proc/[0-9]*/comm", 0, NULL, &comm);
	for (i = 0; i < comm.gl_pathc; i++)
		if (read_text(comm.gl_pathv[i], name, sizeof(name)) > 0 &&
		    !strcmp(name, "dma-heap-" HEAP_NAME "\n"))
			found = atoi(comm.gl_pathv[i] + strlen("/proc/"));
	globfree(&comm);
	return found;
}

/* Bytes on per-CPU lists, which are free, but in no line of meminfo */
static inline long long cpu_list_bytes(void)
{
	FILE *file = fopen("/proc/zoneinfo", "r");
	long long sum = 0, nr;
	char line[256];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " count: %lld", &nr) == 1)
			sum += nr;
	fclose(file);
	return sum * (long long)PAGE_BYTES;
}

/*
 * Memory that is free or that somebody accounts for, in bytes. If it shrinks, pages
 * have leaked. Slabs are included, as a debug kernel keeps freed objects. kmemleak
 * finds leaked ones.
 */
static inline long long known_memory(void)
{
	static const char * const keys[] = {
		"MemFree", "Slab", "PageTables", "KernelStack", "Percpu",
		"AnonPages", "Cached", "Buffers"
	};
	long long sum;
	unsigned int i;

	drop_kernel_caches("3");
	sum = cpu_list_bytes();
	for (i = 0; i < ARRAY_SIZE(keys); i++)
		sum += meminfo_read(keys[i]);
	return sum;
}

/*
 * How much known_memory() varies without a leak. A test need only find leaked
 * pages that the heap does not count; the heap's own counters must be exact.
 *
 * KASAN keeps shadow pages of unmapped kernel ranges until these are purged. With
 * 4 CPUs up to 96 MiB of ranges wait for that (lazy_max_pages()). Their shadow is an
 * eighth, 12 MiB, for which nobody accounts. Kernels with kmemleak, which debugfs shows,
 * are taken to have KASAN as well.
 */
static inline long long known_memory_tolerance(void)
{
	return access("/sys/kernel/debug/kmemleak", F_OK) ? 8 * MIB : 24 * MIB;
}

/* Bytes of @known memory that stay missing. Waits, as RCU may free some memory late. */
static inline long long missing_memory(long long known)
{
	double end = seconds() + 5;
	long long missing;

	while ((missing = known - known_memory()) > known_memory_tolerance() &&
	       seconds() < end)
		usleep(100000);
	return missing > known_memory_tolerance() ? missing : 0;
}

#endif /* HEAP_GUEST_UTIL_H */
