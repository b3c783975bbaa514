/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs in this directory share: heaps, the statistics of the
 * pooled system heap, clocks, and order statistics.
 *
 * A program stops with a message and status 1 at the first thing that does not
 * work: a number measured in spite of an error is worse than no number.
 */
#ifndef TOOLS_BENCH_HEAP_H
#define TOOLS_BENCH_HEAP_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/dma-heap.h>

/* The pooled heap, its module, and the heap to compare it with */
#ifndef HEAP_NAME
#define HEAP_NAME	"system"
#define HEAP_MODULE	"system_heap"
#define HEAP_STOCK	"stock"
#endif

#define HEAP_STATS	"/sys/kernel/debug/dma_heap/" HEAP_NAME "/stats"
#define HEAP_DRAIN	"/sys/kernel/debug/dma_heap/" HEAP_NAME "/drain"
#define HEAP_PARAMS	"/sys/module/" HEAP_MODULE "/parameters/"

#define KIB		1024UL
#define MIB		(1024UL * 1024UL)
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

/* ---- heaps ---- */

static inline int heap_try_open(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/dma_heap/%s", name);
	return open(path, O_RDWR | O_CLOEXEC);
}

static inline int heap_open(const char *name)
{
	int heap = heap_try_open(name);

	if (heap < 0)
		fail("/dev/dma_heap/%s: %s", name, strerror(errno));
	return heap;
}

static inline int heap_alloc(int heap, size_t len)
{
	struct dma_heap_allocation_data data = {
		.len = len,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};

	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) < 0)
		fail("allocation of %zu bytes: %s", len, strerror(errno));
	return data.fd;
}

static inline char *heap_map(int buf, size_t len)
{
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, buf, 0);

	if (p == MAP_FAILED)
		fail("mmap of %zu bytes: %s", len, strerror(errno));
	return p;
}

/* ---- files in /proc, /sys and debugfs ---- */

static inline void read_text(const char *path, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	while ((n = read(fd, buf + len, size - 1 - len)) > 0)
		len += n;
	if (n < 0)
		fail("%s: %s", path, strerror(errno));
	buf[len] = '\0';
	close(fd);
}

static inline void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail("%s: %s", path, strerror(errno));
	close(fd);
}

/* The number after @key at the start of a line of @path */
static inline long long file_value(const char *path, const char *key)
{
	char buf[16384], *line;
	size_t len = strlen(key);

	read_text(path, buf, sizeof(buf));
	for (line = buf; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (!strncmp(line, key, len) &&
		    (line[len] == ' ' || line[len] == ':'))
			return strtoll(line + len + 1, NULL, 10);
	}
	fail("%s: no line %s", path, key);
}

struct heap_order {
	unsigned int order;
	unsigned long long cached, hits, misses, inflight;
};

/* The lines of the table, largest order first; returns how many */
static inline int heap_orders(struct heap_order *orders, int max)
{
	char buf[4096], *line;
	int n = 0;

	read_text(HEAP_STATS, buf, sizeof(buf));
	line = strstr(buf, "\norder ");
	while (line && n < max && (line = strchr(line + 1, '\n'))) {
		struct heap_order *o = &orders[n];

		if (sscanf(line, "%u %llu %llu %llu %llu",
			   &o->order, &o->cached, &o->hits, &o->misses,
			   &o->inflight) != 5)
			break;
		n++;
	}
	if (!n)
		fail("%s: no table of orders", HEAP_STATS);
	return n;
}

static inline bool heap_has_stats(void)
{
	return !access(HEAP_STATS, R_OK);
}

/*
 * Wait until the helper has zeroed what was freed, and sleeps. On the
 * deterministic machine time spent asleep costs nothing.
 */
static inline void heap_caught_up(void)
{
	int i;

	for (i = 0; i < 20000; i++) {
		if (!file_value(HEAP_STATS, "queue_bytes")) {
			usleep(1000);
			return;
		}
		usleep(1000);
	}
	fail("the helper did not catch up within 20 seconds");
}

/* Everything queued or pooled back to the page allocator */
static inline void heap_drain(void)
{
	int i;

	for (i = 0; i < 1000; i++) {
		write_text(HEAP_DRAIN, "1");
		if (!file_value(HEAP_STATS, "pool_bytes") &&
		    !file_value(HEAP_STATS, "queue_bytes"))
			return;
		usleep(1000);
	}
	fail("the heap could not be drained");
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

/* "4 KiB", "1 MiB", "1.5 GiB" */
static inline const char *human(unsigned long long bytes, char *buf, size_t len)
{
	static const char * const unit[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double v = bytes;
	unsigned int i;

	for (i = 0; v >= 1024 && i < ARRAY_SIZE(unit) - 1; i++)
		v /= 1024;
	snprintf(buf, len, v == (unsigned long)v ? "%.0f %s" : "%.1f %s", v,
		 unit[i]);
	return buf;
}

#endif /* TOOLS_BENCH_HEAP_H */
