// SPDX-License-Identifier: GPL-2.0
/*
 * Page cache that is in use outlives idle pages of the pool, and the pool still works
 * when page cache fills all memory.
 *
 * Needs a machine to itself, with little memory and no swap, and DEVICE, which needs
 * no memory of its own.
 */
#include "heap_test_util.h"

/* More would take this test too long */
#define MAX_MEMORY	(1024 * MIB)

#define DEVICE		"/dev/nvme0n1"

/* Idle pages, and what the files leave free without them */
#define IDLE		(80 * MIB)
#define SLACK		(40 * MIB)
#define NR_PASSES	6

/* Surfaces of a phone that are opened and closed together, five times a second */
#define NR_SURFACES	12
#define SURFACE_LEN	(4 * MIB)
#define NR_CYCLES	40

#define RESERVES	"/proc/sys/vm/min_free_kbytes"
#define LRU_GEN		"/sys/kernel/mm/lru_gen/enabled"

FIXTURE(cache)
{
	struct heap_params params;
	char reserves[32], lru_gen[32];
	long long oom_kills;
	int heap, device;
};

FIXTURE_VARIANT(cache)
{
	const char *lru_gen;
};

FIXTURE_VARIANT_ADD(cache, classic)
{
	.lru_gen = "0",
};

FIXTURE_VARIANT_ADD(cache, mglru)
{
	.lru_gen = "7",
};

FIXTURE_SETUP(cache)
{
	if (!heap_begin(_metadata, &self->params, &self->heap))
		return;
	if (meminfo_read("MemTotal") > MAX_MEMORY)
		SKIP(return, "too much memory to fill");
	/* While it is open, its page cache stays. */
	self->device = open(DEVICE, O_RDONLY | O_CLOEXEC);
	if (self->device < 0)
		SKIP(return, "no " DEVICE);
	ASSERT_EQ(0, posix_fadvise(self->device, 0, 0, POSIX_FADV_RANDOM));
	ASSERT_EQ(0, replace_text(RESERVES, "4096", self->reserves,
				  sizeof(self->reserves)));
	ASSERT_EQ(0, replace_text(LRU_GEN, variant->lru_gen, self->lru_gen,
				  sizeof(self->lru_gen)));
	drop_kernel_caches("3");
	self->oom_kills = vmstat_read("oom_kill");
}

FIXTURE_TEARDOWN(cache)
{
	EXPECT_EQ(self->oom_kills, vmstat_read("oom_kill"));
	EXPECT_EQ(0, write_text(RESERVES, self->reserves));
	EXPECT_EQ(0, write_text(LRU_GEN, self->lru_gen));
	close(self->device);
	drop_kernel_caches("3");
	heap_end(_metadata, &self->params, self->heap);
}

/* Read the first @size bytes. Returns how many the device has of them. */
static long long read_pass(int device, long long size)
{
	static char buf[256 * KIB];
	long long at;

	for (at = 0; at < size; at += sizeof(buf))
		if (pread(device, buf, sizeof(buf), at) != sizeof(buf))
			break;
	return at;
}

/* Read @size bytes again and again. Returns how many pages were read once too often. */
static long long read_passes(struct __test_metadata *_metadata, int device,
			     long long size)
{
	long long before = vmstat_read("workingset_refault_file");
	int pass;

	for (pass = 0; pass < NR_PASSES; pass++)
		ASSERT_LE(size, read_pass(device, size));
	return vmstat_read("workingset_refault_file") - before;
}

/*
 * Files that would fit are read again and again, while zeroed pages of closed
 * buffers lie idle.
 */
TEST_F_TIMEOUT(cache, files_in_use, 600)
{
	long long size, without, with, cached;

	ASSERT_EQ(0, heap_set_limits(IDLE / MIB, IDLE / MIB));
	size = (meminfo_read("MemFree") - SLACK) & -MIB;
	ASSERT_LT(IDLE, size);
	without = read_passes(_metadata, self->device, size);

	drop_kernel_caches("3");
	ASSERT_EQ(0, hold_and_drop(self->heap, IDLE, 960 * KIB));
	cached = heap_settle(_metadata).pool_bytes;
	EXPECT_LE(IDLE / 4 * 3, cached);
	with = read_passes(_metadata, self->device, size);
	TH_LOG("%lld MiB of files: %lld refaults, %lld with %lld MiB cached", size / MIB,
	       without, with, cached / MIB);
	EXPECT_GE(without + without / 10 + 2000, with);
}

/* Files that do not fit are read, so that kswapd is at work all the time. */
TEST_F_TIMEOUT(cache, surfaces_in_use, 600)
{
	long long size = meminfo_read("MemTotal") / 10 * 12 & -MIB;
	const long long all = NR_CYCLES * NR_SURFACES * SURFACE_LEN;
	struct bufs surfaces = {};
	long long hits;
	int cycle;
	pid_t pid;

	ASSERT_LE(size, read_pass(self->device, size));
	pid = fork_child();
	ASSERT_LE(0, pid);
	if (!pid) {
		while (read_pass(self->device, size) >= size)
			;
		_exit(1);
	}

	hits = heap_hit_total();
	for (cycle = 0; cycle < NR_CYCLES; cycle++) {
		ASSERT_EQ(0, hold(self->heap, &surfaces, NR_SURFACES * SURFACE_LEN,
				  SURFACE_LEN));
		usleep(50000);
		drop(&surfaces, 0);
		usleep(150000);
	}
	hits = heap_hit_total() - hits;
	TH_LOG("%lld %% of the pages came from the pool", hits * 100 / all);
	/* It reads until it is killed. */
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	kill_child(pid);
	/* A small queue caps this. With used and idle pages treated alike it was 3 %. */
	EXPECT_LE(all / 100 * 75, hits);
}

TEST_HARNESS_MAIN
