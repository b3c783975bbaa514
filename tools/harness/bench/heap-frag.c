// SPDX-License-Identifier: GPL-2.0
/*
 * Memory in pieces: no free block has order 4 or more, as on a device that has
 * been up for days, and each buffer is made of small pages
 *
 *   frag   allocate; the helper has caught up and sleeps     op alloc
 *   frag   allocate and close back to back                   op loop, pair
 *   frag   one pass of the trace of mix.h, as size 0         op alloc, pair
 *
 * Stops when memory is in larger blocks, before a measurement or (1 MiB) after. The
 * last program of a guest: it leaves compaction switched off.
 */
#include <sys/prctl.h>

#include "churn.h"
#include "mix.h"

#define LARGE_ORDER	4

/* What stays free while memory is filled */
#define MARGIN		(32 * MIB)

/* Fewer than elsewhere, as a page of its own costs more */
static const struct size_plan frag_plans[] = {
	{      MIB, 101, 0, 200 },
	{  8 * MIB,  31, 0,  24 },
	{ 32 * MIB,  11, 0,   8 },
	{ 96 * MIB,   7, 0,   3 },
};

/* Bytes in free blocks of order 4 or more, of all zones */
static size_t large_blocks(void)
{
	size_t page = sysconf(_SC_PAGESIZE), sum = 0, count;
	char buf[4096], *p = buf, *end;
	int order;

	read_text("/proc/buddyinfo", buf, sizeof(buf));
	while ((p = strstr(p, "zone"))) {
		p += strlen("zone");
		p += strspn(p, " ");
		p += strcspn(p, " ");
		for (order = 0;; order++, p = end) {
			count = strtoul(p, &end, 10);
			if (end == p)
				break;
			if (order >= LARGE_ORDER)
				sum += (count * page) << order;
		}
		if (order <= LARGE_ORDER)
			fail("/proc/buddyinfo: %d orders", order);
	}
	return sum;
}

/* Of the nearly 1 GiB that is free; the kernel gives back pages of its own, too */
#define LARGE_AFTER	MIB

static void check_pieces(const char *when, size_t allowed, const char *heap,
			 size_t len)
{
	size_t large = large_blocks();

	if (large > allowed)
		fail("%zu KiB are free in blocks of order %d or more, %s %s %zu",
		     large / KIB, LARGE_ORDER, when, heap, len);
}

/* A buffer is made of the largest blocks first; keep what holds all of them */
static void take_large_blocks(int stock)
{
	int i;

	for (i = 0; i < 10 && large_blocks(); i++)
		heap_alloc(stock, large_blocks());
}

/*
 * Fill memory, and give back every other page. The others are locked, and so are
 * not moved.
 */
static void fragment(int stock)
{
	const char *percpu = "/proc/sys/vm/percpu_pagelist_high_fraction";
	size_t page = sysconf(_SC_PAGESIZE), len, at;
	char *p;

	write_text("/proc/sys/vm/compact_unevictable_allowed", "0");
	write_text("/proc/sys/vm/compaction_proactiveness", "0");
	write_text("/proc/sys/vm/drop_caches", "3");
	/* What lies on a processor's list is in no count of blocks */
	write_text(percpu, "10000");
	if (heap_has_stats())
		heap_drain();
	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0))
		fail("PR_SET_THP_DISABLE: %s", strerror(errno));

	len = file_value("/proc/meminfo", "MemFree") * KIB - MARGIN;
	p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED || mlock(p, len))
		fail("locking %zu bytes: %s", len, strerror(errno));
	for (at = 0; at + page <= len; at += 2 * page)
		if (madvise(p + at, page, MADV_DONTNEED_LOCKED))
			fail("MADV_DONTNEED_LOCKED: %s", strerror(errno));

	/* What can be moved is moved now, and not while we measure */
	write_text("/proc/sys/vm/compact_memory", "1");
	take_large_blocks(stock);
	write_text(percpu, "0");
	printf("# %lld MiB free in small pages\n",
	       file_value("/proc/meminfo", "MemFree") / 1024);
}

/*
 * Pages that the kernel has for itself make a large block again when it gives
 * them back; so work for nothing, and take what comes of it.
 */
static void settle(int stock, int heap, const char *name, const struct size_plan *p)
{
	uint64_t elapsed;

	find_kthreads(NULL);
	churn_block(heap, p, &elapsed);
	caught_up();
	drained();
	take_large_blocks(stock);
	check_pieces("before", 0, name, p->len);
}

static void bench_frag(int stock, const char *name)
{
	static uint64_t closing[MAX_SAMPLES];
	unsigned int i;
	int heap;

	heap = bench_heap_open(name);
	if (heap < 0)
		return;
	for (i = 0; i < ARRAY_SIZE(frag_plans); i++) {
		const struct size_plan *p = &frag_plans[i];

		if (!wanted_size(p->len))
			continue;
		settle(stock, heap, name, p);
		measure_warm(heap, p, closing);
		result("frag", "alloc", name, p->len, p->samples);
		bench_churn(heap, "frag", name, p);
		check_pieces("after", LARGE_AFTER, name, p->len);
	}
	if (!only_size) {
		settle(stock, heap, name, &frag_plans[0]);
		bench_mix(heap, "frag", name);
		check_pieces("after", LARGE_AFTER, name, 0);
	}
	close(heap);
}

int main(int argc, char **argv)
{
	int stock;

	progname = "heap-frag";
	bench_setup(argc, argv);
	if (!wanted("frag"))
		return 0;
	stock = heap_open("stock");
	fragment(stock);
	bench_frag(stock, "system");
	bench_frag(stock, "stock");
	return 0;
}
