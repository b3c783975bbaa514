// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation that the heap makes can fail, and nothing is lost then.
 *
 * The first allocation in the kernel during a system call is made to fail, then
 * the second, and so on until a call runs through without having reached the one
 * that was to fail. After each, the call has succeeded or failed with ENOMEM,
 * no descriptor is left, and no page of a pool is in use. How many places were
 * reached is printed. The helper, which nobody hears from when it fails, is
 * watched by what the next owners of its pages find in them.
 */
#include <drm/drm.h>

#include "kselftest_harness.h"
#include "heap_fault_util.h"

/* A sweep that has not ended by then would not end */
#define MAX_SITES	2000

FIXTURE(faults)
{
	struct heap_params params;
	long long misc;
	int heap, nth, lowest;
};

static int lowest_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

FIXTURE_SETUP(faults)
{
	const char *missing = heap_missing(&self->params);
	struct heap_stats st;

	if (missing)
		SKIP(return, "%s", missing);
	if (!faults_available())
		SKIP(return, "no fault injection in this kernel");
	self->heap = heap_open();
	ASSERT_LE(0, self->heap);
	self->nth = fail_nth_open();
	ASSERT_LE(0, self->nth);
	self->lowest = lowest_fd();
	ASSERT_TRUE(heap_drain_all(&st));
	self->misc = misc_reclaimable();
	ASSERT_EQ(0, faults_on(0));
}

FIXTURE_TEARDOWN(faults)
{
	struct heap_stats st;
	long long misc;

	faults_off();
	EXPECT_EQ(0, heap_params_restore(&self->params));
	EXPECT_TRUE(heap_drain_all(&st));
	misc = misc_reclaimable();
	EXPECT_LE(self->misc - MISC_TOLERANCE, misc);
	EXPECT_GE(self->misc + MISC_TOLERANCE, misc);
	close(self->nth);
	close(self->heap);
}

/* With all buffers closed: no page of a pool is still lent out */
static void expect_nothing_lost(struct __test_metadata *_metadata, int lowest,
				unsigned int n)
{
	struct heap_stats st;
	long long cached = 0;
	int i;

	EXPECT_EQ(lowest, lowest_fd())
		TH_LOG("descriptor left, fault %u", n);
	ASSERT_EQ(0, heap_wait_idle());
	ASSERT_EQ(0, heap_stats_read(&st));
	for (i = 0; i < NR_HEAP_ORDERS; i++) {
		EXPECT_EQ(0, st.order[i].inflight)
			TH_LOG("order %u, fault %u", st.order[i].order, n);
		cached += (st.order[i].cached << st.order[i].order) *
			  PAGE_BYTES;
	}
	EXPECT_EQ(st.pool_bytes, cached);
}

static const size_t sizes[] = {
	4 * KIB, 60 * KIB, 68 * KIB, 252 * KIB, MIB, 8 * MIB, 9 * MIB + 60 * KIB
};

/* Cold: nothing is kept. Warm: as much as is asked for has just been kept. */
static void prepare(struct __test_metadata *_metadata, int heap, size_t len,
		    bool warm)
{
	int buf;

	ASSERT_EQ(0, heap_drain());
	if (!warm)
		return;
	buf = heap_alloc(heap, len);
	ASSERT_LE(0, buf);
	ASSERT_EQ(0, close(buf));
	ASSERT_EQ(0, heap_wait_idle());
}

static void sweep_alloc(struct __test_metadata *_metadata, int heap, int nth,
			int lowest, size_t len, bool warm)
{
	unsigned int n, failed = 0;
	int injected = 1;

	for (n = 1; injected && n < MAX_SITES; n++) {
		int buf;

		prepare(_metadata, heap, len, warm);
		ASSERT_EQ(0, fail_nth_set(nth, n));
		buf = heap_alloc(heap, len);
		injected = fail_nth_end(nth);
		ASSERT_LE(0, injected);
		if (buf >= 0) {
			EXPECT_EQ(-1, buf_check_and_soil(buf))
				TH_LOG("%zu bytes, fault %u", len, n);
			close(buf);
		} else {
			EXPECT_EQ(-ENOMEM, buf)
				TH_LOG("%zu bytes, fault %u", len, n);
			EXPECT_EQ(1, injected);
			failed++;
		}
		expect_nothing_lost(_metadata, lowest, n);
	}
	EXPECT_EQ(0, injected);
	EXPECT_LT(0, failed);
	TH_LOG("ALLOC of %zu KiB, %s: %u sites, %u of them fatal", len / KIB,
	       warm ? "warm" : "cold", n - 2, failed);
}

TEST_F_TIMEOUT(faults, alloc_cold, 120)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		sweep_alloc(_metadata, self->heap, self->nth, self->lowest,
			    sizes[i], false);
}

