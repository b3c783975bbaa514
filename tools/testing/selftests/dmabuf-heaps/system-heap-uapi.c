// SPDX-License-Identifier: GPL-2.0
/*
 * What a user of the system heap relies on, with and without pools: arguments
 * are checked, mappings show the right pages, and buffers outlive what they were
 * made with.
 */
#include <signal.h>
#include <sys/sysinfo.h>

#include "kselftest_harness.h"
#include "dma_heap_util.h"

FIXTURE(uapi)
{
	struct heap_params params;
	int heap;
};

FIXTURE_VARIANT(uapi)
{
	bool pooled;
};

FIXTURE_VARIANT_ADD(uapi, pooled)
{
	.pooled = true,
};

FIXTURE_VARIANT_ADD(uapi, unpooled)
{
};

FIXTURE_SETUP(uapi)
{
	const char *missing = heap_missing(&self->params);

	if (missing)
		SKIP(return, "%s", missing);
	self->heap = heap_open();
	ASSERT_LE(0, self->heap);
	if (!variant->pooled)
		ASSERT_EQ(0, heap_set_param("pool_limit_mb", 0));
	ASSERT_EQ(0, heap_drain());
}

FIXTURE_TEARDOWN(uapi)
{
	EXPECT_EQ(0, heap_params_restore(&self->params));
	close(self->heap);
}

static int alloc_args(int heap, unsigned long long len, unsigned int fd,
		      unsigned int fd_flags, unsigned long long heap_flags)
{
	struct dma_heap_allocation_data data = {
		.len = len,
		.fd = fd,
		.fd_flags = fd_flags,
		.heap_flags = heap_flags,
	};

	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) < 0)
		return -errno;
	return data.fd;
}

TEST_F_TIMEOUT(uapi, bad_arguments, 60)
{
	const unsigned int flags = O_RDWR | O_CLOEXEC;
	int heap = self->heap;

	EXPECT_EQ(-EINVAL, alloc_args(heap, 0, 0, flags, 0));
	EXPECT_EQ(-EINVAL, alloc_args(heap, ~0ULL, 0, flags, 0));
	EXPECT_EQ(-EINVAL, alloc_args(heap, MIB, 1, flags, 0));
	EXPECT_EQ(-EINVAL, alloc_args(heap, MIB, 0, flags | O_APPEND, 0));
	EXPECT_EQ(-EINVAL, alloc_args(heap, MIB, 0, flags, 1));
	EXPECT_EQ(-EINVAL, alloc_args(heap, MIB, 0, flags, 1ULL << 63));
	EXPECT_EQ(-1, ioctl(heap, _IO(DMA_HEAP_IOC_MAGIC, 0x1f), NULL));
	EXPECT_EQ(-1, ioctl(heap, DMA_HEAP_IOCTL_ALLOC, NULL));
	EXPECT_EQ(EFAULT, errno);
}

/* What the kernel command line says of a parameter is what it is at first */
TEST(boot_parameters)
{
	char cmdline[4096], path[128], want[64], *p;
	int n, end;

	ASSERT_LT(0, read_text("/proc/cmdline", cmdline, sizeof(cmdline)));
	for (p = cmdline; (p = strstr(p, "system_heap.")); p += end) {
		char name[64], value[64], is[64] = "";

		end = 1;
		n = sscanf(p, "system_heap.%63[a-z_]=%63s%n", name, value, &end);
		ASSERT_EQ(2, n);
		snprintf(path, sizeof(path),
			 "/sys/module/system_heap/parameters/%s", name);
		ASSERT_LT(0, read_text(path, is, sizeof(is)));
		snprintf(want, sizeof(want), "%.62s\n", value);
		EXPECT_STREQ(want, is);
	}
}

