// SPDX-License-Identifier: GPL-2.0
/*
 * No addresses left to map pages at.
 *
 * On a machine of 32 bits the area for mappings is small. These tests use it up:
 * each filter of a socket is kept there, in pages of its own. What cannot be mapped
 * cannot be zeroed: it is counted, and goes to the page allocator instead of
 * the next owner. With addresses there again all is as it was.
 *
 * Needs such a machine, with vmalloc=48M: on others the sockets run out first.
 */
#include <linux/filter.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "kselftest_harness.h"
#include "heap_pressure_util.h"

#define MAX_SOCKETS	16384

/* Large pages only: what is mapped at a time is 1 MiB and more */
#define BUF_LEN		(4 * MIB)
#define HELD_BYTES	(64 * (long long)MIB)

static int sockets[MAX_SOCKETS], nr_sockets;

/* 0, or what adding a filter of @len instructions failed with */
static int add_filter(unsigned int len)
{
	static struct sock_filter code[BPF_MAXINSNS];
	struct sock_fprog prog = { .len = len, .filter = code };
	unsigned int i;
	int fd, ret;

	for (i = 0; i < len; i++)
		code[i] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, i);
	code[len - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);

	if (nr_sockets == MAX_SOCKETS)
		return -E2BIG;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
	if (ret) {
		ret = -errno;
		close(fd);
		return ret;
	}
	sockets[nr_sockets++] = fd;
	return 0;
}

/* Large pieces first, then what fits between them; 0 if nothing more does */
static int use_up(void)
{
	struct rlimit files = { MAX_SOCKETS + 1024, MAX_SOCKETS + 1024 };
	unsigned int len;
	int ret = 0;

	if (setrlimit(RLIMIT_NOFILE, &files))
		return -errno;
	for (len = BPF_MAXINSNS; len; len /= 4) {
		do {
			ret = add_filter(len);
		} while (!ret);
		if (ret != -ENOMEM)
			return ret;
	}
	return 0;
}

static void give_back(void)
{
	while (nr_sockets)
		close(sockets[--nr_sockets]);
}

FIXTURE(vmalloc)
{
	struct heap_params params;
	struct bufs held;
	long long misc, known;
	int heap;
};

FIXTURE_SETUP(vmalloc)
{
	struct heap_stats st;

	ASSERT_EQ(NULL, heap_missing(&self->params));
	self->heap = heap_open();
	ASSERT_LE(0, self->heap);
	ASSERT_EQ(0, heap_set_param_text("zero_method", "vmap"));
	/* Once around first: slabs get warm */
	ASSERT_EQ(0, use_up());
	give_back();
	ASSERT_TRUE(heap_drain_all(&st));
	self->misc = misc_reclaimable();
	self->known = known_memory();
}

FIXTURE_TEARDOWN(vmalloc)
{
	give_back();
	drop(&self->held, 0);
	EXPECT_EQ(0, heap_params_restore(&self->params));
	close(self->heap);
}

/* Hold buffers, which must be zero, and leave a pattern in them */
static void hold_soiled(struct __test_metadata *_metadata, int heap,
			struct bufs *held)
{
	int i, stale = 0;

	ASSERT_EQ(0, hold(heap, held, HELD_BYTES, BUF_LEN));
	for (i = 0; i < held->nr; i++)
		stale += buf_check_and_soil(held->fd[i]) != -1;
	EXPECT_EQ(0, stale);
}

/* Close them all; what became of the pages is the difference of @a and @b */
static void close_all(struct __test_metadata *_metadata, struct bufs *held,
		      struct heap_stats *a, struct heap_stats *b)
{
	ASSERT_EQ(0, heap_stats_read(a));
	drop(held, 0);
	ASSERT_EQ(0, heap_wait_idle());
	ASSERT_EQ(0, heap_stats_read(b));
	EXPECT_EQ(HELD_BYTES, b->zeroed_bytes - a->zeroed_bytes +
			      b->zero_failed_bytes - a->zero_failed_bytes);
	/* Nothing is kept but what was zeroed */
	EXPECT_EQ(b->pool_bytes - a->pool_bytes,
		  b->zeroed_bytes - a->zeroed_bytes);
}

TEST_F_TIMEOUT(vmalloc, used_up, 240)
{
	long long failed, least = self->known - known_memory_tolerance();
	struct heap_stats a, b;
	double end;

	hold_soiled(_metadata, self->heap, &self->held);
	ASSERT_EQ(0, use_up());
	TH_LOG("%d filters", nr_sockets);
	close_all(_metadata, &self->held, &a, &b);
	failed = b.zero_failed_bytes - a.zero_failed_bytes;
	TH_LOG("%lld of %lld KiB not zeroed", failed / 1024, HELD_BYTES / 1024);
	EXPECT_LT(0, failed);

	/* The heap goes on, and needs no address for the other method */
	hold_soiled(_metadata, self->heap, &self->held);
	ASSERT_EQ(0, heap_set_param_text("zero_method", "direct"));
	close_all(_metadata, &self->held, &a, &b);
	EXPECT_EQ(a.zero_failed_bytes, b.zero_failed_bytes);
	ASSERT_EQ(0, heap_set_param_text("zero_method", "vmap"));

	/* Filters are freed a little later */
	give_back();
	end = seconds() + 20;
	do {
		hold_soiled(_metadata, self->heap, &self->held);
		close_all(_metadata, &self->held, &a, &b);
	} while (a.zero_failed_bytes != b.zero_failed_bytes && seconds() < end);
	EXPECT_EQ(a.zero_failed_bytes, b.zero_failed_bytes);
	hold_soiled(_metadata, self->heap, &self->held);
	drop(&self->held, 0);

	ASSERT_TRUE(heap_drain_all(&b));
	EXPECT_GE(MISC_TOLERANCE, llabs(misc_reclaimable() - self->misc));
	while (known_memory() < least && seconds() < end + 5)
		usleep(100000);
	EXPECT_LE(least, known_memory())
		TH_LOG("%lld KiB missing", (self->known - known_memory()) / 1024);
}

TEST_HARNESS_MAIN
