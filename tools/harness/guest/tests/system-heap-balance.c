// SPDX-License-Identifier: GPL-2.0
/*
 * An allocation that fails or is killed half-way frees what it had. When all buffers
 * are closed and the cache is drained, counters and free memory are what they were.
 * This holds for each way to free a buffer.
 */
#include <signal.h>

#include "kselftest_harness.h"
#include "heap_pool_util.h"

static size_t mixed_size(unsigned int *rnd)
{
	static const size_t sizes[] = {
		4 * KIB, 8 * KIB, 60 * KIB, 64 * KIB, 200 * KIB, 960 * KIB,
		MIB, 3 * MIB, 5 * MIB + 4 * KIB,
	};

	return sizes[next_random(rnd) % ARRAY_SIZE(sizes)];
}

/* Allocate and close @bytes of mixed sizes, up to 16 buffers at once */
static int churn(int heap, unsigned long bytes, unsigned int rnd)
{
	int bufs[16], i, ret = 0;
	unsigned long done = 0;

	memset(bufs, -1, sizeof(bufs));
	while (done < bytes) {
		size_t len = mixed_size(&rnd);

		i = next_random(&rnd) % ARRAY_SIZE(bufs);
		if (bufs[i] >= 0)
			close(bufs[i]);
		bufs[i] = heap_alloc(heap, len);
		if (bufs[i] < 0) {
			ret = bufs[i];
			break;
		}
		done += len;
	}
	for (i = 0; i < (int)ARRAY_SIZE(bufs); i++)
		if (bufs[i] >= 0)
			close(bufs[i]);
	return ret;
}

static void log_stats(struct __test_metadata *_metadata,
		      const struct heap_stats *st)
{
	int i;

	TH_LOG("pool %lld, queue %lld bytes in %lld buffers", st->pool_bytes,
	       st->queue_bytes, st->queue_buffers);
	for (i = 0; i < NR_HEAP_ORDERS; i++)
		TH_LOG("order %u: %lld cached, %lld in flight",
		       st->order[i].order, st->order[i].cached,
		       st->order[i].inflight);
}

FIXTURE(balance)
{
	struct heap_params params;
	long long misc, known;
	int heap;
};

FIXTURE_SETUP(balance)
{
	const char *missing = heap_missing(&self->params);
	struct heap_stats st;

	if (missing)
		SKIP(return, "%s", missing);
	self->heap = heap_open();
	ASSERT_LE(0, self->heap);

	/* Warm up slabs, page tables and vmap areas */
	ASSERT_EQ(0, churn(self->heap, test_budget() / 2, 7));
	ASSERT_TRUE(heap_drain_all(&st))
		log_stats(_metadata, &st);
	self->known = known_memory();
	self->misc = misc_reclaimable();
	ASSERT_LE(0, self->misc);
}

FIXTURE_TEARDOWN(balance)
{
	EXPECT_EQ(0, heap_params_restore(&self->params));
	close(self->heap);
}

static void expect_balance(struct __test_metadata *_metadata,
			   long long known_before, long long misc_before)
{
	double end = seconds() + 5;
	struct heap_stats st;
	long long known, misc, least = known_before - known_memory_tolerance();
	int i;

	EXPECT_TRUE(heap_drain_all(&st))
		log_stats(_metadata, &st);
	for (i = 0; i < NR_HEAP_ORDERS; i++) {
		EXPECT_EQ(0, st.order[i].cached)
			TH_LOG("order %u", st.order[i].order);
		EXPECT_EQ(0, st.order[i].inflight)
			TH_LOG("order %u", st.order[i].order);
	}
	EXPECT_EQ(0, st.pool_bytes);
	EXPECT_EQ(0, st.queue_bytes);
	EXPECT_EQ(0, st.queue_buffers);

	misc = misc_reclaimable();
	EXPECT_LE(misc_before - MISC_TOLERANCE, misc);
	EXPECT_GE(misc_before + MISC_TOLERANCE, misc);

	/* RCU and work items free memory a little later */
	do {
		known = known_memory();
		if (known >= least)
			break;
		usleep(100000);
	} while (seconds() < end);
	EXPECT_LE(least, known)
		TH_LOG("%lld KiB missing", (known_before - known) / 1024);
}

TEST_F_TIMEOUT(balance, mixed_sizes, 60)
{
	struct heap_stats st;
	int round;

	for (round = 0; round < 4; round++) {
		ASSERT_EQ(0, churn(self->heap, test_budget() / 4, round + 1));
		if (round % 2)
			ASSERT_EQ(0, heap_wait_idle());
	}
	ASSERT_EQ(0, heap_stats_read(&st));
	EXPECT_LT(0, heap_hits(&st));
	expect_balance(_metadata, self->known, self->misc);
}

/* Each way a buffer can be freed, and what the parameters do on the way */
TEST_F_TIMEOUT(balance, parameters_change, 60)
{
	static const struct {
		const char *name;
		long value;
	} step[] = {
		{ "queue_limit_mb", 1 }, { "pool_limit_mb", 4 },
		{ "pool_limit_mb", 0 }, { "queue_limit_mb", 0 },
		{ "pool_limit_mb", 16 },
	};
	unsigned int i;

	ASSERT_EQ(0, heap_set_param_text("zero_method", "direct"));
	for (i = 0; i < ARRAY_SIZE(step); i++) {
		ASSERT_EQ(0, churn(self->heap, test_budget() / 16, i + 1));
		EXPECT_EQ(0, heap_set_param(step[i].name, step[i].value))
			TH_LOG("%s=%ld", step[i].name, step[i].value);
	}
	ASSERT_EQ(0, churn(self->heap, test_budget() / 16, i + 1));
	expect_balance(_metadata, self->known, self->misc);
}

/* A task that is killed in an allocation does not complete it */
TEST_F_TIMEOUT(balance, killed_in_allocation, 60)
{
	long long len = meminfo_read("MemAvailable") / 2, before, taken;
	int status, early = 0, i;
	double end;
	pid_t pid;

	for (i = 0; i < 4 && !early; i++) {
		before = heap_handed_out();
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			heap_alloc(self->heap, len);
			_exit(0);
		}
		end = seconds() + 20;
		while (heap_handed_out() - before < len / 32 && seconds() < end)
			;
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		taken = heap_handed_out() - before;
		TH_LOG("killed after %lld of %lld MiB", taken / (long long)MIB,
		       len / (long long)MIB);
		/* It may have been done before the signal reached it */
		early = taken < len / 8 * 7;
	}
	EXPECT_TRUE(early);
	expect_balance(_metadata, self->known, self->misc);
}

/* An allocation that fails half-way frees what it had */
TEST_F_TIMEOUT(balance, failed_allocations, 60)
{
	struct dma_heap_allocation_data *data;
	size_t page = PAGE_BYTES;
	int i, ret;

	data = mmap(NULL, page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, data);
	data->len = 2 * MIB + 68 * KIB;
	data->fd_flags = O_RDWR | O_CLOEXEC;
	/* The buffer is complete when its descriptor cannot be handed out */
	ASSERT_EQ(0, mprotect(data, page, PROT_READ));
	for (i = 0; i < 32; i++) {
		ret = ioctl(self->heap, DMA_HEAP_IOCTL_ALLOC, data);
		EXPECT_EQ(-1, ret);
		EXPECT_EQ(EFAULT, errno);
	}
	munmap(data, page);
	expect_balance(_metadata, self->known, self->misc);
}

TEST_HARNESS_MAIN