/* More than there is fails at once, and does not try to get it first */
TEST_F_TIMEOUT(uapi, impossible_sizes, 60)
{
	unsigned long long lens[] = { 1ULL << 62, 1ULL << 44, 0 };
	struct sysinfo si;
	unsigned int i;
	int status;
	pid_t pid;

	ASSERT_EQ(0, sysinfo(&si));
	lens[2] = (unsigned long long)si.totalram * si.mem_unit + 64 * MIB;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		long long oom_kills = vmstat_read("oom_kill");
		long long bytes = heap_handed_out();

		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			int ret;

			/* If it does take all memory, nobody else may suffer */
			write_text("/proc/self/oom_score_adj", "1000");
			alarm(10);
			ret = alloc_args(self->heap, lens[i], 0, O_RDWR, 0);
			_exit(ret == -ENOMEM || ret == -EINVAL ? 0 : 1);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status)
			TH_LOG("length %llx", lens[i]);
		EXPECT_EQ(oom_kills, vmstat_read("oom_kill"));
		/* Refused before memory is drained for it */
		EXPECT_EQ(bytes, heap_handed_out());
	}
}

TEST_F_TIMEOUT(uapi, size_and_flags, 60)
{
	size_t page = PAGE_BYTES;
	int buf;

	buf = heap_alloc(self->heap, 1);
	ASSERT_LE(0, buf);
	EXPECT_EQ(page, buf_size(buf));
	EXPECT_EQ(FD_CLOEXEC, fcntl(buf, F_GETFD));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 2 * page, PROT_READ, MAP_SHARED, buf,
				   0));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, page, PROT_READ, MAP_SHARED, buf,
				   page));
	close(buf);

	buf = alloc_args(self->heap, MIB + 1, 0, O_RDONLY, 0);
	ASSERT_LE(0, buf);
	EXPECT_EQ(MIB + page, buf_size(buf));
	EXPECT_EQ(0, fcntl(buf, F_GETFD));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, page, PROT_WRITE, MAP_SHARED, buf, 0));
	close(buf);
}

/* Windows into a buffer of all three orders, over their borders too */
TEST_F_TIMEOUT(uapi, partial_mappings, 60)
{
	size_t page = PAGE_BYTES, pages, size, i;
	size_t len = 2 * MIB + 3 * 64 * KIB + 5 * page;
	unsigned int rnd = 3, round;
	unsigned long *p, *w;
	int buf;

	buf = heap_alloc(self->heap, len);
	ASSERT_LE(0, buf);
	size = buf_size(buf);
	ASSERT_EQ(len, size);
	pages = size / page;
	p = buf_map(buf, size);
	ASSERT_NE(NULL, p);
	EXPECT_EQ(-1, find_nonzero(p, size));
	for (i = 0; i < pages; i++)
		p[i * page / sizeof(*p)] = i + 1;

	for (round = 0; round < 128; round++) {
		size_t first = next_random(&rnd) % pages;
		size_t nr = 1 + next_random(&rnd) % (pages - first);
		int wrong = 0;

		/* The borders themselves, not only by chance */
		if (round < 16) {
			first = (round + 1) * pages / 17;
			nr = 1;
		} else if (round == 16) {
			first = MIB / page - 1;
			nr = 2;
		} else if (round == 17) {
			first = 2 * MIB / page - 1;
			nr = 18;
		} else if (round == 18) {
			first = pages - 6;
			nr = 6;
		}

		w = mmap(NULL, nr * page, PROT_READ | PROT_WRITE, MAP_SHARED,
			 buf, first * page);
		ASSERT_NE(MAP_FAILED, w);
		for (i = 0; i < nr; i++) {
			size_t at = i * page / sizeof(*w);

			wrong += w[at] != first + i + 1;
			w[at + 1] = round + 1;
		}
		EXPECT_EQ(0, wrong)
			TH_LOG("%zu pages from page %zu", nr, first);
		for (i = 0, wrong = 0; i < nr; i++)
			wrong += p[(first + i) * page / sizeof(*p) + 1] !=
				 round + 1;
		EXPECT_EQ(0, wrong)
			TH_LOG("%zu pages from page %zu", nr, first);
		munmap(w, nr * page);
	}
	munmap(p, size);
	close(buf);
}

