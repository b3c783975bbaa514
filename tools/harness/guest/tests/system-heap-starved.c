// SPDX-License-Identifier: GPL-2.0
/*
 * Memory is to be had though those who have their hands on it do not run.
 *
 * The helper thread and tasks that use the heap may be of so low a priority that
 * they lose the processor for long, in the middle of what they do. Reclaim still
 * finds what is queued, and does not wait for what they have locked.
 *
 * Wants a machine with little memory to itself.
 */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "kselftest_harness.h"
#include "heap_fault_util.h"
#include "heap_pressure_util.h"

/* More would take this test too long */
#define MAX_MEMORY	(2048 * (long long)MIB)

/* What a pool keeps, what another task uses in turn, and how much at a time */
#define POOLED		(56 * MIB)
#define RING_BYTES	(256 * MIB)
#define PIECE_BYTES	(2 * MIB)
/* Until kswapd has met a pool in use so often, or for so many seconds */
#define NR_BUSY		4
#define TRIM_SECONDS	180

#define TRACING		"/sys/kernel/tracing/"
#define SLOW		TRACING "instances/slow"
#define NR_SLOW		4
#define WAIT_EVENT	TRACING "events/lock/contention_begin/"
/* LCB_F_MUTEX */
#define WAIT_FILTER	"flags & 32"
/* Whose mutex it is, only the stack tells */
#define WAIT_TRIGGER	"stacktrace if " WAIT_FILTER
#define SCAN_EVENT	TRACING "events/dma_heap/dma_heap_reclaim/"

/*
 * Small reserves, few free pages on the CPUs' lists, watermarks that stay what
 * they are, and holes between locked pages that are not compacted
 */
static const struct {
	const char *path, *value;
} vm_settings[] = {
	{ "/proc/sys/vm/min_free_kbytes", "4096" },
	{ "/proc/sys/vm/percpu_pagelist_high_fraction", "10000" },
	{ "/proc/sys/vm/watermark_boost_factor", "0" },
	{ "/proc/sys/vm/watermark_scale_factor", "10" },
	{ "/proc/sys/vm/compact_unevictable_allowed", "0" },
};

FIXTURE(starved)
{
	char vm[ARRAY_SIZE(vm_settings)][32];
	struct heap_params params;
	struct bufs ballast;
	long long oom_kills;
	cpu_set_t cpus;
	pid_t helper;
	int nice, heap;
};

FIXTURE_SETUP(starved)
{
	const char *missing = heap_missing(&self->params);
	struct heap_stats st;
	unsigned int i;

	if (missing)
		SKIP(return, "%s", missing);
	if (meminfo_read("MemTotal") > MAX_MEMORY)
		SKIP(return, "too much memory to fill");
	self->heap = heap_open();
	ASSERT_LE(0, self->heap);
	self->helper = heap_helper();
	ASSERT_LT(0, self->helper);
	ASSERT_EQ(0, sched_getaffinity(0, sizeof(self->cpus), &self->cpus));
	self->nice = getpriority(PRIO_PROCESS, self->helper);
	for (i = 0; i < ARRAY_SIZE(vm_settings); i++) {
		ASSERT_LT(0, read_text(vm_settings[i].path, self->vm[i],
				       sizeof(self->vm[i])));
		ASSERT_EQ(0, write_text(vm_settings[i].path,
					vm_settings[i].value));
	}
	write_text("/proc/sys/vm/drop_caches", "3");
	ASSERT_TRUE(heap_drain_all(&st));
	self->oom_kills = vmstat_read("oom_kill");
}

FIXTURE_TEARDOWN(starved)
{
	unsigned int i;

	drop(&self->ballast, 0);
	EXPECT_EQ(0, sched_setaffinity(self->helper, sizeof(self->cpus),
				       &self->cpus));
	for (i = 0; i < ARRAY_SIZE(vm_settings); i++)
		EXPECT_EQ(0, write_text(vm_settings[i].path, self->vm[i]));
	EXPECT_EQ(0, setpriority(PRIO_PROCESS, self->helper, self->nice));
	EXPECT_EQ(0, heap_params_restore(&self->params));
	EXPECT_EQ(self->oom_kills, vmstat_read("oom_kill"));
	close(self->heap);
}

