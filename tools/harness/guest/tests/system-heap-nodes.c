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

#include "heap_test_util.h"
#include "heap_guest_util.h"

#define CGROUP		CGROUPS "/dma-heap-test-nodes"

#define LEN		(16 * MIB)
/* Others use this memory as well; in bytes */
#define HELD_TOLERANCE	(512 * KIB)

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

FIXTURE(nodes)
{
	struct heap_params params;
	struct place places[2];
	long long held[2];	/* by others */
	int heap;
};

FIXTURE_SETUP(nodes)
{
	int i;

	if (!heap_begin(_metadata, &self->params, &self->heap))
		return;
	if (find_places(self->places) < 2)
		SKIP(return, "all CPUs are on one node");
	for (i = 0; i < 2; i++) {
		self->held[i] = held_on(self->places[i].node);
		ASSERT_LE(0, self->held[i]);
	}
}

FIXTURE_TEARDOWN(nodes)
{
	EXPECT_EQ(0, set_policy(MPOL_DEFAULT, NULL, -1));
	heap_end(_metadata, &self->params, self->heap);
}

/* Expect this much queued or cached on each node */
static void expect_held(struct __test_metadata *_metadata, struct _test_data_nodes *self,
			long long on_0, long long on_1)
{
	long long wanted[2] = { on_0, on_1 }, held;
	int i;

	ASSERT_EQ(0, heap_wait_idle());
	for (i = 0; i < 2; i++) {
		held = held_on(self->places[i].node) - self->held[i];
		expect_near(_metadata, i ? "held on the second node" :
			    "held on the first node", wanted[i], held, HELD_TOLERANCE);
	}
}

/* Cache a buffer's pages on a node */
static void fill_node(struct __test_metadata *_metadata, struct _test_data_nodes *self, int i)
{
	ASSERT_EQ(0, run_on(self->places[i].cpu));
	heap_warm(_metadata, self->heap, LEN);
}

/* Pages of the task's node are cached there, and are taken from there */
TEST_F_TIMEOUT(nodes, own_pools, 60)
{
	struct heap_stats st;
	long long hits;
	int buf, i;

	fill_node(_metadata, self, 0);
	expect_held(_metadata, self, LEN, 0);
	fill_node(_metadata, self, 1);
	expect_held(_metadata, self, LEN, LEN);

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, run_on(self->places[i].cpu));
		hits = heap_hit_total();
		buf = heap_get(_metadata, self->heap, LEN);
		EXPECT_LT(hits, heap_hit_total());
		expect_held(_metadata, self, i ? LEN : 0, i ? 0 : LEN);
		/* Wherever it is closed, the pages go home */
		ASSERT_EQ(0, run_on(self->places[!i].cpu));
		close(buf);
		expect_held(_metadata, self, LEN, LEN);
	}
	ASSERT_TRUE(heap_drain_all(&st));
	expect_held(_metadata, self, 0, 0);
}

/* The task's own node has cached pages, but memory must come from the other */
static void expect_from_1(struct __test_metadata *_metadata, struct _test_data_nodes *self)
{
	long long before = free_on(self->places[1].node);
	int buf;

	buf = heap_get(_metadata, self->heap, LEN);
	EXPECT_LE(LEN / 2, before - free_on(self->places[1].node));
	expect_held(_metadata, self, LEN, 0);
	close(buf);
}

TEST_F_TIMEOUT(nodes, bound_by_policy, 60)
{
	fill_node(_metadata, self, 0);
	ASSERT_EQ(0, set_policy(MPOL_BIND, NULL, self->places[1].node));
	expect_from_1(_metadata, self);
	ASSERT_EQ(0, set_policy(MPOL_DEFAULT, NULL, -1));
	/* The thread caches other pages of that node in their place. */
	expect_held(_metadata, self, LEN, LEN);
}

TEST_F_TIMEOUT(nodes, bound_by_cpuset, 60)
{
	char text[16];

	if (write_text(CGROUPS "/cgroup.subtree_control", "+cpuset"))
		SKIP(return, "no cpuset controller in " CGROUPS);
	rmdir(CGROUP);
	ASSERT_EQ(0, mkdir(CGROUP, 0755));
	snprintf(text, sizeof(text), "%d", self->places[1].node);
	EXPECT_EQ(0, write_text(CGROUP "/cpuset.mems", text));

	fill_node(_metadata, self, 0);
	EXPECT_EQ(0, enter_cgroup(CGROUP));
	ASSERT_EQ(0, run_on(self->places[0].cpu));
	expect_from_1(_metadata, self);
	EXPECT_EQ(0, enter_cgroup(CGROUPS));
	EXPECT_EQ(0, rmdir(CGROUP));
}

/* Each page of a buffer is counted where it is */
TEST_F_TIMEOUT(nodes, interleaved, 60)
{
	long long before[2];
	int buf, i;

	for (i = 0; i < 2; i++)
		before[i] = free_on(self->places[i].node);
	ASSERT_EQ(0, set_policy(MPOL_INTERLEAVE, self->places, -1));
	buf = heap_alloc(self->heap, LEN);
	ASSERT_LE(0, buf);
	ASSERT_EQ(0, set_policy(MPOL_DEFAULT, NULL, -1));
	for (i = 0; i < 2; i++)
		EXPECT_LE(LEN / 4,
			  before[i] - free_on(self->places[i].node));
	close(buf);
	expect_held(_metadata, self, LEN / 2, LEN / 2);
}

TEST_HARNESS_MAIN
