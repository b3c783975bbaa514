// SPDX-License-Identifier: GPL-2.0
/*
 * A buffer is charged to the cgroup that uses it.
 *
 * With dma_heap.mem_accounting a buffer is charged to the cgroup that allocates
 * it, whoever had its pages before, until it is closed. A task that exceeds its
 * cgroup's limit is killed, and nobody else notices. Without the parameter
 * nobody pays, which these tests check as well.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "kselftest_harness.h"
#include "heap_pool_util.h"

#define CGROUPS		"/sys/fs/cgroup"
#define CGROUP_A	CGROUPS "/dma-heap-test-a"
#define CGROUP_B	CGROUPS "/dma-heap-test-b"

/* What else may be charged, and what per-CPU stocks may hide */
#define CHARGE_TOLERANCE	((long long)(2 * MIB))

static long long charged(const char *cgroup)
{
	char path[128], buf[64];

	snprintf(path, sizeof(path), "%s/memory.current", cgroup);
	if (read_text(path, buf, sizeof(buf)) <= 0)
		return -1;
	return strtoll(buf, NULL, 10);
}

static int enter_cgroup(const char *cgroup)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	return write_text(path, "0");
}

FIXTURE(charge)
{
	struct heap_params params;
	long long len;		/* of the buffers */
	long long cost;		/* what a cgroup pays for one */
	int heap;
};

FIXTURE_SETUP(charge)
{
	const char *missing = heap_missing(&self->params);
	char buf[16];

	if (missing)
		SKIP(return, "%s", missing);
	if (access(CGROUPS "/cgroup.controllers", R_OK) ||
	    write_text(CGROUPS "/cgroup.subtree_control", "+memory"))
		SKIP(return, "no memory controller in " CGROUPS);
	self->heap = heap_open();
	ASSERT_LE(0, self->heap);
	self->len = 16 * MIB;
	if (read_text("/sys/module/dma_heap/parameters/mem_accounting", buf,
		      sizeof(buf)) > 0 && buf[0] == 'Y')
		self->cost = self->len;

	rmdir(CGROUP_A);
	rmdir(CGROUP_B);
	ASSERT_EQ(0, mkdir(CGROUP_A, 0755));
	ASSERT_EQ(0, mkdir(CGROUP_B, 0755));
	ASSERT_EQ(0, heap_drain());
}

FIXTURE_TEARDOWN(charge)
{
	EXPECT_EQ(0, enter_cgroup(CGROUPS));
	rmdir(CGROUP_A);
	rmdir(CGROUP_B);
	close(self->heap);
}

static void expect_charge(struct __test_metadata *_metadata,
			  const char *cgroup, long long wanted)
{
	double end = seconds() + 2;
	long long seen;

	/* Freeing may finish a little after close() returns */
	do {
		seen = charged(cgroup);
		if (seen <= wanted + CHARGE_TOLERANCE)
			break;
		usleep(10000);
	} while (seconds() < end);
	EXPECT_LE(wanted - CHARGE_TOLERANCE, seen)
		TH_LOG("%s", cgroup);
	EXPECT_GE(wanted + CHARGE_TOLERANCE, seen)
		TH_LOG("%s", cgroup);
}

/*
 * With dma_heap.mem_accounting a buffer is charged to the cgroup that allocates
 * it, even if its pages were another's before. It stays charged until it is
 * closed, not until it is zeroed. Without the parameter nobody pays.
 */
TEST_F_TIMEOUT(charge, follows_the_user, 60)
{
	long long base_a, base_b;
	int buf, round;

	ASSERT_EQ(0, enter_cgroup(CGROUP_A));
	base_a = charged(CGROUP_A);
	ASSERT_LE(0, base_a);
	ASSERT_EQ(0, enter_cgroup(CGROUP_B));
	base_b = charged(CGROUP_B);
	ASSERT_LE(0, base_b);

	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, enter_cgroup(CGROUP_A));
		buf = heap_alloc(self->heap, self->len);
		ASSERT_LE(0, buf);
		expect_charge(_metadata, CGROUP_A, base_a + self->cost);
		expect_charge(_metadata, CGROUP_B, base_b);
		/* Moving on does not move the charge */
		ASSERT_EQ(0, enter_cgroup(CGROUP_B));
		expect_charge(_metadata, CGROUP_A, base_a + self->cost);
		close(buf);
		expect_charge(_metadata, CGROUP_A, base_a);
		expect_charge(_metadata, CGROUP_B, base_b);
		/* Now with the same pages, zeroed or still queued */
		if (round)
			ASSERT_EQ(0, heap_wait_idle());
		buf = heap_alloc(self->heap, self->len);
		ASSERT_LE(0, buf);
		expect_charge(_metadata, CGROUP_A, base_a);
		expect_charge(_metadata, CGROUP_B, base_b + self->cost);
		close(buf);
		expect_charge(_metadata, CGROUP_B, base_b);
		ASSERT_EQ(0, heap_wait_idle());
	}
}

