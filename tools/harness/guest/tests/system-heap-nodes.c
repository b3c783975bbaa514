// SPDX-License-Identifier: GPL-2.0
/*
 * With several nodes each has zeroed pages of its own. A task gets those of the node
 * that it runs on, unless a mempolicy or cpuset says where its memory comes from.
 *
 * A machine with one node can be split: numa=fake=2 and CONFIG_NUMA_EMU.
 */
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <linux/mempolicy.h>

#include "kselftest_harness.h"
#include "heap_pressure_util.h"

#define CGROUPS		"/sys/fs/cgroup"
#define CGROUP		CGROUPS "/dma-heap-test-nodes"

#define LEN		(16 * MIB)
/* Others use this memory as well; in bytes */
#define HELD_TOLERANCE	((long long)(512 * KIB))

struct place {
	int cpu, node;
};

static int run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/* A CPU of each of two nodes; returns how many were found */
static int find_places(struct place *places)
{
	unsigned int cpu, node;
	cpu_set_t allowed;
	int i, nr = 0;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return 0;
	for (i = 0; i < CPU_SETSIZE && nr < 2; i++) {
		if (!CPU_ISSET(i, &allowed) || run_on(i) ||
		    syscall(SYS_getcpu, &cpu, &node, NULL))
			continue;
		if (nr && places[0].node == (int)node)
			continue;
		places[nr].cpu = i;
		places[nr++].node = node;
	}
	sched_setaffinity(0, sizeof(allowed), &allowed);
	return nr;
}

static long long node_value(int node, const char *file, const char *key)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/%s", node,
		 file);
	write_text("/proc/sys/vm/stat_refresh", "1");
	return file_value(path, key);
}

/* What is queued or cached, in bytes */
static long long held_on(int node)
{
	return node_value(node, "vmstat", "nr_kernel_misc_reclaimable") *
	       (long long)PAGE_BYTES;
}

static long long free_on(int node)
{
	char key[32];

	snprintf(key, sizeof(key), "Node %d MemFree", node);
	return node_value(node, "meminfo", key) * 1024;
}

/* Task policy @mode for @node, or for both if it is -1 */
static int set_policy(int mode, const struct place *places, int node)
{
	unsigned long mask = 0;

	if (node >= 0)
		mask = 1UL << node;
	else if (mode != MPOL_DEFAULT)
		mask = 1UL << places[0].node | 1UL << places[1].node;
	return syscall(SYS_set_mempolicy, mode, mask ? &mask : NULL,
		       mask ? 8 * sizeof(mask) : 0);
}

static int enter_cgroup(const char *cgroup)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	return write_text(path, "0");
}

struct setup {
	struct heap_params params;
	struct place places[2];
	long long held[2];	/* by others */
	int heap;
};

FIXTURE(nodes)
{
	struct setup s;
};

FIXTURE_SETUP(nodes)
{
	struct setup *s = &self->s;
	const char *missing = heap_missing(&s->params);
	struct heap_stats st;
	int i;

	if (missing)
		SKIP(return, "%s", missing);
	if (find_places(s->places) < 2)
		SKIP(return, "all CPUs are on one node");
	s->heap = heap_open();
	ASSERT_LE(0, s->heap);
	ASSERT_TRUE(heap_drain_all(&st));
	for (i = 0; i < 2; i++) {
		s->held[i] = held_on(s->places[i].node);
		ASSERT_LE(0, s->held[i]);
	}
}

FIXTURE_TEARDOWN(nodes)
{
	EXPECT_EQ(0, set_policy(MPOL_DEFAULT, NULL, -1));
	EXPECT_EQ(0, heap_params_restore(&self->s.params));
	EXPECT_EQ(0, heap_drain());
	close(self->s.heap);
}

/* Expect this much queued or cached on each node */
static void expect_held(struct __test_metadata *_metadata, struct setup *s,
			long long on_0, long long on_1)
{
	long long wanted[2] = { on_0, on_1 }, held;
	int i;

	ASSERT_EQ(0, heap_wait_idle());
	for (i = 0; i < 2; i++) {
		held = held_on(s->places[i].node) - s->held[i];
		EXPECT_LE(wanted[i] - HELD_TOLERANCE, held)
			TH_LOG("node %d", s->places[i].node);
		EXPECT_GE(wanted[i] + HELD_TOLERANCE, held)
			TH_LOG("node %d", s->places[i].node);
	}
}

/* Cache a buffer's pages on a node */
static void fill_node(struct __test_metadata *_metadata, struct setup *s, int i)
{
	ASSERT_EQ(0, run_on(s->places[i].cpu));
	ASSERT_EQ(0, close(heap_alloc(s->heap, LEN)));
	ASSERT_EQ(0, heap_wait_idle());
}

