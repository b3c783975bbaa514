// SPDX-License-Identifier: GPL-2.0
/*
 * Page cache that is in use outlives idle pages of the pool, and the pool still works
 * when page cache fills all memory.
 *
 * The test reads the block device CACHE_DEV, by default /dev/nvme0n1, which must need
 * no memory of its own.
 *
 * The test needs a machine to itself, with little memory and no swap.
 */
#include "heap_test_util.h"

/* With more memory this test takes too long */
#define MAX_MEMORY	(1024 * MIB)

/* Idle pages, and the memory that the files leave free if no page is cached */
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
	const char *device = getenv("CACHE_DEV") ?: "/dev/nvme0n1";

	if (!heap_begin(_metadata, &self->params, &self->heap))
		return;
	if (meminfo_read("MemTotal") > MAX_MEMORY)
		SKIP(return, "too much memory to fill");
	/* While it is open, its page cache stays. */
	self->device = open(device, O_RDONLY | O_CLOEXEC);
	if (self->device < 0)
		SKIP(return, "no %s", device);
	ASSERT_EQ(0, posix_fadvise(self->device, 0, 0, POSIX_FADV_RANDOM));
	ASSERT_EQ(0, replace_text(RESERVES, "4096", self->reserves, sizeof(self->reserves)));
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

/* Read the first @size bytes. Returns how many of them were read. */
static long long read_pass(int device, long long size)
{
	static char buf[256 * KIB];
	long long at;

	for (at = 0; at < size; at += sizeof(buf))
		if (pread(device, buf, sizeof(buf), at) != sizeof(buf))
			break;
	return at;
}

struct passes {
	long long refaults;	/* pages read again after they were evicted */
	double fastest;		/* seconds */
};

/* Read @size bytes again and again */
static struct passes read_passes(struct __test_metadata *_metadata, int device,
				 long long size)
{
	long long before = vmstat_read("workingset_refault_file");
	double fastest = 1e9, began, took;
	int pass;

	for (pass = 0; pass < NR_PASSES; pass++) {
		began = seconds();
		ASSERT_LE(size, read_pass(device, size));
		took = seconds() - began;
		/* At first there is nothing in the page cache. */
		if (pass && took < fastest)
			fastest = took;
	}
	return (struct passes){
		vmstat_read("workingset_refault_file") - before, fastest
	};
}

/*
 * Data that would fit into memory without idle pages is read again and again, while
 * zeroed pages of closed buffers lie idle.
 */
TEST_F_TIMEOUT(cache, files_in_use, 600)
{
	struct passes without, with;
	long long size, cached;
	struct heap_stats st;
	int tries = 3;

	ASSERT_EQ(0, heap_set_limits(IDLE / MIB, IDLE / MIB));
	/* A busy host can slow down any pass, so try up to three times. */
	do {
		ASSERT_TRUE(heap_drain_all(&st));
		drop_kernel_caches("3");
		size = (meminfo_read("MemFree") - SLACK) & -MIB;
		ASSERT_LT(IDLE, size);
		without = read_passes(_metadata, self->device, size);

		drop_kernel_caches("3");
		ASSERT_EQ(0, hold_and_drop(self->heap, IDLE, 960 * KIB));
		cached = heap_settle(_metadata).pool_bytes;
		EXPECT_LE(IDLE / 4 * 3, cached);
		with = read_passes(_metadata, self->device, size);
		TH_LOG("%lld MiB of files: %lld refaults, %.2f s for the fastest pass",
		       size / MIB, without.refaults, without.fastest);
		TH_LOG("with %lld MiB cached, %lld MiB at the end: %lld refaults, %.2f s",
		       cached / MIB, heap_held() / MIB, with.refaults, with.fastest);
		EXPECT_GE(without.refaults * 11 / 10 + 2000, with.refaults);
	} while (with.fastest > 1.1 * without.fastest && --tries);
	EXPECT_GE(1.1 * without.fastest, with.fastest);
}

/* More data than fits into memory is read, so that kswapd is always at work. */
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
	/* The child reads until it is killed. */
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	kill_child(pid);
	/* A small queue limits the hits. They were 3 % when idle pages were not freed first. */
	EXPECT_LE(all / 100 * 75, hits);
}

TEST_HARNESS_MAIN