TEST_F_TIMEOUT(faults, alloc_warm, 120)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		sweep_alloc(_metadata, self->heap, self->nth, self->lowest,
			    sizes[i], true);
}

TEST_F_TIMEOUT(faults, alloc_unpooled, 120)
{
	unsigned int i;

	ASSERT_EQ(0, heap_set_param("pool_limit_mb", 0));
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		sweep_alloc(_metadata, self->heap, self->nth, self->lowest,
			    sizes[i], false);
}

/* Not one, but a share of them, so that what follows a failure fails too */
TEST_F_TIMEOUT(faults, alloc_some_fail, 120)
{
	static const unsigned int percents[] = { 4, 15, 40 };
	unsigned int i, n, failed;
	int self_fails, buf;

	self_fails = open("/proc/self/make-it-fail", O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, self_fails);
	self->lowest = lowest_fd();
	for (i = 0; i < ARRAY_SIZE(percents); i++) {
		ASSERT_EQ(0, faults_on(percents[i]));
		failed = 0;
		for (n = 0; n < 20 * ARRAY_SIZE(sizes); n++) {
			if (n % 3 == 0)
				ASSERT_EQ(0, heap_drain());
			ASSERT_EQ(1, pwrite(self_fails, "1", 1, 0));
			buf = heap_alloc(self->heap, sizes[n % 7]);
			ASSERT_EQ(1, pwrite(self_fails, "0", 1, 0));
			if (buf < 0) {
				EXPECT_EQ(-ENOMEM, buf);
				failed++;
			} else {
				EXPECT_EQ(-1, buf_check_and_soil(buf));
				close(buf);
			}
		}
		expect_nothing_lost(_metadata, self->lowest, percents[i]);
		EXPECT_LT(0, failed);
		TH_LOG("%u %% failing: %u of %u ALLOCs failed", percents[i],
		       failed, n);
	}
	close(self_fails);
}

/* The structure is on the caller's side larger than it has ever been here */
TEST_F_TIMEOUT(faults, alloc_larger_structure, 60)
{
	char args[512] = {};
	struct dma_heap_allocation_data *data = (void *)args;
	const unsigned int cmd = _IOC(_IOC_READ | _IOC_WRITE,
				      DMA_HEAP_IOC_MAGIC, 0, sizeof(args));
	int injected = 1, ret;
	unsigned int n;

	for (n = 1; injected && n < MAX_SITES; n++) {
		memset(args, 0, sizeof(args));
		data->len = 68 * KIB;
		data->fd_flags = O_RDWR | O_CLOEXEC;
		ASSERT_EQ(0, fail_nth_set(self->nth, n));
		ret = ioctl(self->heap, cmd, args) ? errno : 0;
		injected = fail_nth_end(self->nth);
		ASSERT_LE(0, injected);
		EXPECT_EQ(ret ? ENOMEM : 0, ret);
		if (!ret)
			close(data->fd);
		expect_nothing_lost(_metadata, self->lowest, n);
	}
	EXPECT_EQ(0, injected);
	TH_LOG("ALLOC with a structure of %zu bytes: %u sites", sizeof(args),
	       n - 2);
}

/* Closing has nobody to report to: it must not need what it may not get */
TEST_F_TIMEOUT(faults, close, 60)
{
	unsigned int i, n, reached;

	for (i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		size_t len = sizes[i / 2];
		int injected = 1, buf;

		/* Into the queue; by the closing task itself */
		ASSERT_EQ(0, heap_set_param("queue_limit_mb", i % 2 ? 0 :
					    self->params.queue_limit_mb));
		reached = 0;
		for (n = 1; injected && n < MAX_SITES; n++) {
			buf = heap_alloc(self->heap, len);
			ASSERT_LE(0, buf);
			EXPECT_EQ(-1, buf_check_and_soil(buf));
			ASSERT_EQ(0, fail_nth_set(self->nth, n));
			EXPECT_EQ(0, close(buf));
			injected = fail_nth_end(self->nth);
			ASSERT_LE(0, injected);
			reached += injected;
			expect_nothing_lost(_metadata, self->lowest, n);
		}
		EXPECT_EQ(0, injected);
		TH_LOG("close of %zu KiB, %s: %u sites", len / KIB,
		       i % 2 ? "freed at once" : "queued", reached);
	}
}

