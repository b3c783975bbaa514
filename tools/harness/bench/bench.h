/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the measuring programs share: the selftests' helpers for heaps and their statistics,
 * clocks, order statistics, CPU time, a heap's state before a measurement, and options.
 *
 * A program stops with a message and status 1 at the first thing that does not
 * work: a number measured in spite of an error is worse than no number.
 *
 * Output: result <case> <op> <heap> <size> <n> <p50> <p99> <mean>, and lines
 * that begin with # for the reader.
 *
 * The whole machine's work is the CPU time of a program's tasks plus that of
 * all kernel threads. Elapsed time would count the sleep in which a program
 * waits for the thread. CPU time is in nanoseconds of the scheduler's clock,
 * which on the deterministic machine runs on the time stamp counter: the ratio
 * is measured at the start.
 */
#ifndef TOOLS_BENCH_BENCH_H
#define TOOLS_BENCH_BENCH_H

#include <ctype.h>
#include <dirent.h>
#include <getopt.h>
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

/* ---- samples ---- */

#define MAX_SAMPLES	2048

/* The sizes measured, and how often a case repeats at each */
struct size_plan {
	size_t len;
	int samples;		/* warm, close */
	int cold;
	int pairs;		/* per block of churn */
};

/* A block of churn is, from 1 MiB on, more than a queue of usual size takes */
static const struct size_plan plans[] = {
	{  4 * KIB, 401, 101, 3000 },
	{ 64 * KIB, 401, 101, 3000 },
	{      MIB, 201, 101,  400 },
	{  8 * MIB,  61,  31,   64 },
	{ 32 * MIB,  31,  21,   24 },
};

static const char * const bench_heaps[] = { "system", "stock", "empty" };

static double ticks_per_cpu_ns = 1;
static uint64_t samples[MAX_SAMPLES];
static bool pooled;		/* whether the heap measured has a thread */

static inline void result_of(const char *name, const char *op, const char *heap,
			     size_t size, uint64_t *v, int n)
{
	double sum = 0;
	int i;

	sort_u64(v, n);
	for (i = 0; i < n; i++)
		sum += v[i];
	printf("result %s %s %s %zu %d %llu %llu %.0f\n", name, op, heap, size,
	       n, (unsigned long long)percentile(v, n, 50),
	       (unsigned long long)percentile(v, n, 99), sum / n);
	fflush(stdout);
}

static inline void result(const char *name, const char *op, const char *heap,
			  size_t size, int n)
{
	result_of(name, op, heap, size, samples, n);
}

/* ---- CPU time ---- */

/* clock_getcpuclockid() for another process, which libc restricts to users */
static inline clockid_t cpu_clock(pid_t pid)
{
	return ((clockid_t)~pid << 3) | 2;
}

static inline uint64_t cpu_ns(clockid_t clock)
{
	struct timespec ts;

	return clock_gettime(clock, &ts) ? 0 : timespec_ns(&ts);
}

static pid_t kthreads[1024];
static int nr_kthreads;

/* Kernel threads are the children of kthreadd, which is process 2 */
static inline bool is_kthread(const char *pid, char *comm, size_t len)
{
	char path[64], buf[512], *start, *end;
	ssize_t n;
	int fd, ppid;

	snprintf(path, sizeof(path), "/proc/%.16s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	start = strchr(buf, '(');
	end = strrchr(buf, ')');
	if (!start || !end || sscanf(end + 1, " %*c %d", &ppid) != 1)
		return false;
	snprintf(comm, len, "%.*s", (int)(end - start - 1), start + 1);
	return ppid == 2;
}

/* Finds all that exist now; returns the one named @name, or 0 */
static inline pid_t find_kthreads(const char *name)
{
	struct dirent *d;
	pid_t named = 0;
	char comm[64];
	DIR *dir;

	dir = opendir("/proc");
	if (!dir)
		fail("/proc: %s", strerror(errno));
	nr_kthreads = 0;
	while ((d = readdir(dir))) {
		if (!isdigit((unsigned char)d->d_name[0]) ||
		    !is_kthread(d->d_name, comm, sizeof(comm)))
			continue;
		if (nr_kthreads < (int)ARRAY_SIZE(kthreads))
			kthreads[nr_kthreads++] = atoi(d->d_name);
		if (name && !strcmp(comm, name))
			named = atoi(d->d_name);
	}
	closedir(dir);
	return named;
}

/* What the kernel threads have used; the ones that were found */
static inline uint64_t kthreads_ns(void)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < nr_kthreads; i++)
		sum += cpu_ns(cpu_clock(kthreads[i]));
	return sum;
}