/* Also for kernel threads */
static int pin(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(pid, sizeof(set), &set);
}

static char *map_anonymous(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, size, MADV_NOHUGEPAGE);
	return p;
}

static void touch(char *p, size_t size)
{
	size_t page = PAGE_BYTES, at;

	for (at = 0; at < size; at += page)
		p[at] = 1;
}

/* Hold memory until only @bytes are available */
static int leave(int heap, struct bufs *ballast, long long bytes)
{
	for (;;) {
		long long more = meminfo_read("MemAvailable") - bytes;
		int ret;

		if (more <= 0)
			return 0;
		more = (more / 4) & -(long long)MIB;
		ret = hold(heap, ballast, 1, more ? more : (long long)MIB);
		if (ret || ballast->nr == MAX_BUFS)
			return ret ? ret : -ENOSPC;
	}
}

/* Have a pool keep most of @bytes, all in pages of 64 KiB */
static int fill_pool(int heap, unsigned long bytes)
{
	struct heap_stats st;
	int ret;

	do {
		struct bufs b = {};

		ret = hold(heap, &b, bytes, 64 * KIB);
		drop(&b, 0);
		if (ret || heap_wait_idle() || heap_stats_read(&st))
			return ret ? ret : -EIO;
	} while (st.pool_bytes < (long long)bytes / 4 * 3);
	return 0;
}

/* Empty the pool, for which its lock is taken, when nobody else wants to run */
static void trim(int from, int to)
{
	struct sched_param param = {};
	char c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sched_setscheduler(0, SCHED_IDLE, &param))
		_exit(1);
	while (read(from, &c, 1) == 1)
		if (heap_set_param("pool_limit_mb", 1) || write(to, &c, 1) != 1)
			_exit(2);
	_exit(0);
}

/*
 * Keep this CPU to ourselves. Go round, leaving memory behind that can be
 * reclaimed, until kswapd has begun anew, or for half a second if it never ends,
 * and give it time to work on another CPU.
 */
static int use_memory(char *ring, size_t *at)
{
	struct sched_param fifo = { .sched_priority = 1 }, other = {};
	long long runs = vmstat_read("pageoutrun");
	double end = seconds() + 0.5;

	if (sched_setscheduler(0, SCHED_FIFO, &fifo))
		return -errno;
	while (vmstat_read("pageoutrun") == runs && seconds() < end) {
		touch(ring + *at, PIECE_BYTES);
		madvise(ring + *at, PIECE_BYTES, MADV_FREE);
		*at = (*at + PIECE_BYTES) % RING_BYTES;
	}
	for (end = seconds() + 0.2; seconds() < end;)
		;
	return sched_setscheduler(0, SCHED_OTHER, &other) ? -errno : 0;
}

static int slow_write(unsigned int i, const char *file, const char *text)
{
	char path[96];

	snprintf(path, sizeof(path), SLOW "%u/%s", i, file);
	return write_text(path, text);
}

/* Have each page traced, with its stack, that @pid frees: that takes a while */
static int slow_down(pid_t pid)
{
	char filter[64], dir[64];
	unsigned int i;
	int ret = 0;

	snprintf(filter, sizeof(filter), "common_pid == %d", pid);
	for (i = 0; i < NR_SLOW && !ret; i++) {
		snprintf(dir, sizeof(dir), SLOW "%u", i);
		if (mkdir(dir, 0700) && errno != EEXIST)
			return -errno;
		ret = slow_write(i, "options/stacktrace", "1") ?:
		      slow_write(i, "events/kmem/mm_page_free/filter", filter) ?:
		      slow_write(i, "events/kmem/mm_page_free/enable", "1");
	}
	return ret;
}

static int slow_end(void)
{
	char dir[64];
	unsigned int i;
	int ret = 0;

	for (i = 0; i < NR_SLOW && !ret; i++) {
		snprintf(dir, sizeof(dir), SLOW "%u", i);
		ret = rmdir(dir);
	}
	return ret;
}