TEST_F_TIMEOUT(uapi, sync, 60)
{
	struct dma_buf_sync sync = {};
	int buf, i;
	char *p;

	buf = heap_alloc(self->heap, MIB);
	ASSERT_LE(0, buf);
	p = buf_map(buf, MIB);
	ASSERT_NE(NULL, p);
	for (i = 0; i < 3; i++) {
		static const int rw[] = {
			DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW
		};

		sync.flags = DMA_BUF_SYNC_START | rw[i];
		EXPECT_EQ(0, ioctl(buf, DMA_BUF_IOCTL_SYNC, &sync));
		memset(p, i + 1, MIB);
		sync.flags = DMA_BUF_SYNC_END | rw[i];
		EXPECT_EQ(0, ioctl(buf, DMA_BUF_IOCTL_SYNC, &sync));
		EXPECT_EQ(i + 1, p[MIB - 1]);
	}
	sync.flags = ~0ULL;
	EXPECT_EQ(-1, ioctl(buf, DMA_BUF_IOCTL_SYNC, &sync));
	munmap(p, MIB);
	close(buf);
}

TEST_F_TIMEOUT(uapi, outlives_heap_fd, 60)
{
	int heap, buf;
	char *p;

	heap = heap_open();
	ASSERT_LE(0, heap);
	buf = heap_alloc(heap, MIB);
	close(heap);
	ASSERT_LE(0, buf);
	p = buf_map(buf, MIB);
	ASSERT_NE(NULL, p);
	close(buf);

	/* Only the mapping is left, and keeps the pages from the next owner */
	EXPECT_EQ(-1, find_nonzero(p, MIB));
	memset(p, 0x5a, MIB);
	EXPECT_EQ(0, heap_wait_idle());
	buf = heap_alloc(self->heap, MIB);
	ASSERT_LE(0, buf);
	EXPECT_EQ(-1, buf_check_and_soil(buf));
	EXPECT_EQ(0x5a, p[0]);
	EXPECT_EQ(0x5a, p[MIB - 1]);
	close(buf);
	munmap(p, MIB);
}

TEST_F_TIMEOUT(uapi, shared_by_fork, 60)
{
	int buf, status, other;
	pid_t pid;
	char *p;

	buf = heap_alloc(self->heap, MIB);
	ASSERT_LE(0, buf);
	p = buf_map(buf, MIB);
	ASSERT_NE(NULL, p);
	p[0] = 'p';
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		char *q = buf_map(buf, MIB);

		if (!q || q[0] != 'p' || p[0] != 'p')
			_exit(1);
		close(buf);
		q[MIB - 1] = 'c';
		_exit(0);
	}
	/* The parent's descriptor goes first or last, as it happens */
	close(buf);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ('p', p[0]);
	EXPECT_EQ('c', p[MIB - 1]);

	other = heap_alloc(self->heap, MIB);
	ASSERT_LE(0, other);
	EXPECT_EQ(-1, buf_check_and_soil(other));
	EXPECT_EQ('p', p[0]);
	EXPECT_EQ('c', p[MIB - 1]);
	close(other);
	munmap(p, MIB);
}

/* With the limit at 0 nothing is kept and nothing is put off */
TEST_F_TIMEOUT(uapi, contents, 60)
{
	static const size_t lens[] = { 4 * KIB, 64 * KIB, MIB, MIB + 5000 };
	struct heap_stats before, after;
	unsigned int i, round;

	ASSERT_EQ(0, heap_stats_read(&before));
	for (round = 0; round < 16; round++) {
		for (i = 0; i < ARRAY_SIZE(lens); i++) {
			int buf = heap_alloc(self->heap, lens[i]);

			ASSERT_LE(0, buf);
			EXPECT_EQ(-1, buf_check_and_soil(buf));
			close(buf);
			if (variant->pooled)
				continue;
			ASSERT_EQ(0, heap_stats_read(&after));
			EXPECT_EQ(0, after.pool_bytes);
			EXPECT_EQ(0, after.queue_bytes);
		}
	}
	ASSERT_EQ(0, heap_wait_idle());
	ASSERT_EQ(0, heap_stats_read(&after));
	if (variant->pooled) {
		EXPECT_LT(heap_hits(&before), heap_hits(&after));
	} else {
		EXPECT_EQ(heap_hits(&before), heap_hits(&after));
		for (i = 0; i < NR_HEAP_ORDERS; i++)
			EXPECT_EQ(0, after.order[i].cached);
	}
}

TEST_HARNESS_MAIN
