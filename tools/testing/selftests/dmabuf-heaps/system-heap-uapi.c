// SPDX-License-Identifier: GPL-2.0
/*
 * Users of the system heap rely on this: arguments are checked, buffers are
 * zeroed, mappings show the right pages, and buffers outlive the descriptors
 * that they were made with.
 */
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "dma_heap_util.h"

FIXTURE(uapi)
{
	int heap;
};

FIXTURE_SETUP(uapi)
{
	self->heap = heap_open();
	if (self->heap < 0 && errno == ENOENT)
		SKIP(return, "no such heap");
	ASSERT_LE(0, self->heap);
}

FIXTURE_TEARDOWN(uapi)
{
	close(self->heap);
}

TEST_F_TIMEOUT(uapi, bad_arguments, 60)
{
	const unsigned int flags = O_RDWR | O_CLOEXEC;
	int heap = self->heap;

	EXPECT_EQ(-EINVAL, heap_alloc_args(heap, 0, 0, flags, 0));
	EXPECT_EQ(-EINVAL, heap_alloc_args(heap, ~0ULL, 0, flags, 0));
	EXPECT_EQ(-EINVAL, heap_alloc_args(heap, MIB, 1, flags, 0));
	EXPECT_EQ(-EINVAL, heap_alloc_args(heap, MIB, 0, flags | O_APPEND, 0));
	EXPECT_EQ(-EINVAL, heap_alloc_args(heap, MIB, 0, flags, 1));
	EXPECT_EQ(-EINVAL, heap_alloc_args(heap, MIB, 0, flags, 1ULL << 63));
	EXPECT_EQ(-1, ioctl(heap, _IO(DMA_HEAP_IOC_MAGIC, 0x1f), NULL));
	EXPECT_EQ(-1, ioctl(heap, DMA_HEAP_IOCTL_ALLOC, NULL));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F_TIMEOUT(uapi, size_and_flags, 60)
{
	size_t page = PAGE_BYTES;
	int buf = heap_alloc(self->heap, 1);

	ASSERT_LE(0, buf);
	EXPECT_EQ(page, buf_size(buf));
	EXPECT_EQ(FD_CLOEXEC, fcntl(buf, F_GETFD));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 2 * page, PROT_READ, MAP_SHARED, buf, 0));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, page, PROT_READ, MAP_SHARED, buf, page));
	close(buf);

	buf = heap_alloc_args(self->heap, MIB + 1, 0, O_RDONLY, 0);
	ASSERT_LE(0, buf);
	EXPECT_EQ(MIB + page, buf_size(buf));
	EXPECT_EQ(0, fcntl(buf, F_GETFD));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, page, PROT_WRITE, MAP_SHARED, buf, 0));
	close(buf);
}

/* Partial mappings show the right pages, even across boundaries between orders */
TEST_F_TIMEOUT(uapi, partial_mappings, 60)
{
	static const struct {
		size_t first, nr;
	} boundaries[] = {
		{ 0, 1 }, { 255, 2 }, { 256, 256 }, { 511, 18 }, { 511, 54 },
		{ 559, 6 },
	};
	const size_t pages = 2 * 256 + 3 * 16 + 5;
	size_t page = PAGE_BYTES, first, nr, i;
	unsigned int rnd = 3, round;
	unsigned long *p, *w;
	int buf = heap_alloc(self->heap, pages * page), wrong;

	ASSERT_LE(0, buf);
	p = buf_map(buf, pages * page);
	ASSERT_NE(NULL, p);
	EXPECT_EQ(-1, find_nonzero(p, pages * page));
	for (i = 0; i < pages; i++)
		p[i * page / sizeof(*p)] = i + 1;

	for (round = 0; round < 128; round++) {
		first = next_random(&rnd) % pages;
		nr = 1 + next_random(&rnd) % (pages - first);
		if (round < ARRAY_SIZE(boundaries)) {
			first = boundaries[round].first;
			nr = boundaries[round].nr;
		}
		w = mmap(NULL, nr * page, PROT_READ | PROT_WRITE, MAP_SHARED,
			 buf, first * page);
		ASSERT_NE(MAP_FAILED, w);
		for (i = 0, wrong = 0; i < nr; i++) {
			size_t at = i * page / sizeof(*w);

			wrong += w[at] != first + i + 1;
			w[at + 1] = round + 1;
			wrong += p[first * page / sizeof(*p) + at + 1] != round + 1;
		}
		EXPECT_EQ(0, wrong)
			TH_LOG("%zu pages from page %zu", nr, first);
		munmap(w, nr * page);
	}
	munmap(p, pages * page);
	close(buf);
}

/* When only mappings are left, they keep the pages from the next owner. */
TEST_F_TIMEOUT(uapi, outlives_descriptors, 60)
{
	int heap = heap_open(), buf, status;
	pid_t pid;
	char *p;

	ASSERT_LE(0, heap);
	buf = heap_alloc(heap, MIB);
	close(heap);
	ASSERT_LE(0, buf);
	p = buf_map(buf, MIB);
	ASSERT_NE(NULL, p);
	EXPECT_EQ(-1, find_nonzero(p, MIB));
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
	/* The parent may close its descriptor before or after the child */
	close(buf);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);

	/* Wrongly freed pages may become available only after a delay. */
	usleep(50000);
	buf = heap_alloc(self->heap, MIB);
	ASSERT_LE(0, buf);
	EXPECT_EQ(-1, buf_check_and_soil(buf));
	EXPECT_EQ('p', p[0]);
	EXPECT_EQ('c', p[MIB - 1]);
	close(buf);
	munmap(p, MIB);
}

TEST_HARNESS_MAIN
