// SPDX-License-Identifier: GPL-2.0
/*
 * No byte of a previous owner is ever visible.
 *
 * Every buffer these tests get is read from end to end, must be zero, and is
 * filled with a pattern before it is closed. The memory is reused in every
 * way that the pooled system heap has: it was zeroed by the thread, taken from
 * the queue before the thread zeroed it, freed by the closing task, or freed to
 * the page allocator and allocated again.
 *
 * Where memory must have come from the pool, the hit counter is checked.
 * Otherwise the test would only show that the page allocator clears pages.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "heap_pool_util.h"

#define MAX_HELD	128

struct tally {
	unsigned long buffers;
	unsigned long bytes;
	int stale;			/* buffers with a byte that is not zero */
	long long stale_at;		/* where, in the first of them */
	size_t stale_len;
	int error;			/* the first failure to allocate or map */
};

/* Allocate, check and soil; the caller closes what it gets */
static int get_buffer(int heap, size_t len, struct tally *t)
{
	int buf = heap_alloc(heap, len);
	long long at;

	if (buf < 0) {
		if (!t->error)
			t->error = buf;
		return -1;
	}
	t->buffers++;
	t->bytes += len;
	at = buf_check_and_soil(buf);
	if (at == -2) {
		if (!t->error)
			t->error = -EFAULT;
	} else if (at >= 0 && !t->stale++) {
		t->stale_at = at;
		t->stale_len = len;
	}
	return buf;
}

/* Hold @count buffers at once, then close them all */
static void hold_and_close(int heap, size_t len, int count, struct tally *t)
{
	int bufs[MAX_HELD], i;

	for (i = 0; i < count; i++)
		bufs[i] = get_buffer(heap, len, t);
	for (i = 0; i < count; i++)
		if (bufs[i] >= 0)
			close(bufs[i]);
}

/* Sizes that need one order, several, and a part of the last page */
static size_t mixed_size(unsigned int *rnd)
{
	static const size_t sizes[] = {
		4 * KIB, 5000, 12 * KIB, 64 * KIB, 70000, 300000,
		MIB, MIB + 4097, 1234567, 2 * MIB,
	};

	return sizes[next_random(rnd) % ARRAY_SIZE(sizes)];
}

static void expect_zeroed(struct __test_metadata *_metadata,
			  const struct tally *t)
{
	EXPECT_EQ(0, t->error)
		TH_LOG("after %lu buffers", t->buffers);
	EXPECT_EQ(0, t->stale)
		TH_LOG("of %lu buffers; first at byte %lld of %zu",
		       t->buffers, t->stale_at, t->stale_len);
}

FIXTURE(reuse)
{
	struct heap_params params;
	int heap;
};

FIXTURE_VARIANT(reuse)
{
	const char *method;
};

FIXTURE_VARIANT_ADD(reuse, vmap)
{
	.method = "vmap",
};

FIXTURE_VARIANT_ADD(reuse, direct)
{
	.method = "direct",
};

FIXTURE_SETUP(reuse)
{
	const char *missing = heap_missing(&self->params);
	int ret;

	if (missing)
		SKIP(return, "%s", missing);
	self->heap = heap_open();
	ASSERT_LE(0, self->heap);
	ret = heap_set_param_text("zero_method", variant->method);
	if (ret == -EOPNOTSUPP)
		SKIP(return, "the module has no zero_method=%s here", variant->method);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, heap_drain());
}

FIXTURE_TEARDOWN(reuse)
{
	EXPECT_EQ(0, heap_params_restore(&self->params));
	close(self->heap);
}

