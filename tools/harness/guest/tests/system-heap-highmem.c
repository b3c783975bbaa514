// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers and the cache are in highmem, on a 32-bit machine that has it.
 *
 * Otherwise the heap would use up the little memory that the rest of the kernel can use.
 * Both methods of zeroing clear such pages.
 */
#include "kselftest_harness.h"
#include "heap_pressure_util.h"

/* What other tasks may have taken or given back meanwhile */
#define SLACK	(4 * (long long)MIB)

static const struct {
	size_t len;
	int count;
	int kept;	/* at least; single pages are fetched in bulk, once */
} sizes[NR_HEAP_ORDERS] = {
	{ MIB, 64, 32 }, { 64 * KIB, 256, 128 }, { 4 * KIB, 512, 64 },
};

static long long high_free(void)
{
	return meminfo_read("HighFree");
}

FIXTURE(highmem)
{
	struct heap_params params;
	long long high_free;
	struct bufs held;
	int heap;
};

FIXTURE_VARIANT(highmem)
{
	const char *method;
};

FIXTURE_VARIANT_ADD(highmem, vmap)
{
	.method = "vmap",
};

FIXTURE_VARIANT_ADD(highmem, direct)
{
	.method = "direct",
};

FIXTURE_SETUP(highmem)
{
	struct heap_stats st;

	ASSERT_EQ(NULL, heap_missing(&self->params));
	self->heap = heap_open();
	ASSERT_LE(0, self->heap);
	ASSERT_EQ(0, heap_set_param_text("zero_method", variant->method));
	ASSERT_TRUE(heap_drain_all(&st));
	self->high_free = high_free();
	ASSERT_LT(0, self->high_free)
		TH_LOG("this kernel has no highmem");
}

FIXTURE_TEARDOWN(highmem)
{
	drop(&self->held, 0);
	EXPECT_EQ(0, heap_params_restore(&self->params));
	close(self->heap);
}

/* Hold buffers of all sizes, and check them. Returns how many bytes. */
static long long hold_all(struct __test_metadata *_metadata, int heap,
			  struct bufs *held)
{
	long long bytes = 0;
	int n, stale = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (n = 0; n < sizes[i].count; n++) {
			int buf = heap_alloc(heap, sizes[i].len);

			ASSERT_LE(0, buf);
			held->fd[held->nr++] = buf;
			stale += buf_check_and_soil(buf) != -1;
			bytes += sizes[i].len;
		}
	}
	EXPECT_EQ(0, stale);
	return bytes;
}

TEST_F_TIMEOUT(highmem, buffers_and_pool, 120)
{
	struct heap_stats before, after;
	long long bytes;
	int i;

	bytes = hold_all(_metadata, self->heap, &self->held);
	EXPECT_LE(bytes - SLACK, self->high_free - high_free());

	drop(&self->held, 0);
	ASSERT_EQ(0, heap_wait_idle());
	ASSERT_EQ(0, heap_stats_read(&before));
	EXPECT_LE(bytes / 2, before.pool_bytes);
	EXPECT_LE(before.pool_bytes - SLACK, self->high_free - high_free());
	EXPECT_EQ(0, before.zero_failed_bytes);

	/* What was cached of each order is used again, and all is zeroed */
	EXPECT_EQ(bytes, hold_all(_metadata, self->heap, &self->held));
	ASSERT_EQ(0, heap_stats_read(&after));
	for (i = 0; i < NR_HEAP_ORDERS; i++) {
		EXPECT_LE(before.order[i].hits + sizes[i].kept,
			  after.order[i].hits)
			TH_LOG("order %u", after.order[i].order);
	}

	drop(&self->held, 0);
	ASSERT_TRUE(heap_drain_all(&after));
	EXPECT_LE(self->high_free - SLACK, high_free());
}

TEST_HARNESS_MAIN
