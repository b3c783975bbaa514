// SPDX-License-Identifier: GPL-2.0
/*
 * An allocation that is killed half-way frees what it had. When all buffers are closed
 * and the cache is drained, counters and free memory are what they were. This holds for
 * each way to free a buffer.
 */
#include "heap_test_util.h"
#include "heap_guest_util.h"

/* Allocate and close @bytes of mixed sizes, up to 16 buffers at once */
static void churn(struct __test_metadata *_metadata, int heap, long long bytes)
{
	static const size_t sizes[] = {
		4 * KIB, 8 * KIB, 60 * KIB, 64 * KIB, 200 * KIB, 960 * KIB,
		MIB, 3 * MIB, 5 * MIB + 4 * KIB,
	};
	int bufs[16], *buf, i;
	unsigned int rnd = 7;
	long long done;
	size_t len;

	memset(bufs, -1, sizeof(bufs));
	for (done = 0; done < bytes; done += len) {
		len = sizes[next_random(&rnd) % ARRAY_SIZE(sizes)];
		buf = &bufs[next_random(&rnd) % ARRAY_SIZE(bufs)];
		if (*buf >= 0)
			close(*buf);
		*buf = heap_alloc(heap, len);
		ASSERT_LE(0, *buf);
	}
	for (i = 0; i < (int)ARRAY_SIZE(bufs); i++)
		if (bufs[i] >= 0)
			close(bufs[i]);
}

FIXTURE(balance)
{
	struct heap_params params;
	long long misc, known;
	int heap;
};

FIXTURE_SETUP(balance)
{
	struct heap_stats st;

	if (!heap_begin(_metadata, &self->params, &self->heap))
		return;
	/* Warm up slabs, page tables and vmap areas */
	churn(_metadata, self->heap, test_budget() / 2);
	ASSERT_TRUE(heap_drain_all(&st));
	self->known = known_memory();
	self->misc = misc_reclaimable();
	ASSERT_LE(0, self->misc);
}

FIXTURE_TEARDOWN(balance)
{
	double end = seconds() + 5;
	long long missing;

	heap_end(_metadata, &self->params, self->heap);
	expect_near(_metadata, "reclaimable", self->misc, misc_reclaimable(), MISC_TOLERANCE);
	/* RCU and work items free memory a little later */
	do {
		missing = self->known - known_memory();
		if (missing <= known_memory_tolerance())
			break;
		usleep(100000);
	} while (seconds() < end);
	EXPECT_GE(known_memory_tolerance(), missing);
}

/* Each way a buffer can be freed, and what the parameters do on the way */
TEST_F_TIMEOUT(balance, parameters_change, 60)
{
	static const struct {
		const char *name, *value;
	} step[] = {
		{ "zero_method", "direct" }, { "queue_limit_mb", "1" },
		{ "pool_limit_mb", "4" }, { "pool_limit_mb", "0" },
		{ "queue_limit_mb", "0" }, { "pool_limit_mb", "16" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(step); i++) {
		churn(_metadata, self->heap, test_budget() / 8);
		EXPECT_EQ(0, heap_set_param_text(step[i].name, step[i].value))
			TH_LOG("%s=%s", step[i].name, step[i].value);
	}
	churn(_metadata, self->heap, test_budget() / 8);
}

/* A task that is killed in an allocation does not complete it */
TEST_F_TIMEOUT(balance, killed_in_allocation, 60)
{
	long long len = meminfo_read("MemAvailable") / 2, before, taken;
	bool early = false;
	double end;
	pid_t pid;
	int i;

	for (i = 0; i < 4 && !early; i++) {
		before = heap_handed_out();
		pid = fork_child();
		ASSERT_LE(0, pid);
		if (!pid) {
			heap_alloc(self->heap, len);
			_exit(0);
		}
		end = seconds() + 20;
		while (heap_handed_out() - before < len / 32 && seconds() < end)
			;
		kill_child(pid);
		taken = heap_handed_out() - before;
		TH_LOG("killed after %lld of %lld MiB", taken / MIB, len / MIB);
		/* It may have been done before the signal reached it */
		early = taken < len / 8 * 7;
	}
	EXPECT_TRUE(early);
}

TEST_HARNESS_MAIN