TEST_F_TIMEOUT(faults, mmap, 60)
{
	unsigned int i, n, failed;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		int injected = 1, buf, at;
		size_t size;
		void *p;

		buf = heap_alloc(self->heap, sizes[i]);
		ASSERT_LE(0, buf);
		size = buf_size(buf);
		failed = 0;
		at = lowest_fd();
		for (n = 1; injected && n < MAX_SITES; n++) {
			ASSERT_EQ(0, fail_nth_set(self->nth, n));
			p = mmap(NULL, size, PROT_READ | PROT_WRITE,
				 MAP_SHARED, buf, 0);
			if (p == MAP_FAILED)
				failed++;
			injected = fail_nth_end(self->nth);
			ASSERT_LE(0, injected);
			if (p != MAP_FAILED) {
				EXPECT_EQ(-1, find_nonzero(p, size));
				munmap(p, size);
			}
			EXPECT_EQ(at, lowest_fd());
		}
		EXPECT_EQ(0, injected);
		close(buf);
		expect_nothing_lost(_metadata, self->lowest, n);
		TH_LOG("mmap of %zu KiB: %u sites, %u of them fatal",
		       sizes[i] / KIB, n - 2, failed);
	}
}

/* An importer: attaching makes a copy of the scatterlist */
TEST_F_TIMEOUT(faults, import, 60)
{
	int card = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
	int injected = 1, buf, ret;
	unsigned int n, failed = 0;

	if (card < 0)
		SKIP(return, "no importer (/dev/dri/card0)");
	self->lowest = lowest_fd();
	for (n = 1; injected && n < MAX_SITES; n++) {
		struct drm_prime_handle handle = {};
		struct drm_gem_close done = {};

		buf = heap_alloc(self->heap, 9 * MIB + 60 * KIB);
		ASSERT_LE(0, buf);
		handle.fd = buf;
		ASSERT_EQ(0, fail_nth_set(self->nth, n));
		ret = ioctl(card, DRM_IOCTL_PRIME_FD_TO_HANDLE, &handle) ?
			errno : 0;
		injected = fail_nth_end(self->nth);
		ASSERT_LE(0, injected);
		if (ret) {
			EXPECT_EQ(ENOMEM, ret);
			failed++;
		} else {
			done.handle = handle.handle;
			EXPECT_EQ(0, ioctl(card, DRM_IOCTL_GEM_CLOSE, &done));
		}
		EXPECT_EQ(-1, buf_check_and_soil(buf));
		close(buf);
		expect_nothing_lost(_metadata, self->lowest, n);
	}
	EXPECT_EQ(0, injected);
	close(card);
	TH_LOG("import of 9 MiB: %u sites, %u of them fatal", n - 2, failed);
}

/* Rounds in which @percent of what the helper allocates fails */
static void rounds(struct __test_metadata *_metadata, int heap, int nr,
		   unsigned int percent)
{
	int bufs[24], round, i;

	ASSERT_EQ(0, faults_on(percent));
	for (round = 0; round < nr; round++) {
		for (i = 0; i < (int)ARRAY_SIZE(bufs); i++) {
			bufs[i] = heap_alloc(heap, sizes[i % 6]);
			ASSERT_LE(0, bufs[i]);
			EXPECT_EQ(-1, buf_check_and_soil(bufs[i]))
				TH_LOG("round %d, %u %% failing", round,
				       percent);
		}
		for (i = 0; i < (int)ARRAY_SIZE(bufs); i++)
			close(bufs[i]);
		/* What it could not clear must not be found in a pool */
		ASSERT_EQ(0, heap_wait_idle());
	}
}

TEST_F_TIMEOUT(faults, helper_cannot_map, 120)
{
	static const unsigned int percents[] = { 30, 100 };
	struct heap_stats before, after;
	pid_t helper = heap_helper();
	unsigned int i;

	ASSERT_LT(0, helper);
	ASSERT_EQ(0, heap_set_param_text("zero_method", "vmap"));
	ASSERT_EQ(0, faults_for(helper, true));
	for (i = 0; i < ARRAY_SIZE(percents); i++) {
		ASSERT_EQ(0, heap_stats_read(&before));
		rounds(_metadata, self->heap, 4, percents[i]);
		ASSERT_EQ(0, heap_stats_read(&after));
		EXPECT_LT(before.zero_failed_bytes, after.zero_failed_bytes);
		TH_LOG("%u %% failing: %lld KiB zeroed, %lld KiB given up",
		       percents[i],
		       (after.zeroed_bytes - before.zeroed_bytes) / 1024,
		       (after.zero_failed_bytes -
			before.zero_failed_bytes) / 1024);
	}
	ASSERT_EQ(0, faults_for(helper, false));
	/* And afterwards it works as before */
	ASSERT_EQ(0, heap_stats_read(&before));
	rounds(_metadata, self->heap, 1, 0);
	ASSERT_EQ(0, heap_stats_read(&after));
	EXPECT_EQ(before.zero_failed_bytes, after.zero_failed_bytes);
	EXPECT_LT(before.zeroed_bytes, after.zeroed_bytes);
}

TEST_HARNESS_MAIN
