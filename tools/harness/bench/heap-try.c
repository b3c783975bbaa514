// SPDX-License-Identifier: GPL-2.0
/*
 * The pooled heap beside the kernel's own in real time, for make try. Everything
 * is measured in turns, one buffer of each, so that what the machine does
 * meanwhile is in all figures:
 *
 *   stock    the kernel's own heap
 *   vmap     the pooled heap, with zero_method=vmap
 *   direct   the pooled heap, with zero_method=direct
 *
 * Thread asleep, one buffer after the other:
 *   alloc    allocate
 *   use      allocate, map it and write every byte of it
 *   close    drop the last reference
 * Allocate and close back to back, in blocks, until the queue is empty again:
 *   loop     a pair, as the application waits for it
 *   self     CPU time of the application for a pair
 *   thread   CPU time of the thread that zeroes, for a pair
 * Every 4 ms, three buffers in flight:
 *   frame    close the oldest, allocate the next, map it and write every byte of it
 * All in nanoseconds, as "result try <op> <name> <size> <n> <p50> <p99> <mean>".
 *
 * Then it reads every byte of buffers that had been written and closed:
 *   checked <name> <bytes> <bytes of these that were taken from the pool>
 * and stops at the first one that is not zero.
 */
#include "bench.h"

#define BLOCKS		8	/* of which the first does not count */
#define MIN_SAMPLES	101	/* fewer have no 99th percentile */
#define MAX_PAIRS	3000
#define CHECK_ROUNDS	4
#define IN_FLIGHT	3
#define FRAMES		30	/* a block, and as many more as are in flight */

enum { STOCK, VMAP, DIRECT, NR_NAMES };

static const char * const names[NR_NAMES] = { "stock", "vmap", "direct" };

enum { ALLOC, USE, CLOSE, NR_OPS };
enum { LOOP = ALLOC, SELF = USE, THREAD = CLOSE };

static const char * const steps[NR_OPS] = { "alloc", "use", "close" };
static const char * const loops[NR_OPS] = { "loop", "self", "thread" };

static uint64_t measured[NR_NAMES][NR_OPS][BLOCKS * MAX_PAIRS];
static int heaps[NR_NAMES];
static clockid_t thread;

/* A machine without a better clock than the timer's ticks can measure nothing. */
static void check_clock(void)
{
	uint64_t start, step, least = UINT64_MAX;
	int i;

	for (i = 0; i < 10; i++) {
		start = now();
		while (!(step = now() - start))
			;
		if (step < least)
			least = step;
	}
	if (least > 10000)
		fail("the clock of this machine moves in steps of %llu ns",
		     (unsigned long long)least);
}

/* Whose turn it is; all that was closed before has been zeroed */
static int turn(int i)
{
	if (i != STOCK)
		must_write(HEAP_PARAMS "zero_method", names[i]);
	heap_caught_up();
	return heaps[i];
}

static void print_result(int name, const char *op, size_t len, uint64_t *v, int n)
{
	result_of("try", op, names[name], len, v, n);
}

static void draw(int buf, size_t len)
{
	char *p = must_map(buf, len);

	memset(p, 0xa5, len);
	munmap(p, len);
}

static void one_buffer(int heap, size_t len, uint64_t took[NR_OPS])
{
	uint64_t start = now(), t;
	int buf = must_alloc(heap, len);

	took[ALLOC] = now() - start;
	draw(buf, len);
	took[USE] = now() - start;
	usleep(1000);
	t = now();
	close(buf);
	took[CLOSE] = now() - t;
}

static void measure_buffers(const struct size_plan *p)
{
	int name, op, i, n = p->samples > MIN_SAMPLES ? p->samples : MIN_SAMPLES;
	uint64_t took[NR_OPS];

	for (i = -3; i < n; i++) {
		for (name = 0; name < NR_NAMES; name++) {
			one_buffer(turn(name), p->len, took);
			for (op = 0; op < NR_OPS && i >= 0; op++)
				measured[name][op][i] = took[op];
		}
	}
	for (name = 0; name < NR_NAMES; name++)
		for (op = 0; op < NR_OPS; op++)
			print_result(name, steps[op], p->len,
				     measured[name][op], n);
}

