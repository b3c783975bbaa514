// SPDX-License-Identifier: GPL-2.0
/*
 * Idle pages in the pool do not prevent large allocations of huge pages, and blocks of
 * memory can be taken offline after drop_caches.
 */
#include "heap_test_util.h"
#include "heap_guest_util.h"

#define HUGE_PAGES	"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
#define BLOCKS		"/sys/devices/system/memory/"

#define USE_SECONDS	6
#define NR_ANON		4096
#define ANON_LEN	(16 * KIB)

FIXTURE(contig)
{
	struct heap_params params;
	int heaps[2];		/* the kernel's own, ours */
};

FIXTURE_SETUP(contig)
{
	if (!heap_begin(_metadata, &self->params, &self->heaps[1]))
		return;
	self->heaps[0] = heap_open_name(HEAP_STOCK);
	if (self->heaps[0] < 0)
		SKIP(return, "no heap to compare with");
}

FIXTURE_TEARDOWN(contig)
{
	close(self->heaps[0]);
	heap_end(_metadata, &self->params, self->heaps[1]);
}

/* Allocate @nr huge pages and free them. Returns how many there were. */
static long long ask(long long nr)
{
	char text[32];

	if (write_number(HUGE_PAGES, nr) ||
	    read_text(HUGE_PAGES, text, sizeof(text)) <= 0 ||
	    write_text(HUGE_PAGES, "0"))
		return -1;
	return atoll(text);
}

/*
 * A day of use: buffers of many sizes, at most @max bytes in all, and anonymous pages come
 * and go. At the end all are freed.
 */
static int use_heap(int heap, long long max)
{
	static const size_t sizes[] = {
		4 * KIB, 12 * KIB, 60 * KIB, 64 * KIB, 256 * KIB, 900 * KIB, MIB,
		3110400, 8294400, 12441600,
	};
	double end = seconds() + USE_SECONDS;
	char *anon[NR_ANON] = {};
	struct bufs b = {};
	long long total = 0;
	unsigned int rnd = 1, i;
	int ret = 0;

	while (!ret && seconds() < end) {
		size_t len = sizes[next_random(&rnd) % ARRAY_SIZE(sizes)];

		/* A third of them are closed at once: an application ends. */
		while (total + (long long)len > max || b.nr == MAX_BUFS) {
			for (i = b.nr / 3 + 1; i--;) {
				int *fd = &b.fd[next_random(&rnd) % b.nr];

				total -= buf_size(*fd);
				close(*fd);
				*fd = b.fd[--b.nr];
			}
		}
		ret = hold(heap, &b, 1, len);
		total += ret ? 0 : buf_size(b.fd[b.nr - 1]);
		i = next_random(&rnd) % NR_ANON;
		if (anon[i])
			munmap(anon[i], ANON_LEN);
		anon[i] = mmap(NULL, ANON_LEN, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	}
	drop(&b, 0);
	for (i = 0; i < NR_ANON; i++)
		if (anon[i])
			munmap(anon[i], ANON_LEN);
	return ret ?: heap_wait_idle();
}

/* Ask for nine tenths of the available memory as huge pages. */
TEST_F_TIMEOUT(contig, huge_pages, 600)
{
	long long got[2], want = meminfo_read("MemAvailable") / 10 * 9 / (2 * MIB);
	struct heap_stats st;
	int i;

	if (access(HUGE_PAGES, W_OK))
		SKIP(return, "no huge pages");
	/* Ours comes first: kswapd frees its pages, but gives up on a node full of huge pages. */
	for (i = 1; i >= 0; i--) {
		ASSERT_EQ(0, use_heap(self->heaps[i], meminfo_read("MemTotal") / 10 * 6));
		if (i)
			ASSERT_EQ(0, heap_stats_read(&st));
		got[i] = ask(want);
	}
	TH_LOG("of %lld huge pages: %lld after use of %s, %lld after use of %s",
	       want, got[0], HEAP_STOCK, got[1], HEAP_NAME);
	TH_LOG("%s cached %lld MiB", HEAP_NAME, st.pool_bytes / MIB);
	EXPECT_LE(got[0], got[1]);
}

static void no_action(int signal)
{
}

/*
 * Take each block of memory offline and back online. Returns how many could be
 * taken. The kernel tries to move a page in use until there is a signal.
 */
static int take_offline(void)
{
	struct sigaction action = { .sa_handler = no_action };
	int nr = 0, ret;
	glob_t state;
	size_t i;

	sigaction(SIGALRM, &action, NULL);
	glob(BLOCKS "memory[0-9]*/state", 0, NULL, &state);
	for (i = 0; i < state.gl_pathc; i++) {
		alarm(2);
		ret = write_text(state.gl_pathv[i], "offline");
		alarm(0);
		if (ret)
			continue;
		nr++;
		write_text(state.gl_pathv[i], "online");
	}
	globfree(&state);
	return nr;
}

TEST_F_TIMEOUT(contig, memory_offline, 300)
{
	long long fill = meminfo_read("MemTotal") / 2;
	int without, with;

	if (access(BLOCKS "memory0/state", W_OK))
		SKIP(return, "no memory hotplug");
	without = take_offline();
	ASSERT_EQ(0, heap_set_limits(fill / MIB, fill / MIB));
	ASSERT_EQ(0, hold_and_drop(self->heaps[1], fill, 4 * MIB));
	EXPECT_LE(fill / 4 * 3, heap_settle(_metadata).pool_bytes);
	/* The kernel refuses a block with cached pages before it calls any notifier. */
	drop_kernel_caches("2");
	with = take_offline();
	TH_LOG("%d blocks of memory went offline with an empty pool, %d after a full one",
	       without, with);
	EXPECT_LE(without, with);
}

TEST_HARNESS_MAIN