/* Each order alone: zeroed, pooled, and really taken from the pool */
TEST_F_TIMEOUT(reuse, each_order, 60)
{
	static const struct {
		unsigned int order, count;
	} sizes[] = {
		{ 0, 128 },
		{ 4, 64 },
		{ 8, 24 },
	};
	long long hits[NR_HEAP_ORDERS], zero_failed;
	struct heap_stats st;
	struct tally t = {};
	unsigned int i, j, round, count;

	ASSERT_EQ(0, heap_stats_read(&st));
	zero_failed = st.zero_failed_bytes;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t len = PAGE_BYTES << sizes[i].order;

		ASSERT_EQ(0, heap_drain());
		ASSERT_EQ(0, heap_stats_read(&st));
		for (j = 0; j < NR_HEAP_ORDERS; j++)
			hits[j] = st.order[j].hits;

		count = test_budget() / len;
		if (!count || count > sizes[i].count)
			count = sizes[i].count;
		for (round = 0; round < 3; round++) {
			hold_and_close(self->heap, len, count, &t);
			ASSERT_EQ(0, heap_wait_idle());
		}

		ASSERT_EQ(0, heap_stats_read(&st));
		for (j = 0; j < NR_HEAP_ORDERS; j++)
			if (st.order[j].order == sizes[i].order)
				EXPECT_LT(hits[j], st.order[j].hits)
					TH_LOG("no hit at order %u",
					       sizes[i].order);
	}
	expect_zeroed(_metadata, &t);
	EXPECT_EQ(zero_failed, st.zero_failed_bytes);
}

/* What one size left behind serves another */
TEST_F_TIMEOUT(reuse, mixed_sizes, 60)
{
	unsigned long budget = test_budget() / 4;
	long long hits;
	struct heap_stats st;
	struct tally t = {};
	unsigned int rnd = 1;
	int bufs[32], i;

	ASSERT_EQ(0, heap_stats_read(&st));
	hits = heap_hits(&st);
	memset(bufs, -1, sizeof(bufs));

	while (t.bytes < budget && !t.error) {
		i = next_random(&rnd) % ARRAY_SIZE(bufs);
		if (bufs[i] >= 0)
			close(bufs[i]);
		if (!(next_random(&rnd) % 4))
			ASSERT_EQ(0, heap_wait_idle());
		bufs[i] = get_buffer(self->heap, mixed_size(&rnd), &t);
	}
	for (i = 0; i < (int)ARRAY_SIZE(bufs); i++)
		if (bufs[i] >= 0)
			close(bufs[i]);

	expect_zeroed(_metadata, &t);
	ASSERT_EQ(0, heap_stats_read(&st));
	EXPECT_LT(hits, heap_hits(&st));
}

/* Allocate again while the thread still works on closed buffers */
TEST_F_TIMEOUT(reuse, without_waiting, 60)
{
	static const struct {
		size_t len;
		int held, rounds;
	} sizes[] = {
		{ 4 * KIB, 1, 64 }, { 4 * KIB, 16, 4 }, { 64 * KIB, 4, 16 },
		{ MIB, 1, 16 }, { 3 * MIB + 5000, 2, 4 },
	};
	struct tally t = {};
	unsigned int i;
	int round;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		for (round = 0; round < sizes[i].rounds; round++)
			hold_and_close(self->heap, sizes[i].len,
				       sizes[i].held, &t);
	expect_zeroed(_metadata, &t);
}

/* At the limit of the queue, closing tasks free what they close */
TEST_F_TIMEOUT(reuse, queue_overflows, 60)
{
	struct heap_stats before, after;
	struct tally t = {};
	int round;

	ASSERT_EQ(0, heap_set_param("queue_limit_mb", 2));
	ASSERT_EQ(0, heap_stats_read(&before));
	for (round = 0; round < 4; round++) {
		hold_and_close(self->heap, MIB, 8, &t);
		hold_and_close(self->heap, 3 * MIB, 1, &t);
		hold_and_close(self->heap, 100000, 8, &t);
	}
	expect_zeroed(_metadata, &t);
	ASSERT_EQ(0, heap_stats_read(&after));
	EXPECT_LT(before.refused_bytes, after.refused_bytes);
}

/* Queued and pooled pages go to the page allocator and come back */
TEST_F_TIMEOUT(reuse, drained, 60)
{
	struct tally t = {};
	int round;

	for (round = 0; round < 4; round++) {
		hold_and_close(self->heap, MIB, 4, &t);
		hold_and_close(self->heap, 64 * KIB, 16, &t);
		hold_and_close(self->heap, 4 * KIB, 16, &t);
		if (round % 2)
			ASSERT_EQ(0, heap_wait_idle());
		ASSERT_EQ(0, heap_drain());
	}
	expect_zeroed(_metadata, &t);
}

#define NR_THREADS	4
#define NR_SLOTS	32

struct swapper {
	pthread_t thread;
	struct tally tally;
	int heap;
	unsigned int rnd;
	unsigned long budget;
	int *slots;
};

