// SPDX-License-Identifier: GPL-2.0
/*
 * A buffer is charged to the cgroup of the task that allocates it, whichever task had its
 * pages before.
 *
 * It stays charged until it is closed, not until it is zeroed. A task that exceeds its
 * cgroup's limit is killed, and nobody else notices. Without dma_heap.mem_accounting
 * nothing is charged, which these tests check as well.
 */
#include <sys/stat.h>

#include "heap_test_util.h"
#include "heap_guest_util.h"

#define CGROUP_A	CGROUPS "/dma-heap-test-a"
#define CGROUP_B	CGROUPS "/dma-heap-test-b"

#define LEN		(16 * MIB)

/* Other charges, and those that CPUs make in advance */
#define CHARGE_TOLERANCE	(2 * MIB)

static long long charged(const char *cgroup)
{
	char path[128], buf[64];

	snprintf(path, sizeof(path), "%s/memory.current", cgroup);
	if (read_text(path, buf, sizeof(buf)) <= 0)
		return -1;
	return strtoll(buf, NULL, 10);
}

FIXTURE(charge)
{
	struct heap_params params;
	long long cost;		/* charge for one buffer */
	int heap;
};

FIXTURE_SETUP(charge)
{
	char buf[16];

	if (!heap_begin(_metadata, &self->params, &self->heap))
		return;
	if (write_text(CGROUPS "/cgroup.subtree_control", "+memory"))
		SKIP(return, "no memory controller in " CGROUPS);
	if (read_text("/sys/module/dma_heap/parameters/mem_accounting", buf,
		      sizeof(buf)) > 0 && buf[0] == 'Y')
		self->cost = LEN;

	ASSERT_EQ(0, mkdir(CGROUP_A, 0755));
	ASSERT_EQ(0, mkdir(CGROUP_B, 0755));
}

FIXTURE_TEARDOWN(charge)
{
	EXPECT_EQ(0, enter_cgroup(CGROUPS));
	rmdir(CGROUP_A);
	rmdir(CGROUP_B);
	heap_end(_metadata, &self->params, self->heap);
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
	expect_near(_metadata, cgroup, wanted, seen, CHARGE_TOLERANCE);
}

TEST_F_TIMEOUT(charge, follows_the_user, 60)
{
	int buf, round;

	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, enter_cgroup(CGROUP_A));
		buf = heap_get(_metadata, self->heap, LEN);
		expect_charge(_metadata, CGROUP_A, self->cost);
		expect_charge(_metadata, CGROUP_B, 0);
		/* A task that changes cgroups leaves the charge behind. */
		ASSERT_EQ(0, enter_cgroup(CGROUP_B));
		expect_charge(_metadata, CGROUP_A, self->cost);
		close(buf);
		expect_charge(_metadata, CGROUP_A, 0);
		expect_charge(_metadata, CGROUP_B, 0);
		/* Allocate again, in round 0 perhaps before the pages are zeroed */
		if (round)
			ASSERT_EQ(0, heap_wait_idle());
		buf = heap_get(_metadata, self->heap, LEN);
		expect_charge(_metadata, CGROUP_A, 0);
		expect_charge(_metadata, CGROUP_B, self->cost);
		close(buf);
		expect_charge(_metadata, CGROUP_B, 0);
		ASSERT_EQ(0, heap_wait_idle());
	}
}

/* By the OOM killer of the cgroup */
#define KILLED		(-1000)

/* Allocate in a cgroup that may use @limit bytes. Returns 0, -errno or KILLED. */
static int alloc_limited(int heap, size_t len, long long limit)
{
	pid_t pid;
	int ret;

	if (write_number(CGROUP_A "/memory.max", limit))
		return -1;
	pid = fork_child();
	if (!pid) {
		ret = enter_cgroup(CGROUP_A) ?: heap_alloc(heap, len);
		_exit(ret < 0 ? -ret : 0);
	}
	ret = wait_child(pid);
	if (write_text(CGROUP_A "/memory.max", "max"))
		return -1;
	return ret < 0 ? KILLED : -ret;
}

/*
 * Memory of another task fills the cgroup but for 768 KiB. That is less than a large
 * page, but more than the charges that two CPUs make in advance. Returns what an allocation of @len
 * returns, and whether the other task was @killed.
 */
static int alloc_beside(int heap, size_t len, bool reclaimable, bool *killed)
{
	long long limit = 3 * len, size = limit - 768 * KIB;
	int ret = -1, status, tries;
	pid_t pid = fork_child();

	if (!pid) {
		char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		madvise(p, size, MADV_NOHUGEPAGE);
		if (enter_cgroup(CGROUP_A) ||
		    write_text("/proc/self/oom_score_adj", "1000"))
			_exit(1);
		memset(p, 1, size);
		if (reclaimable)
			madvise(p, size, MADV_FREE);
		raise(SIGSTOP);
		_exit(1);
	}
	if (waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status))
		ret = alloc_limited(heap, len, limit);
	/* A killed task takes its time to free its memory. */
	*killed = false;
	for (tries = 0; tries < 20 && !*killed; tries++) {
		usleep(50000);
		*killed = waitpid(pid, NULL, WNOHANG) == pid;
	}
	if (!*killed)
		kill_child(pid);
	return ret;
}

/*
 * In a cgroup without room for a large page, a buffer gets smaller ones. To make room for
 * pages of order 0, the kernel reclaims the cgroup's memory or kills a task in the cgroup.
 */
TEST_F_TIMEOUT(charge, full_cgroup, 120)
{
	/* Small, so that a killed task is gone before the next one is killed. */
	const size_t len = 2 * MIB;
	int warm, ret, tries;
	bool killed;

	for (warm = 0; warm < 2; warm++) {
		ASSERT_EQ(0, heap_drain());
		if (warm)
			heap_warm(_metadata, self->heap, LEN);
		EXPECT_EQ(0, alloc_beside(self->heap, len, true, &killed))
			TH_LOG("%s, reclaimable", warm ? "warm" : "cold");
		EXPECT_FALSE(killed);
		/* If the killed task is slow to exit, the allocating task may be killed, too. */
		for (tries = 0; tries < 8; tries++) {
			ret = alloc_beside(self->heap, len, false, &killed);
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
	struct heap_stats st;
	int round, i, ret;

	for (round = 0; round < 6; round++) {
		ASSERT_EQ(0, heap_drain());
		if (round % 2)
			heap_warm(_metadata, self->heap, LEN);
		ret = alloc_limited(self->heap, LEN, LEN / 2);
		EXPECT_EQ(self->cost ? KILLED : 0, ret)
			TH_LOG("%s", round % 2 ? "warm" : "cold");
		expect_charge(_metadata, CGROUP_A, 0);

		/* Others can take the pages that the killed task had got */
		st = heap_settle(_metadata);
		for (i = 0; i < NR_HEAP_ORDERS; i++)
			EXPECT_EQ(0, st.order[i].inflight);
		ASSERT_EQ(0, enter_cgroup(CGROUP_B));
		close(heap_get(_metadata, self->heap, LEN));
		ASSERT_EQ(0, enter_cgroup(CGROUPS));
	}
}

TEST_HARNESS_MAIN
