// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that failed while it was cached is not handed out again.
 *
 * The test marks it through /sys/kernel/debug/hwpoison (CONFIG_HWPOISON_INJECT).
 */
#include "heap_test_util.h"
#include "heap_guest_util.h"

#define TRACING		"/sys/kernel/tracing/"
#define HOLD_EVENT	TRACING "events/page_pool/page_pool_state_hold/enable"
#define HWPOISON	"/sys/kernel/debug/hwpoison/"

#define NR_BUFS		8

/* The first page that a page_pool got since the trace was emptied, or 0 */
static unsigned long traced_pfn(void)
{
	FILE *f = fopen(TRACING "trace", "r");
	unsigned long pfn = 0;
	char line[512], *at;

	while (f && !pfn && fgets(line, sizeof(line), f)) {
		at = strstr(line, "pfn=");
		if (at)
			pfn = strtoul(at + strlen("pfn="), NULL, 16);
	}
	if (f)
		fclose(f);
	return pfn;
}

/* Allocate and close buffers. Returns hits of the largest order. */
static long long use(struct __test_metadata *_metadata, int heap)
{
	struct heap_stats before;

	ASSERT_EQ(0, heap_stats_read(&before));
	hold_and_close(_metadata, heap, PAGE_BYTES << before.order[0].order, NR_BUFS);
	return heap_settle(_metadata).order[0].hits - before.order[0].hits;
}

TEST(cached_page)
{
	struct heap_params params;
	unsigned long pfn;
	int heap;

	if (!heap_begin(_metadata, &params, &heap))
		return;
	if (access(HWPOISON "corrupt-pfn", W_OK) || access(HOLD_EVENT, W_OK))
		SKIP(return, "no " HWPOISON " or " HOLD_EVENT);
	close(open(TRACING "trace", O_WRONLY | O_TRUNC));
	ASSERT_EQ(0, write_text(HOLD_EVENT, "1"));
	use(_metadata, heap);
	ASSERT_EQ(0, write_text(HOLD_EVENT, "0"));
	ASSERT_EQ(NR_BUFS, use(_metadata, heap));

	/* A tail page */
	pfn = traced_pfn() + 3;
	ASSERT_LT(3, pfn);
	/* The write may fail, but the page is marked. */
	write_number(HWPOISON "corrupt-pfn", pfn);
	EXPECT_EQ(NR_BUFS - 1, use(_metadata, heap));
	/* Now there is another page in its place. */
	EXPECT_EQ(NR_BUFS, use(_metadata, heap));

	heap_end(_metadata, &params, heap);
	write_number(HWPOISON "unpoison-pfn", pfn);
}

TEST_HARNESS_MAIN