/* Allocate, and close what some thread, mostly another one, allocated */
static void *swap_buffers(void *arg)
{
	struct swapper *s = arg;
	int buf, old;

	while (s->tally.bytes < s->budget && !s->tally.error) {
		buf = get_buffer(s->heap, mixed_size(&s->rnd), &s->tally);
		old = __atomic_exchange_n(&s->slots[next_random(&s->rnd) %
						    NR_SLOTS],
					  buf, __ATOMIC_SEQ_CST);
		if (old >= 0)
			close(old);
	}
	return NULL;
}

TEST_F_TIMEOUT(reuse, closed_by_other_threads, 60)
{
	struct swapper s[NR_THREADS] = {};
	long long hits;
	struct heap_stats st;
	int slots[NR_SLOTS], i;

	ASSERT_EQ(0, heap_stats_read(&st));
	hits = heap_hits(&st);
	memset(slots, -1, sizeof(slots));
	for (i = 0; i < NR_THREADS; i++) {
		s[i].heap = self->heap;
		s[i].rnd = i + 1;
		s[i].budget = test_budget() / 4 / NR_THREADS;
		s[i].slots = slots;
		ASSERT_EQ(0, pthread_create(&s[i].thread, NULL, swap_buffers,
					    &s[i]));
	}
	for (i = 0; i < NR_THREADS; i++)
		pthread_join(s[i].thread, NULL);
	for (i = 0; i < NR_SLOTS; i++)
		if (slots[i] >= 0)
			close(slots[i]);

	for (i = 0; i < NR_THREADS; i++)
		expect_zeroed(_metadata, &s[i].tally);
	ASSERT_EQ(0, heap_stats_read(&st));
	EXPECT_LT(hits, heap_hits(&st));
}

/* With a limit of 0 nothing is cached and nothing is queued */
TEST_F_TIMEOUT(reuse, turned_off, 60)
{
	struct heap_stats before, after;
	struct tally t = {};
	unsigned int i;

	ASSERT_EQ(0, heap_set_param("pool_limit_mb", 0));
	ASSERT_EQ(0, heap_drain());
	ASSERT_EQ(0, heap_stats_read(&before));
	for (i = 0; i < 64; i++) {
		hold_and_close(self->heap, i % 2 ? 4 * KIB : MIB + 70000, 1, &t);
		ASSERT_EQ(0, heap_stats_read(&after));
		EXPECT_EQ(0, after.pool_bytes);
		EXPECT_EQ(0, after.queue_bytes);
	}
	expect_zeroed(_metadata, &t);
	EXPECT_EQ(heap_hits(&before), heap_hits(&after));
}

/* Parameters start out as the kernel command line sets them */
TEST(boot_parameters)
{
	char cmdline[4096], path[128], want[64], *p;
	int n, end;

	ASSERT_LT(0, read_text("/proc/cmdline", cmdline, sizeof(cmdline)));
	for (p = cmdline; (p = strstr(p, HEAP_MODULE ".")); p += end) {
		char name[64], value[64], is[64] = "";

		end = 1;
		n = sscanf(p, HEAP_MODULE ".%63[a-z_]=%63s%n", name,
			   value, &end);
		ASSERT_EQ(2, n);
		snprintf(path, sizeof(path), HEAP_PARAMS "%s", name);
		ASSERT_LT(0, read_text(path, is, sizeof(is)));
		snprintf(want, sizeof(want), "%.62s\n", value);
		EXPECT_STREQ(want, is);
	}
}

/* A size beyond all memory fails at once, before any memory is taken */
TEST_F_TIMEOUT(reuse, impossible_sizes, 60)
{
	unsigned long long lens[] = { ~0UL >> 2, ~0UL >> 1, 0 }, memory;
	struct sysinfo si;
	unsigned int i;
	int status;
	pid_t pid;

	ASSERT_EQ(0, sysinfo(&si));
	memory = (unsigned long long)si.totalram * si.mem_unit;
	lens[2] = memory + 64 * MIB;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		long long oom_kills = vmstat_read("oom_kill");
		long long bytes = heap_handed_out();

		/* With 32 bits there may be that much */
		if (lens[i] <= memory)
			continue;
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			int ret;

			/* If it does take all memory, nobody else may suffer */
			write_text("/proc/self/oom_score_adj", "1000");
			alarm(10);
			ret = heap_alloc(self->heap, lens[i]);
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

TEST_HARNESS_MAIN