static void measure_loop(const struct size_plan *p)
{
	int name, block, i, n = p->pairs;

	for (block = -1; block < BLOCKS - 1; block++) {
		for (name = 0; name < NR_NAMES; name++) {
			int heap = turn(name), at = block < 0 ? 0 : block;
			uint64_t *took = &measured[name][LOOP][at * n];
			uint64_t self, zeroing;

			zeroing = cpu_ns(thread);
			self = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
			for (i = 0; i < n; i++) {
				uint64_t t = now();

				close(must_alloc(heap, p->len));
				took[i] = now() - t;
			}
			self = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - self;
			heap_caught_up();
			zeroing = cpu_ns(thread) - zeroing;
			measured[name][SELF][at] = self / n;
			measured[name][THREAD][at] = zeroing / n;
		}
	}
	for (name = 0; name < NR_NAMES; name++) {
		print_result(name, loops[LOOP], p->len, measured[name][LOOP],
			     (BLOCKS - 1) * n);
		print_result(name, loops[SELF], p->len, measured[name][SELF],
			     BLOCKS - 1);
		print_result(name, loops[THREAD], p->len,
			     measured[name][THREAD], BLOCKS - 1);
	}
}

static void one_block_of_frames(int heap, size_t len, uint64_t *took)
{
	int i, buf[IN_FLIGHT];

	for (i = 0; i < IN_FLIGHT; i++) {
		buf[i] = must_alloc(heap, len);
		draw(buf[i], len);
	}
	for (i = 0; i < FRAMES + IN_FLIGHT; i++) {
		uint64_t t = now();

		close(buf[i % IN_FLIGHT]);
		buf[i % IN_FLIGHT] = must_alloc(heap, len);
		draw(buf[i % IN_FLIGHT], len);
		if (i >= IN_FLIGHT)
			took[i - IN_FLIGHT] = now() - t;
		usleep(4000);
	}
	for (i = 0; i < IN_FLIGHT; i++)
		close(buf[i]);
}

static void measure_frames(const struct size_plan *p)
{
	int name, block;

	for (block = 0; block < BLOCKS / 2; block++)
		for (name = 0; name < NR_NAMES; name++)
			one_block_of_frames(turn(name), p->len,
					    &measured[name][0][block * FRAMES]);
	for (name = 0; name < NR_NAMES; name++)
		print_result(name, "frame", p->len, measured[name][0],
			     BLOCKS / 2 * FRAMES);
}

/* With the thread asleep in between, and without */
static void check(int name)
{
	struct heap_stats before = must_stats(), after;
	long long bytes = 0, hits;
	unsigned int i;
	int round, buf;

	for (i = 0; i < ARRAY_SIZE(plans); i++) {
		for (round = 0; round < 2 * CHECK_ROUNDS; round++) {
			if (round < CHECK_ROUNDS)
				turn(name);
			buf = must_alloc(heaps[name], plans[i].len);
			must_be_zero(buf);
			close(buf);
			bytes += plans[i].len;
		}
	}
	after = must_stats();
	hits = heap_hit_bytes(&after) - heap_hit_bytes(&before);
	if (!hits)
		fail("nothing was taken from the pool");
	printf("checked %s %lld %lld\n", names[name], bytes, hits);
}

static void setup(void)
{
	static const char name[] = "dma-heap-" HEAP_NAME;
	pid_t pid;

	heaps[STOCK] = must_open(HEAP_STOCK);
	heaps[VMAP] = must_open(HEAP_NAME);
	heaps[DIRECT] = heaps[VMAP];
	pid = find_kthreads(name);
	if (!pid)
		fail("no thread %s", name);
	thread = cpu_clock(pid);

	/* No page fault of ours in a measurement */
	memset(measured, 0xff, sizeof(measured));
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		printf("# mlockall: %s\n", strerror(errno));
}

int main(void)
{
	struct heap_stats st;
	unsigned int i;

	progname = "heap-try";
	check_clock();
	setup();
	st = must_stats();
	if (!st.pool_limit_bytes || !st.queue_limit_bytes)
		fail("pooling is off: pool_limit_mb or queue_limit_mb is 0");
	printf("limits %lld %lld\n", st.pool_limit_bytes, st.queue_limit_bytes);
	for (i = 0; i < ARRAY_SIZE(plans); i++) {
		measure_buffers(&plans[i]);
		measure_frames(&plans[i]);
		measure_loop(&plans[i]);
	}
	check(VMAP);
	check(DIRECT);
	return 0;
}