/* By the OOM killer of the cgroup */
#define KILLED		(-1000)

/* What an allocation returns in @cgroup, which may use @limit bytes */
static int alloc_limited(const char *cgroup, int heap, size_t len, size_t limit)
{
	char path[128], text[32];
	int status;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/memory.max", cgroup);
	snprintf(text, sizeof(text), "%zu", limit);
	if (write_text(path, text))
		return -1;
	pid = fork();
	if (!pid) {
		int buf;

		if (enter_cgroup(cgroup))
			_exit(255);
		buf = heap_alloc(heap, len);
		_exit(buf < 0 ? -buf : 0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	if (write_text(path, "max"))
		return -1;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : KILLED;
}

/*
 * Memory of another task fills @cgroup, but for less than a large page. Returns what
 * an allocation of @len returns, and whether the other task was @killed.
 */
static int alloc_beside(const char *cgroup, int heap, size_t len, bool reclaimable,
			bool *killed)
{
	size_t limit = 3 * len, size = limit - 256 * KIB;
	int ret, status, ready[2], tries;
	pid_t pid;
	char c;

	if (pipe(ready))
		return -errno;
	pid = fork();
	if (!pid) {
		char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		madvise(p, size, MADV_NOHUGEPAGE);
		if (enter_cgroup(cgroup) ||
		    write_text("/proc/self/oom_score_adj", "1000"))
			_exit(1);
		memset(p, 1, size);
		if (reclaimable)
			madvise(p, size, MADV_FREE);
		write(ready[1], "", 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	ret = read(ready[0], &c, 1) == 1 ? alloc_limited(cgroup, heap, len, limit) : -1;
	close(ready[0]);
	/* A killed task takes its time to free its memory. */
	for (tries = 0; tries < 20; tries++) {
		usleep(50000);
		*killed = waitpid(pid, &status, WNOHANG) == pid;
		if (*killed)
			break;
	}
	if (!*killed) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	return ret;
}

/*
 * A cgroup that has no room for a large page gets small ones, for which its memory is
 * reclaimed, or a task in it is killed.
 */
TEST_F_TIMEOUT(charge, full_cgroup, 120)
{
	/* Small, so that a killed task is gone before the next one is killed. */
	const size_t len = 2 * MIB;
	int warm, buf, ret, tries;
	bool killed;

	for (warm = 0; warm < 2; warm++) {
		ASSERT_EQ(0, heap_drain());
		if (warm) {
			buf = heap_alloc(self->heap, self->len);
			ASSERT_LE(0, buf);
			close(buf);
			ASSERT_EQ(0, heap_wait_idle());
		}
		EXPECT_EQ(0, alloc_beside(CGROUP_A, self->heap, len, true, &killed))
			TH_LOG("%s, reclaimable", warm ? "warm" : "cold");
		EXPECT_FALSE(killed);
		/* Where the killed task is slow to go, the next one may be killed, too. */
		for (tries = 0; tries < 8; tries++) {
			ret = alloc_beside(CGROUP_A, self->heap, len, false, &killed);
			if (ret != KILLED)
				break;
		}
		EXPECT_EQ(0, ret)
			TH_LOG("%s, not reclaimable", warm ? "warm" : "cold");
		EXPECT_EQ(self->cost != 0, killed);
	}
}

/* A task that wants more than its cgroup may use is killed; nothing is lost. */
TEST_F_TIMEOUT(charge, over_the_limit, 60)
{
	int round, buf, i, ret;
	struct heap_stats st;
	long long base;

	base = charged(CGROUP_A);
	for (round = 0; round < 6; round++) {
		ASSERT_EQ(0, heap_drain());
		if (round % 2) {
			buf = heap_alloc(self->heap, self->len);
			ASSERT_LE(0, buf);
			close(buf);
			ASSERT_EQ(0, heap_wait_idle());
		}
		ret = alloc_limited(CGROUP_A, self->heap, self->len, self->len / 2);
		EXPECT_EQ(self->cost ? KILLED : 0, ret)
			TH_LOG("%s", round % 2 ? "warm" : "cold");
		expect_charge(_metadata, CGROUP_A, base);

		/* What it had been given already is there for others */
		ASSERT_EQ(0, heap_wait_idle());
		ASSERT_EQ(0, heap_stats_read(&st));
		for (i = 0; i < NR_HEAP_ORDERS; i++)
			EXPECT_EQ(0, st.order[i].inflight);
		ASSERT_EQ(0, enter_cgroup(CGROUP_B));
		buf = heap_alloc(self->heap, self->len);
		ASSERT_LE(0, buf);
		EXPECT_EQ(-1, buf_check_and_soil(buf));
		close(buf);
		ASSERT_EQ(0, enter_cgroup(CGROUPS));
	}
}

TEST_HARNESS_MAIN
