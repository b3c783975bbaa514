// SPDX-License-Identifier: GPL-2.0
/*
 * With several nodes each has zeroed pages of its own. A task gets those of the node
 * that it runs on, unless a mempolicy or cpuset says where its memory comes from.
 *
 * A machine with one node can be split with numa=fake=2 and CONFIG_NUMA_EMU.
 */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <linux/mempolicy.h>

#include "heap_test_util.h"
#include "heap_guest_util.h"

#define CGROUP		CGROUPS "/dma-heap-test-nodes"

#define LEN		(16 * MIB)
/* Others change these counts, too; in bytes */
#define HELD_TOLERANCE	(512 * KIB)

FIXTURE(nodes)
{
	struct heap_params params;
	unsigned int node[2], cpu[2];	/* of each node */
	long long held[2];		/* by others */
	int heap;
};

/* Queued and cached bytes on a node, and reclaimable ones of other users */
static long long held_on(unsigned int node)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/vmstat", node);
	write_text("/proc/sys/vm/stat_refresh", "1");
	return file_value(path, "nr_kernel_misc_reclaimable") * (long long)PAGE_BYTES;
}

FIXTURE_SETUP(nodes)
{
	unsigned int cpu, node, i = 0;

	if (!heap_begin(_metadata, &self->params, &self->heap))
		return;
	/* Where nodes are emulated, sysfs has each CPU on each of them. */
	for (cpu = 0; cpu < CPU_SETSIZE && i < 2; cpu++) {
		if (run_on(cpu) || getcpu(NULL, &node) || (i && self->node[0] == node))
			continue;
		self->cpu[i] = cpu;
		self->node[i] = node;
		self->held[i] = held_on(node);
		ASSERT_LE(0, self->held[i++]);
	}
	if (i < 2)
		SKIP(return, "all CPUs are on one node");
}

FIXTURE_TEARDOWN(nodes)
{
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
		held = held_on(self->node[i]) - self->held[i];
		expect_near(_metadata, i ? "held on the second node" :
			    "held on the first node", wanted[i], held, HELD_TOLERANCE);
	}
}

/* Cache a buffer's pages on a node */
static void fill_node(struct __test_metadata *_metadata, struct _test_data_nodes *self, int i)
{
	ASSERT_EQ(0, run_on(self->cpu[i]));
	heap_warm(_metadata, self->heap, LEN);
}

/* Pages of the task's node are cached there, and are taken from there */
TEST_F_TIMEOUT(nodes, own_pages, 60)
{
	struct heap_stats st;
	long long hits;
	int buf, i;

	fill_node(_metadata, self, 0);
	expect_held(_metadata, self, LEN, 0);
	fill_node(_metadata, self, 1);
	expect_held(_metadata, self, LEN, LEN);

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, run_on(self->cpu[i]));
		hits = heap_hit_total();
		buf = heap_get(_metadata, self->heap, LEN);
		EXPECT_LT(hits, heap_hit_total());
		expect_held(_metadata, self, i ? LEN : 0, i ? 0 : LEN);
		/* Wherever the buffer is closed, its pages return to their node */
		ASSERT_EQ(0, run_on(self->cpu[!i]));
		close(buf);
		expect_held(_metadata, self, LEN, LEN);
	}
	ASSERT_TRUE(heap_drain_all(&st));
	expect_held(_metadata, self, 0, 0);
}

/*
 * The task's own node has cached pages, but memory must come from the other one. When
 * the buffer is closed, the thread frees its pages and caches others of the same node.
 */
static void expect_from_1(struct __test_metadata *_metadata, struct _test_data_nodes *self)
{
	int buf = heap_get(_metadata, self->heap, LEN);

	expect_held(_metadata, self, LEN, 0);
	close(buf);
	expect_held(_metadata, self, LEN, LEN);
}

TEST_F_TIMEOUT(nodes, bound_by_policy, 60)
{
	unsigned long mask = 1UL << self->node[1];

	fill_node(_metadata, self, 0);
	ASSERT_EQ(0, syscall(SYS_set_mempolicy, MPOL_BIND, &mask, 8 * sizeof(mask)));
	expect_from_1(_metadata, self);
}

TEST_F_TIMEOUT(nodes, bound_by_cpuset, 60)
{
	if (write_text(CGROUPS "/cgroup.subtree_control", "+cpuset"))
		SKIP(return, "no cpuset controller in " CGROUPS);
	rmdir(CGROUP);
	ASSERT_EQ(0, mkdir(CGROUP, 0755));
	EXPECT_EQ(0, write_number(CGROUP "/cpuset.mems", self->node[1]));

	fill_node(_metadata, self, 0);
	EXPECT_EQ(0, enter_cgroup(CGROUP));
	ASSERT_EQ(0, run_on(self->cpu[0]));
	expect_from_1(_metadata, self);
	EXPECT_EQ(0, enter_cgroup(CGROUPS));
	EXPECT_EQ(0, rmdir(CGROUP));
}

TEST_HARNESS_MAIN
