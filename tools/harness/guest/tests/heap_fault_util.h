/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers to make allocations in the kernel fail: the N-th one of the calling
 * task, or a share of those of another task.
 *
 * Needs CONFIG_FAILSLAB, CONFIG_FAIL_PAGE_ALLOC and their debugfs files, which
 * faults_available() looks for. What is switched on here stays on until
 * faults_off() is called, for whatever the tasks do meanwhile.
 */
#ifndef HEAP_FAULT_UTIL_H
#define HEAP_FAULT_UTIL_H

#include <dirent.h>

#include "heap_pool_util.h"

#define FAULT_SLAB	"/sys/kernel/debug/failslab/"
#define FAULT_PAGE	"/sys/kernel/debug/fail_page_alloc/"

static inline bool faults_available(void)
{
	return !access(FAULT_SLAB "probability", W_OK) &&
	       !access(FAULT_PAGE "probability", W_OK) &&
	       !access("/proc/self/fail-nth", W_OK);
}

/*
 * Let allocations fail that the defaults spare, namely all that may sleep. A
 * @percent of 0 leaves them to fail_nth_set(); else that share of them fails in
 * the tasks that faults_for() was called for.
 */
static inline int faults_on(unsigned int percent)
{
	char probability[16];
	int ret = 0;

	snprintf(probability, sizeof(probability), "%u", percent);
	ret |= write_text(FAULT_SLAB "ignore-gfp-wait", "N");
	ret |= write_text(FAULT_PAGE "ignore-gfp-wait", "N");
	ret |= write_text(FAULT_PAGE "ignore-gfp-highmem", "N");
	ret |= write_text(FAULT_PAGE "min-order", "0");
	ret |= write_text(FAULT_SLAB "task-filter", "Y");
	ret |= write_text(FAULT_PAGE "task-filter", "Y");
	/* No stack trace on the console for each of them */
	ret |= write_text(FAULT_SLAB "verbose", "0");
	ret |= write_text(FAULT_PAGE "verbose", "0");
	ret |= write_text(FAULT_SLAB "times", "-1");
	ret |= write_text(FAULT_PAGE "times", "-1");
	ret |= write_text(FAULT_SLAB "probability", probability);
	ret |= write_text(FAULT_PAGE "probability", probability);
	return ret;
}

static inline void faults_off(void)
{
	write_text(FAULT_SLAB "probability", "0");
	write_text(FAULT_PAGE "probability", "0");
	write_text(FAULT_SLAB "task-filter", "N");
	write_text(FAULT_PAGE "task-filter", "N");
	write_text(FAULT_SLAB "ignore-gfp-wait", "Y");
	write_text(FAULT_PAGE "ignore-gfp-wait", "Y");
	write_text(FAULT_PAGE "ignore-gfp-highmem", "Y");
	write_text(FAULT_PAGE "min-order", "1");
}

/* Let the share of faults_on() fail in task @pid, or not */
static inline int faults_for(pid_t pid, bool on)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/make-it-fail", pid);
	return write_text(path, on ? "1" : "0");
}

/* The heap's thread, or -1 */
static inline pid_t heap_thread(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	char path[300], name[64], rest[16];
	pid_t found = -1;

	while (proc && found < 0 && (entry = readdir(proc))) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (read_text(path, name, sizeof(name)) <= 0)
			continue;
		/* A program of that name would have a command line */
		snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
		if (!strcmp(name, "dma-heap-" HEAP_NAME "\n") &&
		    read_text(path, rest, sizeof(rest)) == 0)
			found = atoi(entry->d_name);
	}
	if (proc)
		closedir(proc);
	return found;
}

/* The file in which a task says which of its next allocations fails */
static inline int fail_nth_open(void)
{
	return open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
}

static inline int fail_nth_set(int fd, unsigned int nth)
{
	char buf[16];
	int len = snprintf(buf, sizeof(buf), "%u", nth);

	return pwrite(fd, buf, len, 0) == len ? 0 : -errno;
}

/* Switch off again; 1 if an allocation failed, 0 if there were fewer */
static inline int fail_nth_end(int fd)
{
	char buf[16] = "";

	if (pread(fd, buf, sizeof(buf) - 1, 0) <= 0)
		return -errno;
	if (fail_nth_set(fd, 0))
		return -1;
	return atoi(buf) == 0;
}

#endif /* HEAP_FAULT_UTIL_H */