/* Pages of the task's node are cached there, and are taken from there */
TEST_F_TIMEOUT(nodes, own_pools, 60)
{
	struct heap_stats before, after;
	struct setup *s = &self->s;
	int buf, i;

	fill_node(_metadata, s, 0);
	expect_held(_metadata, s, LEN, 0);
	fill_node(_metadata, s, 1);
	expect_held(_metadata, s, LEN, LEN);

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, run_on(s->places[i].cpu));
		ASSERT_EQ(0, heap_stats_read(&before));
		buf = heap_alloc(s->heap, LEN);
		ASSERT_LE(0, buf);
		ASSERT_EQ(0, heap_stats_read(&after));
		EXPECT_LT(heap_hits(&before), heap_hits(&after));
		expect_held(_metadata, s, i ? LEN : 0, i ? 0 : LEN);
		/* Wherever it is closed, the pages go home */
		ASSERT_EQ(0, run_on(s->places[!i].cpu));
		EXPECT_EQ(-1, buf_check_and_soil(buf));
		close(buf);
		expect_held(_metadata, s, LEN, LEN);
	}
	ASSERT_TRUE(heap_drain_all(&after));
	expect_held(_metadata, s, 0, 0);
}

/* The task's own node has cached pages, but memory must come from the other */
static void expect_from_1(struct __test_metadata *_metadata, struct setup *s)
{
	long long before = free_on(s->places[1].node);
	int buf;

	buf = heap_alloc(s->heap, LEN);
	ASSERT_LE(0, buf);
	EXPECT_LE((long long)LEN / 2, before - free_on(s->places[1].node));
	expect_held(_metadata, s, LEN, 0);
	EXPECT_EQ(-1, buf_check_and_soil(buf));
	close(buf);
}

TEST_F_TIMEOUT(nodes, bound_by_policy, 60)
{
	struct setup *s = &self->s;

	fill_node(_metadata, s, 0);
	ASSERT_EQ(0, set_policy(MPOL_BIND, NULL, s->places[1].node));
	expect_from_1(_metadata, s);
	ASSERT_EQ(0, set_policy(MPOL_DEFAULT, NULL, -1));
	/* The thread caches other pages of that node in their place. */
	expect_held(_metadata, s, LEN, LEN);
}

TEST_F_TIMEOUT(nodes, bound_by_cpuset, 60)
{
	struct setup *s = &self->s;
	char text[16];

	if (write_text(CGROUPS "/cgroup.subtree_control", "+cpuset"))
		SKIP(return, "no cpuset controller in " CGROUPS);
	rmdir(CGROUP);
	ASSERT_EQ(0, mkdir(CGROUP, 0755));
	snprintf(text, sizeof(text), "%d", s->places[1].node);
	EXPECT_EQ(0, write_text(CGROUP "/cpuset.mems", text));

	fill_node(_metadata, s, 0);
	EXPECT_EQ(0, enter_cgroup(CGROUP));
	ASSERT_EQ(0, run_on(s->places[0].cpu));
	expect_from_1(_metadata, s);
	EXPECT_EQ(0, enter_cgroup(CGROUPS));
	EXPECT_EQ(0, rmdir(CGROUP));
}

/* Each page of a buffer is counted where it is */
TEST_F_TIMEOUT(nodes, interleaved, 60)
{
	struct setup *s = &self->s;
	long long before[2];
	int buf, i;

	for (i = 0; i < 2; i++)
		before[i] = free_on(s->places[i].node);
	ASSERT_EQ(0, set_policy(MPOL_INTERLEAVE, s->places, -1));
	buf = heap_alloc(s->heap, LEN);
	ASSERT_LE(0, buf);
	ASSERT_EQ(0, set_policy(MPOL_DEFAULT, NULL, -1));
	for (i = 0; i < 2; i++)
		EXPECT_LE((long long)LEN / 4,
			  before[i] - free_on(s->places[i].node));
	close(buf);
	expect_held(_metadata, s, LEN / 2, LEN / 2);
}

/* The pool is full of pages of one node when tasks of the other begin to use it. */
TEST_F_TIMEOUT(nodes, full_of_another_node, 60)
{
	static const size_t lens[] = { 960 * KIB, 4 * MIB };
	struct setup *s = &self->s;
	long long hits;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		ASSERT_EQ(0, run_on(s->places[0].cpu));
		ASSERT_EQ(0, squat(s->heap, lens[i]));
		ASSERT_EQ(0, run_on(s->places[1].cpu));
		hits = surface_hits(s->heap);
		TH_LOG("after buffers of %zu KiB: %lld of %lld MiB came from the pool",
		       lens[i] / KIB, hits / (long long)MIB, SURFACES / (long long)MIB);
		EXPECT_LE(SURFACES / 10 * 9, hits);
		ASSERT_EQ(0, heap_drain());
	}
}

TEST_HARNESS_MAIN