static inline void calibrate_cpu_clock(void)
{
	uint64_t ns, ticks;

	if (!clock_instructions)
		return;
	ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	ticks = now();
	spin(20000000);
	ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - ns;
	ticks = now() - ticks;
	ticks_per_cpu_ns = (double)ticks / ns;
	printf("# CPU clock: %.5f instructions per nanosecond\n",
	       ticks_per_cpu_ns);
}

/* ---- the machine's state before a measurement ---- */

/* The same for every heap: in real time the state of caches is a good part */
static inline void caught_up(void)
{
	if (heap_has_stats())
		heap_caught_up();
	else
		usleep(1000);
}

static inline void drained(void)
{
	struct heap_stats st;

	if (pooled && !heap_drain_all(&st))
		fail("the heap could not be drained");
	usleep(1000);
}

/* What allocations take, into samples, and what closes take */
static inline void measure_warm(int heap, const struct size_plan *p,
				uint64_t closing[MAX_SAMPLES])
{
	uint64_t t;
	int i, buf;

	for (i = -3; i < p->samples; i++) {
		caught_up();
		t = now();
		buf = must_alloc(heap, p->len);
		t = now() - t;
		if (i >= 0)
			samples[i] = t;
		/* The allocation may have woken the thread */
		usleep(1000);
		t = now();
		close(buf);
		t = now() - t;
		if (i >= 0)
			closing[i] = t;
	}
	caught_up();
}

/* ---- options ---- */

static const char *only_case, *only_heap, *only_size;

/* Whether @name is in @list, which has commas; no list has everything */
static inline bool in_list(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (; list; list = strchr(list, ',')) {
		list += *list == ',';
		if (!strncmp(list, name, len) && (!list[len] || list[len] == ','))
			return true;
	}
	return false;
}

static inline bool wanted(const char *name)
{
	return !only_case || in_list(only_case, name);
}

static inline bool wanted_size(size_t len)
{
	char text[24];

	snprintf(text, sizeof(text), "%zu", len);
	return !only_size || in_list(only_size, text);
}

/* Returns the heap, or -1 when it was not asked for */
static inline int bench_heap_open(const char *name)
{
	if (only_heap && !in_list(only_heap, name))
		return -1;
	pooled = !strcmp(name, "system");
	if (pooled && !heap_has_stats())
		fail("%s: %s", HEAP_STATS, strerror(errno));
	return must_open(name);
}

/* What two readings of the clock in a row give: part of every sample */
static inline void report_clock_cost(void)
{
	int i, n = 101;

	for (i = 0; i < n; i++) {
		uint64_t t = now();

		samples[i] = now() - t;
	}
	sort_u64(samples, n);
	printf("# reading the clock costs %llu, included in every sample\n",
	       (unsigned long long)percentile(samples, n, 50));
}

static inline void report_parameters(void)
{
	struct heap_stats st = must_stats();
	char method[64];

	must_read(HEAP_PARAMS "zero_method", method, sizeof(method));
	method[strcspn(method, "\n")] = '\0';
	printf("# zero_method %s, pool limit %lld, queue limit %lld bytes\n",
	       method, st.pool_limit_bytes, st.queue_limit_bytes);
}

/* Reads the options, which all programs have in common, and sets the clock */
static inline void bench_setup(int argc, char **argv)
{
	static const struct option options[] = {
		{ "unit", required_argument, NULL, 'u' },
		{ "case", required_argument, NULL, 'c' },
		{ "heap", required_argument, NULL, 'h' },
		{ "size", required_argument, NULL, 's' },
		{ "zero-method", required_argument, NULL, 'z' },
		{}
	};
	const char *unit = "instructions", *method = NULL;
	bool bad = false;
	double ratio;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (opt == 'u')
			unit = optarg;
		else if (opt == 'c')
			only_case = optarg;
		else if (opt == 'h')
			only_heap = optarg;
		else if (opt == 's')
			only_size = optarg;
		else if (opt == 'z')
			method = optarg;
		else
			bad = true;
	}
	if (bad || optind != argc)
		fail("usage: %s [--unit instructions|ns|tsc] [--case NAME,...] [--heap NAME,...]\n"
		     "       [--size BYTES,...] [--zero-method vmap|direct]",
		     progname);
	if (method)
		must_write(HEAP_PARAMS "zero_method", method);

	/* No page fault of ours in a measurement */
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		printf("# mlockall: %s\n", strerror(errno));
	memset(samples, 0xff, sizeof(samples));

	ratio = clock_setup(unit);
	printf("# unit %s", unit);
	if (ratio)
		printf(", %.4f ticks of the time stamp counter per instruction",
		       ratio);
	printf("\n");
	calibrate_cpu_clock();
	report_clock_cost();
	if (heap_has_stats())
		report_parameters();
}

#endif /* TOOLS_BENCH_BENCH_H */