/* How often kswapd waited for a bin, and how often it found one in use */
static int count_trace(int *waits, int *busy)
{
	FILE *f = fopen(TRACING "trace", "r");
	bool waiting = false;
	char line[512];

	if (!f)
		return -errno;
	*waits = *busy = 0;
	while (fgets(line, sizeof(line), f)) {
		if (strstr(line, " => ")) {
			*waits += waiting && strstr(line, "heap_bin_");
		} else if (!strstr(line, "<stack trace>")) {
			waiting = strstr(line, "kswapd0-") &&
				  strstr(line, "contention_begin:");
			*busy += strstr(line, "kswapd0-") &&
				 strstr(line, "dma_heap_reclaim:") &&
				 strstr(line, "queued=0 cached=0");
		}
	}
	fclose(f);
	return 0;
}

/*
 * A task of the idle class is emptying a pool when it loses the processor. There
 * is enough else for kswapd to reclaim, and it must not wait for the pool.
 */
TEST_F_TIMEOUT(starved, idle_user, 300)
{
	struct rlimit files = { 2 * MAX_BUFS, 2 * MAX_BUFS };
	int to[2], from[2], done, status, waits = 0, busy = 0;
	unsigned int i, in_use = 0;
	char *ring, c = 0;
	size_t at = 0;
	double end;
	pid_t pid;

	if (access(WAIT_EVENT "enable", W_OK))
		SKIP(return, "no trace events of locks");
	ASSERT_EQ(0, pin(0, 0));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	ASSERT_EQ(0, write_text("/proc/sys/vm/watermark_scale_factor", "500"));
	ASSERT_EQ(0, pipe(to));
	ASSERT_EQ(0, pipe(from));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(to[1]);
		trim(to[0], from[1]);
	}
	ASSERT_EQ(0, slow_down(pid));

	ASSERT_EQ(0, leave(self->heap, &self->ballast, RING_BYTES / 4 * 3));
	ring = map_anonymous(RING_BYTES);
	ASSERT_NE(NULL, ring);
	close(open(TRACING "trace", O_WRONLY | O_TRUNC));
	ASSERT_EQ(0, write_text(WAIT_EVENT "filter", WAIT_FILTER));
	ASSERT_EQ(0, write_text(WAIT_EVENT "trigger", WAIT_TRIGGER));
	ASSERT_EQ(0, write_text(WAIT_EVENT "enable", "1"));
	ASSERT_EQ(0, write_text(SCAN_EVENT "enable", "1"));

	end = seconds() + TRIM_SECONDS;
	for (i = 0; seconds() < end && waits + busy < NR_BUSY; i++) {
		ASSERT_EQ(0, heap_set_param("pool_limit_mb", POOLED / MIB));
		ASSERT_EQ(0, fill_pool(self->heap, POOLED));
		ASSERT_EQ(1, write(to[1], &c, 1));
		usleep(100);
		ASSERT_EQ(0, use_memory(ring, &at));
		ASSERT_EQ(0, ioctl(from[0], FIONREAD, &done));
		in_use += !done;
		ASSERT_EQ(1, read(from[0], &c, 1));
		ASSERT_EQ(0, count_trace(&waits, &busy));
	}
	close(to[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	/*
	 * The end of a trace event patches code. QEMU has run the breakpoint for
	 * that after it was gone, so let kswapd come to rest.
	 */
	ASSERT_EQ(0, munmap(ring, RING_BYTES));
	drop(&self->ballast, 0);
	sleep(1);
	EXPECT_EQ(0, slow_end());
	ASSERT_EQ(0, write_text(WAIT_EVENT "enable", "0"));
	ASSERT_EQ(0, write_text(SCAN_EVENT "enable", "0"));
	ASSERT_EQ(0, write_text(WAIT_EVENT "trigger", "!" WAIT_TRIGGER));
	ASSERT_EQ(0, write_text(WAIT_EVENT "filter", "0"));

	TH_LOG("pool in use in %u of %u rounds: kswapd waited %d times, went on %d times",
	       in_use, i, waits, busy);
	EXPECT_EQ(0, waits);
	EXPECT_LT(0, busy);
}

TEST_HARNESS_MAIN
