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
#include <sys/sysinfo.h>

#include "heap_test_util.h"

#define MAX_HELD	128

/* Hold @count buffers at once, then close them all */
static void hold_and_close(struct __test_metadata *_metadata, int heap,
			   size_t len, int count)
{
	int bufs[MAX_HELD], i;

	for (i = 0; i < count; i++)
		bufs[i] = heap_get(_metadata, heap, len);
	for (i = 0; i < count; i++)
		close(bufs[i]);
}

/* Buffers of one order, of several, and with a part of the last page */
static void use_all_sizes(struct __test_metadata *_metadata, int heap)
{
	static const struct {
		size_t len;
		int count;
	} sizes[] = {
		{ 4 * KIB, 1 }, { 4 * KIB, 16 }, { 64 * KIB, 16 }, { 100000, 8 },
		{ MIB, 1 }, { MIB, 4 }, { 3 * MIB + 5000, 1 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		hold_and_close(_metadata, heap, sizes[i].len, sizes[i].count);
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
	int ret;

	if (!heap_begin(_metadata, &self->params, &self->heap))
		return;
	ret = heap_set_param_text("zero_method", variant->method);
	if (ret == -EOPNOTSUPP)
		SKIP(return, "the module has no zero_method=%s here", variant->method);
	ASSERT_EQ(0, ret);
}

FIXTURE_TEARDOWN(reuse)
{
	heap_end(_metadata, &self->params, self->heap);
}

/* Each order alone: zeroed, pooled, and really taken from the pool */
TEST_F_TIMEOUT(reuse, each_order, 60)
{
	static const unsigned int counts[NR_HEAP_ORDERS] = { 24, 64, 128 };
	struct heap_stats before, after;
	unsigned int i, round, count;
	size_t len;

	for (i = 0; i < NR_HEAP_ORDERS; i++) {
		ASSERT_EQ(0, heap_drain());
		ASSERT_EQ(0, heap_stats_read(&before));
		len = PAGE_BYTES << before.order[i].order;
		count = test_budget() / len;
		if (!count || count > counts[i])
			count = counts[i];
		for (round = 0; round < 3; round++) {
			hold_and_close(_metadata, self->heap, len, count);
			ASSERT_EQ(0, heap_wait_idle());
		}
		ASSERT_EQ(0, heap_stats_read(&after));
		EXPECT_LT(before.order[i].hits, after.order[i].hits)
			TH_LOG("no hit at order %u", after.order[i].order);
		EXPECT_EQ(before.zero_failed_bytes, after.zero_failed_bytes);
	}
}

/* Whichever way the memory of closed buffers went */
TEST_F_TIMEOUT(reuse, each_way, 60)
{
	struct heap_stats before, after;
	int round;

	for (round = 0; round < 3; round++) {
		/* The second time, the thread may still work on the first. */
		use_all_sizes(_metadata, self->heap);
		use_all_sizes(_metadata, self->heap);
		/* Zeroed by the thread, and then freed to the page allocator */
		ASSERT_EQ(0, heap_wait_idle());
		use_all_sizes(_metadata, self->heap);
		ASSERT_EQ(0, heap_drain());
	}
	/* At the limit of the queue, closing tasks free what they close. */
	ASSERT_EQ(0, heap_set_param("queue_limit_mb", 2));
	ASSERT_EQ(0, heap_stats_read(&before));
	use_all_sizes(_metadata, self->heap);
	use_all_sizes(_metadata, self->heap);
	ASSERT_EQ(0, heap_stats_read(&after));
	EXPECT_LT(before.refused_bytes, after.refused_bytes);
}

#define NR_THREADS	4
#define NR_SLOTS	32

struct swapper {
	struct __test_metadata *_metadata;
	pthread_t thread;
	int heap;
	unsigned int rnd;
	int *slots;
};

/* Allocate, and close what some thread, mostly another one, allocated */
static void *swap_buffers(void *arg)
{
	static const size_t sizes[] = {
		4 * KIB, 5000, 12 * KIB, 64 * KIB, 70000, 300000,
		MIB, MIB + 4097, 1234567, 2 * MIB,
	};
	struct swapper *s = arg;
	long long done;
	int buf, old;
	size_t len;

	for (done = 0; done < test_budget() / 4 / NR_THREADS; done += len) {
		len = sizes[next_random(&s->rnd) % ARRAY_SIZE(sizes)];
		buf = heap_get(s->_metadata, s->heap, len);
		old = __atomic_exchange_n(&s->slots[next_random(&s->rnd) %
						    NR_SLOTS],
					  buf, __ATOMIC_SEQ_CST);
		if (old >= 0)
			close(old);
	}
	return NULL;
}

/* What one size left behind serves another, and another thread */
TEST_F_TIMEOUT(reuse, closed_by_other_threads, 60)
{
	struct swapper s[NR_THREADS] = {};
	long long hits = heap_hit_total();
	int slots[NR_SLOTS], i;

	memset(slots, -1, sizeof(slots));
	for (i = 0; i < NR_THREADS; i++) {
		s[i]._metadata = _metadata;
		s[i].heap = self->heap;
		s[i].rnd = i + 1;
		s[i].slots = slots;
		ASSERT_EQ(0, pthread_create(&s[i].thread, NULL, swap_buffers,
					    &s[i]));
	}
	for (i = 0; i < NR_THREADS; i++)
		pthread_join(s[i].thread, NULL);
	for (i = 0; i < NR_SLOTS; i++)
		if (slots[i] >= 0)
			close(slots[i]);
	EXPECT_LT(hits, heap_hit_total());
}

/* With a limit of 0 nothing is cached and nothing is queued */
TEST_F_TIMEOUT(reuse, turned_off, 60)
{
	long long hits = heap_hit_total();
	struct heap_stats st;
	unsigned int i;

	ASSERT_EQ(0, heap_set_param("pool_limit_mb", 0));
	for (i = 0; i < 4; i++) {
		use_all_sizes(_metadata, self->heap);
		ASSERT_EQ(0, heap_stats_read(&st));
		EXPECT_EQ(0, st.pool_bytes);
		EXPECT_EQ(0, st.queue_bytes);
	}
	EXPECT_EQ(hits, heap_hit_total());
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
		EXPECT_EQ(0, wait_child(pid))
			TH_LOG("length %llx", lens[i]);
		EXPECT_EQ(oom_kills, vmstat_read("oom_kill"));
		/* Refused before memory is drained for it */
		EXPECT_EQ(bytes, heap_handed_out());
	}
}

TEST_HARNESS_MAIN
