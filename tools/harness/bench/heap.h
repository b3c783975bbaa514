/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs in this directory share: the selftests' helpers for heaps and their
 * statistics, clocks, and order statistics.
 *
 * A program stops with a message and status 1 at the first thing that does not
 * work: a number measured in spite of an error is worse than no number.
 */
#ifndef TOOLS_BENCH_HEAP_H
#define TOOLS_BENCH_HEAP_H

#include <stdarg.h>
#include <stdint.h>
#include <time.h>

#include "heap_pool_util.h"

/* The heap to compare with */
#ifndef HEAP_STOCK
#define HEAP_STOCK	"stock"
#endif

#define HEAP_STATS	HEAP_DEBUGFS "stats"
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static const char *progname = "?";

static inline void __attribute__((noreturn, format(printf, 1, 2)))
fail(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	printf("%s: ", progname);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	exit(1);
}

static inline int must_open(const char *name)
{
	char path[64];
	int heap;

	snprintf(path, sizeof(path), "/dev/dma_heap/%s", name);
	heap = open(path, O_RDWR | O_CLOEXEC);
	if (heap < 0)
		fail("%s: %s", path, strerror(errno));
	return heap;
}

static inline int must_alloc(int heap, size_t len)
{
	int buf = heap_alloc(heap, len);

	if (buf < 0)
		fail("allocation of %zu bytes: %s", len, strerror(-buf));
	return buf;
}

static inline char *must_map(int buf, size_t len)
{
	char *p = buf_map(buf, len);

	if (!p)
		fail("mmap of %zu bytes: %s", len, strerror(errno));
	return p;
}

/* Read all of a new buffer, and fill it for the next owner to find */
static inline void must_be_zero(int buf)
{
	long long at = buf_check_and_soil(buf);

	if (at == -2)
		fail("mmap of %zu bytes: %s", buf_size(buf), strerror(errno));
	if (at != -1)
		fail("STALE DATA: byte %lld of a buffer of %zu bytes was not zeroed",
		     at, buf_size(buf));
}

static inline void must_read(const char *path, char *buf, size_t size)
{
	ssize_t ret = read_text(path, buf, size);

	if (ret < 0)
		fail("%s: %s", path, strerror(-ret));
}

static inline void must_write(const char *path, const char *text)
{
	int ret = write_text(path, text);

	if (ret)
		fail("%s: %s", path, strerror(-ret));
}

static inline bool heap_has_stats(void)
{
	return !access(HEAP_STATS, R_OK);
}

static inline struct heap_stats must_stats(void)
{
	struct heap_stats st;

	if (heap_stats_read(&st))
		fail("%s: cannot be read, or is in another format", HEAP_STATS);
	return st;
}

/*
 * Wait until the thread has zeroed what was freed, and sleeps. On the
 * deterministic machine time spent asleep costs nothing.
 */
static inline void heap_caught_up(void)
{
	if (heap_wait_idle())
		fail("the thread did not catch up within 20 seconds");
	usleep(1000);
}

/* ---- clocks ---- */

static bool clock_instructions;
static double ns_per_tick;	/* unit tsc: what the counter is multiplied by */

static inline uint64_t timespec_ns(const struct timespec *ts)
{
	return ts->tv_sec * 1000000000ULL + ts->tv_nsec;
}

static inline uint64_t counter(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t count;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r" (count) : : "memory");
	return count;
#else
	fail("instructions can only be counted on x86 and arm64");
#endif
}

/* Now, in the unit chosen */
static inline uint64_t now(void)
{
	struct timespec ts;

	if (clock_instructions)
		return counter();
	if (ns_per_tick)
		return counter() * ns_per_tick;
	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return timespec_ns(&ts);
}

/* Two instructions per round */
static void __attribute__((noinline, unused)) spin(unsigned long rounds)
{
#if defined(__x86_64__) || defined(__i386__)
	__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r" (rounds) : : "cc");
#elif defined(__aarch64__)
	__asm__ volatile("1: subs %0, %0, 1\n\tb.ne 1b" : "+r" (rounds) : : "cc");
#else
	while (rounds--)
		__asm__ volatile("" : : : "memory");
#endif
}

/*
 * Choose the unit. "instructions" only means something where the counter (x86: TSC,
 * arm64: CNTVCT) counts them; a loop of known length shows whether it does. The best
 * of several tries counts, for interrupts add instructions of their own. "tsc" is
 * nanoseconds by the counter, where a system call costs too much to read the clock.
 * Returns ticks per instruction, or 0 for nanoseconds.
 */
static inline double clock_setup(const char *unit)
{
	const unsigned long rounds = 1000000;
	uint64_t ticks, ns;
	double best = 0;
	int i;

	if (!strcmp(unit, "tsc")) {
		ns = now();
		ticks = counter();
		usleep(200000);
		ticks = counter() - ticks;
		ns_per_tick = (double)(now() - ns) / ticks;
		return 0;
	}
	if (!strcmp(unit, "ns"))
		return 0;
	if (strcmp(unit, "instructions"))
		fail("unit %s: instructions, ns or tsc", unit);
	clock_instructions = true;
	for (i = 0; i < 5; i++) {
		uint64_t start = now();
		double ratio;

		spin(rounds);
		ratio = (now() - start) / (2.0 * rounds);
		if (!i || ratio < best)
			best = ratio;
	}
	if (best < 0.98 || best > 1.02)
		fail("the counter does not count instructions: %.3f ticks per instruction\n"
		     "(the deterministic machine does; elsewhere use --unit ns)",
		     best);
	return best;
}

/* ---- order statistics ---- */

static inline int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static inline void sort_u64(uint64_t *v, int n)
{
	qsort(v, n, sizeof(*v), compare_u64);
}

/* Of a sorted array; the nearest rank, so that it is a value that occurred */
static inline uint64_t percentile(const uint64_t *v, int n, int percent)
{
	int rank = (n * percent + 99) / 100;

	return v[rank > 0 ? rank - 1 : 0];
}

#endif /* TOOLS_BENCH_HEAP_H */
