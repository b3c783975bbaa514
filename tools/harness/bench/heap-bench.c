// SPDX-License-Identifier: GPL-2.0
/*
 * heap-bench WHAT [OPTION...]: what allocating and closing a buffer costs, by size, on the
 * pooled heap and on others beside it. WHAT is
 *
 *   bench   for make bench: "system", the pooled heap; "stock", the kernel's own; and
 *           "empty", whose buffers have no pages: the floor. One after the other
 *   run     for make run: stock and system, and a look at the pool
 *   native  for make bench-native: stock, system, stock2 and empty, in rounds that begin
 *           with another one each time. stock2 is the kernel's own heap once more and
 *           says what noise is: a row is measured again, a few times, until stock2
 *           differs from stock by 3 % at most
 *   try     for make try: stock, and the pooled heap with zero_method=vmap and =direct,
 *           in turns, one buffer of each, so that what the machine does meanwhile is in
 *           all figures
 *
 * The last line of each turn_...() comment has what it measures, in the unit of the
 * clock, but CPU time of a real machine in nanoseconds.
 *
 * Output: a line of JSON for each figure. try and run then read every byte of buffers
 * that had been written and closed, and stop at the first one that is not zero.
 */
#define _GNU_SOURCE
#include <err.h>
#include <glob.h>
#include <sched.h>
#include <stdint.h>
#include <time.h>
#include <sys/wait.h>

#include "heap_pool_util.h"

/* The heap to compare with */
#ifndef HEAP_STOCK
#define HEAP_STOCK	"stock"
#endif

#define HEAP_STATS	HEAP_DEBUGFS "stats"
#define HEAP_WRITE	"/sys/kernel/debug/heap_write"
#define THREAD_NAME	"dma-heap-" HEAP_NAME
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define MAX_VALUES	24000
#define TRIES		3
#define IN_FLIGHT	3
#define BLOCK_NS	40000000
#define SURFACES	12

#define NR_SIZES	5
static const size_t sizes[NR_SIZES] = { 4 * KIB, 64 * KIB, MIB, 8 * MIB, 32 * MIB };

enum { STOCK, SYSTEM, STOCK2, EMPTY, NR_HEAPS };
enum { VMAP = 1, DIRECT };

/* What a turn can measure */
enum { ALLOC, USE, CLOSE };
enum { PAIR, LOOP, SELF, HELD, THREAD, NR_FIGURES };

static struct values {
	uint64_t v[MAX_VALUES];
	int n;
} all_values[NR_HEAPS][NR_FIGURES];

struct heap {
	const char *name;		/* in the output */
	const char *node;
	const char *param, *value;	/* to set before a turn */
	int fd;
	struct values *values;
};

struct row {
	void (*turn)(struct heap *heap, const struct row *row);
	/* What is printed of a turn's figures; make try has no cases, but "" */
	struct {
		const char *name, *op;
	} figure[NR_FIGURES];
	int warm;			/* rounds that do not count */
	int rounds[NR_SIZES + 1];	/* by size; the last is of len */
	int samples[NR_SIZES + 1];	/* in a turn, after two that do not count */
	size_t len;
	unsigned int arg;
	enum { ANY, PAGES, POOL } needs;
	bool drain;			/* before it begins */
};

static const struct set {
	const char *name, *unit;
	struct heap *heaps;
	int nr_heaps;
	const struct row *rows;
	bool in_turns;
	bool noise;			/* stock2 says what that is */
	const char *thread;		/* whose CPU time counts; NULL: all of the kernel's */
	uint64_t (*write)(int buf);
	void (*before)(void);
	void (*after)(void);
} *set;

static uint64_t stop_ns;		/* when nothing is measured again */
static bool counts;			/* whether what is measured now does */
static const char *only_case, *only_heap, *only_size;

static int must_open(const char *name)
{
	char path[64];
	int heap;

	snprintf(path, sizeof(path), "/dev/dma_heap/%s", name);
	heap = open(path, O_RDWR | O_CLOEXEC);
	if (heap < 0)
		err(1, "%s", path);
	return heap;
}

static __always_inline int must_alloc(int heap, size_t len)
{
	int buf = heap_alloc(heap, len);

	if (buf < 0)
		err(1, "allocation of %zu bytes", len);
	return buf;
}

static void set_param(const char *name, const char *value)
{
	if (heap_set_param_text(name, value))
		err(1, HEAP_PARAMS "%s", name);
}

static struct heap_stats must_stats(void)
{
	struct heap_stats st;

	if (heap_stats_read(&st))
		errx(1, "%s: cannot be read, or is in another format", HEAP_STATS);
	return st;
}

/* ---- clocks ---- */

static bool clock_instructions;
static double ns_per_tick;	/* unit tsc: what the counter is multiplied by */
static double ticks_per_cpu_ns = 1;

static uint64_t timespec_ns(const struct timespec *ts)
{
	return ts->tv_sec * 1000000000ULL + ts->tv_nsec;
}

static __always_inline uint64_t counter(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t count;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r" (count) : : "memory");
	return count;
#else
	errx(1, "instructions can only be counted on x86 and arm64");
#endif
}

/* Now, in the unit chosen */
static __always_inline uint64_t now(void)
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
static void __attribute__((noinline)) spin(unsigned long rounds)
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

static uint64_t cpu_ns(clockid_t clock)
{
	struct timespec ts;

	return clock_gettime(clock, &ts) ? 0 : timespec_ns(&ts);
}

/*
 * Choose the unit: ns; tsc, which is ns by the counter, where a system call costs too
 * much to read the clock; or instructions. These only mean something where the counter
 * (x86: TSC, arm64: CNTVCT) counts them, as a loop of known length shows. The
 * scheduler's clock, in which CPU time is, runs on the counter there.
 */
static void clock_setup(const char *unit)
{
	const unsigned long rounds = 20000000;
	uint64_t ticks, ns;

	if (!strcmp(unit, "instructions")) {
		ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
		ticks = counter();
		spin(rounds);
		ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - ns;
		ticks = counter() - ticks;
		if (ticks < 1.96 * rounds || ticks > 2.04 * rounds)
			errx(1, "the counter counts %.3f, not 1 for an instruction; use -u ns",
			     ticks / (2.0 * rounds));
		clock_instructions = true;
		ticks_per_cpu_ns = (double)ticks / ns;
	} else if (!strcmp(unit, "tsc")) {
		ns = now();
		ticks = counter();
		usleep(200000);
		ticks = counter() - ticks;
		ns_per_tick = (double)(now() - ns) / ticks;
	} else if (strcmp(unit, "ns")) {
		errx(1, "unit %s: instructions, ns or tsc", unit);
	}
}

/* ---- CPU time ---- */

/* clock_getcpuclockid() for another process, which libc restricts to users */
static clockid_t cpu_clock(pid_t pid)
{
	return ((clockid_t)~pid << 3) | 2;
}

static clockid_t kthreads[1024];
static unsigned int nr_kthreads;

/*
 * Find the kernel thread @name, or all that exist now if that is NULL. They are the
 * children of kthreadd, which is process 2.
 */
static void find_kthreads(const char *name)
{
	char stat[512], *comm, *end;
	glob_t found;
	size_t i;
	int ppid;

	if (glob("/proc/[0-9]*/stat", GLOB_NOSORT, NULL, &found))
		err(1, "/proc");
	nr_kthreads = 0;
	for (i = 0; i < found.gl_pathc && nr_kthreads < ARRAY_SIZE(kthreads); i++) {
		if (read_text(found.gl_pathv[i], stat, sizeof(stat)) <= 0)
			continue;
		comm = strchr(stat, '(');
		end = strrchr(stat, ')');
		if (!comm || !end || sscanf(end + 1, " %*c %d", &ppid) != 1 || ppid != 2)
			continue;
		*end = '\0';
		if (!name || !strcmp(comm + 1, name))
			kthreads[nr_kthreads++] = cpu_clock(atoi(stat));
	}
	globfree(&found);
	if (name && !nr_kthreads)
		errx(1, "no thread %s", name);
}

/* What the kernel threads have used; the ones that were found */
static uint64_t kthreads_ns(void)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < nr_kthreads; i++)
		sum += cpu_ns(kthreads[i]);
	return sum;
}

/* ---- the state before a measurement ---- */

static void add(struct values *values, uint64_t v)
{
	if (counts && values->n < MAX_VALUES)
		values->v[values->n++] = v;
}

static bool is_pooled(const struct heap *heap)
{
	return !strcmp(heap->node, HEAP_NAME);
}

/*
 * Sleep for 1 to 5 ms, each time for another while. A timer tick costs as much as a
 * call. After pauses of one length, the calls of one heap could meet ticks again and
 * again, and those of another heap never.
 */
static void sleep_off_tick(void)
{
	static unsigned int calls;

	usleep(1000 + calls++ * 270 % 4000);
}

/*
 * Wait until the thread has zeroed what was freed, and sleeps. On the deterministic
 * machine time spent asleep costs nothing. It is the same for every heap: in real time
 * the state of caches is a good part.
 */
static void caught_up(void)
{
	if (!access(HEAP_STATS, R_OK) && heap_wait_idle())
		errx(1, "the thread did not catch up within 20 seconds");
	sleep_off_tick();
}

static void drained(const struct heap *heap)
{
	struct heap_stats st;

	if (is_pooled(heap) && !heap_drain_all(&st))
		errx(1, "the heap could not be drained");
	usleep(1000);
}

/* ---- a heap's turn ---- */

/*
 * One buffer; the thread sleeps.
 * ALLOC: allocate. USE: allocate, and write to all of it, if arg. CLOSE: close
 */
static void turn_alloc(struct heap *heap, const struct row *row)
{
	uint64_t t;
	int buf;

	t = now();
	buf = must_alloc(heap->fd, row->len);
	t = now() - t;
	add(&heap->values[ALLOC], t);
	if (row->arg)
		add(&heap->values[USE], t + set->write(buf));
	/* The allocation may have woken the thread */
	sleep_off_tick();
	t = now();
	close(buf);
	t = now() - t;
	add(&heap->values[CLOSE], t);
}

/*
 * Eight buffers in a row: the CPU caches what the calls need, unlike after a pause.
 * ALLOC: allocate one. CLOSE: close one
 */
static void turn_hot(struct heap *heap, const struct row *row)
{
	uint64_t t;
	int buf[8];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(buf); i++) {
		t = now();
		buf[i] = must_alloc(heap->fd, row->len);
		add(&heap->values[ALLOC], now() - t);
	}
	for (i = 0; i < ARRAY_SIZE(buf); i++) {
		t = now();
		close(buf[i]);
		add(&heap->values[CLOSE], now() - t);
	}
}

/*
 * One buffer; pool and queue are empty.
 * ALLOC: allocate
 */
static void turn_cold(struct heap *heap, const struct row *row)
{
	uint64_t t;
	int buf;

	drained(heap);
	t = now();
	buf = must_alloc(heap->fd, row->len);
	t = now() - t;
	add(&heap->values[ALLOC], t);
	close(buf);
}

/*
 * Twelve surfaces; pool and queue are empty, or dma-heap has filled the pool if arg.
 * ALLOC: allocate all
 */
static void turn_burst(struct heap *heap, const struct row *row)
{
	int surface[SURFACES], i;
	uint64_t t;

	drained(heap);
	if (row->arg && system("exec dma-heap fill 96M -s " HEAP_NAME " >/dev/null"))
		errx(1, "dma-heap fill failed");
	t = now();
	for (i = 0; i < SURFACES; i++)
		surface[i] = must_alloc(heap->fd, row->len);
	add(&heap->values[ALLOC], now() - t);
	for (i = 0; i < SURFACES; i++)
		close(surface[i]);
}

/*
 * Every arg ms, three buffers in flight.
 * USE: close the oldest, allocate the next and write to all of it
 */
static void turn_frames(struct heap *heap, const struct row *row)
{
	int i, buf[IN_FLIGHT], n = row->arg > 8 ? 16 : 40;
	uint64_t t;

	for (i = 0; i < IN_FLIGHT; i++) {
		buf[i] = must_alloc(heap->fd, row->len);
		set->write(buf[i]);
	}
	for (i = -2 * IN_FLIGHT; i < n; i++) {
		int *oldest = &buf[(i + 2 * IN_FLIGHT) % IN_FLIGHT];

		t = now();
		close(*oldest);
		*oldest = must_alloc(heap->fd, row->len);
		t = now() - t;
		t += set->write(*oldest);
		if (i >= 0)
			add(&heap->values[USE], t);
		usleep(row->arg * 1000);
	}
	for (i = 0; i < IN_FLIGHT; i++)
		close(buf[i]);
}

/* A block is, from 1 MiB on, more than a queue of usual size takes */
static int nr_pairs(size_t len)
{
	return len > 8 * MIB ? 24 : len > MIB ? 64 : len > 64 * KIB ? 400 : 3000;
}

/*
 * A block of pairs: allocate and close back to back, until the queue is empty again.
 * LOOP: a pair, as the application waits for it, each of them if arg. SELF, THREAD: CPU
 * time of application and thread for a pair. PAIR: both
 */
static void turn_pairs(struct heap *heap, const struct row *row)
{
	int i, n = nr_pairs(row->len);
	uint64_t kernel, self, t;

	find_kthreads(set->thread);
	kernel = kthreads_ns();
	self = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	if (row->arg) {
		for (i = 0; i < n; i++) {
			t = now();
			close(must_alloc(heap->fd, row->len));
			add(&heap->values[LOOP], now() - t);
		}
	} else {
		t = now();
		for (i = 0; i < n; i++)
			close(must_alloc(heap->fd, row->len));
		t = now() - t;
		add(&heap->values[LOOP], t / n);
	}
	self = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - self;
	caught_up();
	kernel = kthreads_ns() - kernel;
	add(&heap->values[SELF], self / n);
	add(&heap->values[THREAD], kernel / n);
	add(&heap->values[PAIR], (self + kernel) * ticks_per_cpu_ns / n);
}

/* Pairs of all tasks, and whether the other one is to go on */
static volatile struct {
	uint64_t pairs;
	bool go;
} *other;

/* This task is on the first processor, the other one on the second. */
static pid_t start_other(int heap, size_t len)
{
	cpu_set_t cpus;
	pid_t pid;

	other->pairs = 0;
	other->go = true;
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid)
		return pid;
	CPU_ZERO(&cpus);
	CPU_SET(1, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		err(1, "sched_setaffinity");
	while (other->go) {
		close(must_alloc(heap, len));
		other->pairs++;
	}
	_exit(0);
}

/*
 * Blocks of some time, the first of which does not count: arg tasks allocate and close
 * back to back.
 * LOOP: a pair. HELD: bytes that the heap holds at the end. THREAD: CPU time of the
 * heap's thread for a pair
 */
static void turn_loop(struct heap *heap, const struct row *row)
{
	uint64_t used = kthreads_ns(), start, pairs, total = 0, t;
	pid_t pid = row->arg > 1 ? start_other(heap->fd, row->len) : 0;
	int block, status = 0;

	for (block = -1; block < 4; block++) {
		start = now();
		pairs = -other->pairs;
		do {
			close(must_alloc(heap->fd, row->len));
			pairs++;
			t = now() - start;
		} while (t < BLOCK_NS);
		total += pairs;
		pairs += other->pairs;
		if (block >= 0)
			add(&heap->values[LOOP], t * row->arg / pairs);
	}
	if (is_pooled(heap) && !pid) {
		add(&heap->values[HELD], file_value(HEAP_STATS, "queue_bytes") +
					 file_value(HEAP_STATS, "pool_bytes"));
		caught_up();
		add(&heap->values[THREAD], (kthreads_ns() - used) / total);
	}
	other->go = false;
	if (pid && (waitpid(pid, &status, 0) < 0 || status))
		errx(1, "the other task failed");
	other->pairs = 0;
}

/*
 * The surfaces of a window system, each of three buffers: a full-screen one, windows,
 * a status bar, icons, a cursor. A burst creates, resizes and releases some of them.
 */
#define NR_BURSTS	24
#define BURST_EVENTS	6

static unsigned int rnd(unsigned int *state, unsigned int below)
{
	return next_random(state) % below;
}

static size_t surface_size(unsigned int *state)
{
	static const struct {
		unsigned int width, height;
	} shape[] = {
		{ 1080, 2400 }, { 2400, 1080 }, { 1080, 1200 }, { 900, 700 },
		{ 1080, 96 }, { 1080, 144 }, { 512, 512 }, { 192, 192 },
		{ 96, 96 }, { 64, 64 }, { 32, 32 },
	};
	unsigned int i = rnd(state, ARRAY_SIZE(shape));

	return (size_t)shape[i].width * shape[i].height * 4;
}

static void release_surface(int *surface)
{
	int i;

	for (i = 0; i < 3; i++) {
		if (surface[i] >= 0)
			close(surface[i]);
		surface[i] = -1;
	}
}

/*
 * A trace, the same in each pass: arg is where its random numbers begin.
 * LOOP: its bursts
 */
static void turn_mix(struct heap *heap, const struct row *row)
{
	int surface[SURFACES][3], burst, event, i, j;
	unsigned int state = row->arg;
	uint64_t t, sum = 0;
	size_t len;
	bool make;

	memset(surface, -1, sizeof(surface));
	for (burst = 0; burst <= NR_BURSTS; burst++) {
		t = now();
		for (event = 0; event < BURST_EVENTS; event++) {
			make = rnd(&state, 4) != 0;
			len = surface_size(&state);
			i = rnd(&state, SURFACES);
			release_surface(surface[i]);
			for (j = 0; make && j < 3; j++)
				surface[i][j] = must_alloc(heap->fd, len);
		}
		for (i = 0; burst == NR_BURSTS && i < SURFACES; i++)
			release_surface(surface[i]);
		sum += now() - t;
		/* Some bursts follow each other closely. */
		usleep(rnd(&state, 3) ? 50000 : 1000);
	}
	add(&heap->values[LOOP], sum);
}

/* ---- ways to write to a buffer; both return what that took ---- */

/* A word to each cache line through the kernel's mapping, system calls aside */
static uint64_t write_lines(int buf)
{
	char text[24];

	snprintf(text, sizeof(text), "%d", buf);
	if (write_text(HEAP_WRITE, text) || read_text(HEAP_WRITE, text, sizeof(text)) < 0)
		err(1, HEAP_WRITE);
	return strtoull(text, NULL, 10);
}

/* Every byte, and what it takes to map them */
static uint64_t map_and_write(int buf)
{
	size_t len = buf_size(buf);
	uint64_t start = now();
	char *p = buf_map(buf, len);

	if (!p)
		err(1, "mmap of %zu bytes", len);
	memset(p, 0xa5, len);
	munmap(p, len);
	return now() - start;
}

/* ---- a row ---- */

static void take_turn(struct heap *heap, const struct row *row, int at, bool warm)
{
	int i = row->samples[at] ? -2 : 0, n = row->samples[at] ?: 1;

	if (heap->param)
		set_param(heap->param, heap->value);
	for (; i < n; i++) {
		counts = !warm && i >= 0;
		caught_up();
		row->turn(heap, row);
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void measure_once(const struct row *row, int at, struct heap *heaps, int n)
{
	struct values *v;
	int round, i, f;

	for (i = 0; i < n; i++) {
		heaps[i].values = all_values[i];
		for (f = 0; f < NR_FIGURES; f++)
			all_values[i][f].n = 0;
	}
	for (round = 0; round < row->warm + row->rounds[at]; round++)
		for (i = 0; i < n; i++)
			take_turn(&heaps[(i + round) % n], row, at, round < row->warm);
	caught_up();
	for (i = 0; i < n; i++) {
		for (f = 0; f < NR_FIGURES; f++) {
			v = &all_values[i][f];
			qsort(v->v, v->n, sizeof(*v->v), compare);
		}
	}
}

/* The nearest rank, so that it is a value that occurred */
static unsigned long long percentile(const struct values *values, int percent)
{
	int rank = (values->n * percent + 99) / 100;

	return values->v[rank > 0 ? rank - 1 : 0];
}

/* stock2 / stock, or 0 where only the pooled heap has such a figure */
static double noise_of(const struct heap *heaps, int figure)
{
	const struct values *stock = &heaps[STOCK].values[figure];

	if (!stock->n)
		return 0;
	return (double)percentile(&heaps[STOCK2].values[figure], 50) / percentile(stock, 50);
}

static bool quiet(const struct row *row, const struct heap *heaps)
{
	double noise;
	int f;

	for (f = 0; set->noise && f < NR_FIGURES; f++) {
		noise = noise_of(heaps, f);
		if (row->figure[f].name && noise && (noise < 0.97 || noise > 1.03))
			return false;
	}
	return true;
}

static void print(const struct row *row, const struct heap *heaps, int f, int heap)
{
	const struct values *v = &heaps[heap].values[f];
	double sum = 0;
	int i;

	if (!row->figure[f].name || !v->n)
		return;
	for (i = 0; i < v->n; i++)
		sum += v->v[i];
	putchar('{');
	if (*row->figure[f].name)
		printf("\"case\":\"%s\",", row->figure[f].name);
	printf("\"op\":\"%s\",\"heap\":\"%s\",\"size\":%zu,\"n\":%d,\"p50\":%llu,",
	       row->figure[f].op, heaps[heap].name, row->len, v->n, percentile(v, 50));
	if (set->noise)
		printf("\"p10\":%llu,\"p90\":%llu,\"mean\":%.0f,\"noise\":%.3f}\n",
		       percentile(v, 10), percentile(v, 90), sum / v->n,
		       noise_of(heaps, f));
	else
		printf("\"p99\":%llu,\"mean\":%.0f}\n", percentile(v, 99), sum / v->n);
}

static void measure(const struct row *row, int at, struct heap *heaps, int n)
{
	int f, i, tries = 0;

	do {
		measure_once(row, at, heaps, n);
	} while (!quiet(row, heaps) && ++tries < TRIES && now() < stop_ns);
	for (f = 0; f < NR_FIGURES; f++)
		for (i = 0; i < n; i++)
			print(row, heaps, f, i);
}

/* ---- the rows that are asked for ---- */

/* Whether @name is in @list, which has commas; no list has everything */
static bool in_list(const char *list, const char *name)
{
	char all[256], one[64];

	snprintf(all, sizeof(all), ",%s,", list ?: name);
	snprintf(one, sizeof(one), ",%s,", name);
	return strstr(all, one);
}

/* A trace has no size. */
static bool wanted_size(size_t len)
{
	char text[24];

	snprintf(text, sizeof(text), "%zu", len);
	return !len || in_list(only_size, text);
}

/* A turn measures, and prints, all of its figures. */
static bool wanted(const struct row *row)
{
	int f;

	for (f = 0; f < NR_FIGURES; f++)
		if (row->figure[f].name && in_list(only_case, row->figure[f].name))
			return true;
	return false;
}

/* How many of the heaps, of which only the last may be empty, fit the row */
static int nr_fit(const struct row *row, const struct heap *heaps, int n)
{
	if (row->needs == POOL && !is_pooled(&heaps[0]))
		return 0;
	return n - (row->needs == PAGES && !strcmp(heaps[n - 1].name, "empty"));
}

static void measure_heaps(struct heap *heaps, int n)
{
	const struct row *rows = set->rows;
	struct row row;
	int at, i, fit;

	for (i = 0; i < n; i++)
		heaps[i].fd = must_open(heaps[i].node);
	for (at = 0; at <= NR_SIZES; at++) {
		for (i = 0; rows[i].turn; i++) {
			row = rows[i];
			if (at < NR_SIZES)
				row.len = sizes[at];
			fit = nr_fit(&row, heaps, n);
			if (!row.rounds[at] || !wanted(&row) || !wanted_size(row.len) || !fit)
				continue;
			if (row.drain)
				drained(&heaps[n == 1 ? 0 : SYSTEM]);
			measure(&row, at, heaps, fit);
		}
	}
	for (i = 0; i < n; i++)
		close(heaps[i].fd);
}

static void measure_set(void)
{
	int i;

	if (set->in_turns) {
		measure_heaps(set->heaps, set->nr_heaps);
		return;
	}
	for (i = 0; i < set->nr_heaps; i++)
		if (in_list(only_heap, set->heaps[i].name))
			measure_heaps(&set->heaps[i], 1);
}

/* ---- make bench ---- */

static struct heap bench_heaps[] = {
	{ .name = "system", .node = HEAP_NAME },
	{ .name = "stock", .node = HEAP_STOCK },
	{ .name = "empty", .node = "empty" },
};

static const struct row bench_rows[] = {
	{
		turn_alloc, .warm = 3, .rounds = { 401, 401, 201, 61, 31 }, .drain = true,
		.figure = { [ALLOC] = { "warm", "alloc" }, [CLOSE] = { "close", "close" } },
	}, {
		turn_cold, .warm = 2, .rounds = { 101, 101, 101, 31, 21 }, .needs = PAGES,
		.figure = { [ALLOC] = { "cold", "alloc" } },
	}, {
		turn_pairs, .warm = 1, .rounds = { 7, 7, 7, 7, 7 },
		.figure = { [PAIR] = { "churn", "pair" }, [LOOP] = { "churn", "loop" } },
	}, {
		turn_burst, .rounds[NR_SIZES] = 5, .len = 8 * MIB, .needs = PAGES,
		.figure = { [ALLOC] = { "burst", "alloc" } },
	}, {
		turn_burst, .rounds[NR_SIZES] = 5, .len = 8 * MIB, .needs = POOL,
		.figure = { [ALLOC] = { "filled", "alloc" } }, .arg = true,
	}, {}
};

/* ---- make bench-native ---- */

static struct heap native_heaps[] = {
	[STOCK] = { .name = "stock", .node = HEAP_STOCK },
	[SYSTEM] = { .name = "system", .node = HEAP_NAME },
	[STOCK2] = { .name = "stock2", .node = "stock2" },
	[EMPTY] = { .name = "empty", .node = "empty" },
};

/* The pool is empty before the rounds of a size. */
#define EACH_SIZE	.rounds = { 5, 5, 5, 5, 5 }, .drain = true
#define SAMPLES		.samples = { 24, 24, 24, 10, 6 }

static const struct row native_rows[] = {
	{
		turn_alloc, EACH_SIZE, SAMPLES,
		.figure = { [ALLOC] = { "alloc", "alloc" }, [CLOSE] = { "close", "close" } },
	}, {
		turn_hot, EACH_SIZE, .samples = { 4, 4, 4, 4, 4 },
		.figure = { [ALLOC] = { "hot", "alloc" }, [CLOSE] = { "hot", "close" } },
	}, {
		turn_alloc, EACH_SIZE, SAMPLES, .arg = true,
		.figure = { [USE] = { "write", "write" } }, .needs = PAGES,
	}, {
		turn_frames, EACH_SIZE, .arg = 4, .needs = PAGES,
		.figure = { [USE] = { "frames", "4ms" } },
	}, {
		turn_frames, EACH_SIZE, .arg = 16, .needs = PAGES,
		.figure = { [USE] = { "frames", "16ms" } },
	}, {
		turn_loop, EACH_SIZE, .arg = 1,
		.figure = { [LOOP] = { "loop", "loop" }, [HELD] = { "held", "bytes" },
			    [THREAD] = { "thread", "cpu" } },
	}, {
		turn_loop, EACH_SIZE, .arg = 2,
		.figure = { [LOOP] = { "loop2", "loop2" } },
	}, {
		turn_mix, .rounds[NR_SIZES] = 5, .arg = 20201217, .needs = PAGES,
		.figure = { [LOOP] = { "mix", "mix" } },
	}, {}
};

/* The guest's memory is a file of the host, whose pages come with their first use. */
static void touch_memory(void)
{
	static int bufs[1024];
	int heap = must_open(HEAP_STOCK);
	unsigned int n = 0;

	while (n < ARRAY_SIZE(bufs) && file_value("/proc/meminfo", "MemFree") > 96 * 1024)
		bufs[n++] = must_alloc(heap, 8 * MIB);
	while (n)
		close(bufs[--n]);
	close(heap);
}

static void native_before(void)
{
	set_param("zero_method", "direct");
	other = mmap(NULL, sizeof(*other), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (other == MAP_FAILED)
		err(1, "mmap");
	touch_memory();
	stop_ns = now() + 100000000000ULL;
}

/* ---- make try ---- */

static struct heap try_heaps[] = {
	[STOCK] = { .name = "stock", .node = HEAP_STOCK },
	[VMAP] = { "vmap", HEAP_NAME, "zero_method", "vmap", 0, NULL },
	[DIRECT] = { "direct", HEAP_NAME, "zero_method", "direct", 0, NULL },
};

/* Fewer than 101 have no 99th percentile. */
static const struct row try_rows[] = {
	{
		turn_alloc, .warm = 3, .rounds = { 401, 401, 201, 101, 101 }, .arg = true,
		.figure = { [ALLOC] = { "", "alloc" }, [USE] = { "", "use" },
			    [CLOSE] = { "", "close" } },
	}, {
		turn_frames, .rounds = { 3, 3, 3, 3, 3 }, .arg = 4,
		.figure = { [USE] = { "", "frame" } },
	}, {
		turn_pairs, .warm = 1, .rounds = { 7, 7, 7, 7, 7 }, .arg = true,
		.figure = { [LOOP] = { "", "loop" }, [SELF] = { "", "self" },
			    [THREAD] = { "", "thread" } },
	}, {}
};

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
		errx(1, "the clock of this machine moves in steps of %llu ns",
		     (unsigned long long)least);
}

static void try_before(void)
{
	struct heap_stats st;

	check_clock();
	st = must_stats();
	if (!st.pool_limit_bytes || !st.queue_limit_bytes)
		errx(1, "pooling is off: pool_limit_mb or queue_limit_mb is 0");
	printf("limits %lld %lld\n", st.pool_limit_bytes, st.queue_limit_bytes);
}

/* Read all of a new buffer, and fill it for the next owner to find. */
static void check_buffer(int heap, size_t len)
{
	int buf = must_alloc(heap, len);
	long long at = buf_check_and_soil(buf);

	if (at == -2)
		err(1, "mmap of %zu bytes", len);
	if (at >= 0)
		errx(1, "STALE DATA: byte %lld of a buffer of %zu bytes was not zeroed",
		     at, len);
	close(buf);
}

/*
 * Check buffers of all sizes; the first ones of a size after the thread has zeroed the
 * last one. Returns the bytes read, and the statistics before and after.
 */
static long long check(const struct heap *heap, int rounds, struct heap_stats *before,
		       struct heap_stats *after)
{
	int fd = must_open(heap->node), round, i;
	long long bytes = 0;

	*before = must_stats();
	for (i = 0; i < NR_SIZES; i++) {
		for (round = 0; round < rounds; round++) {
			check_buffer(fd, sizes[i]);
			bytes += sizes[i];
			if (round < 4)
				caught_up();
		}
	}
	*after = must_stats();
	if (heap_hit_bytes(after) == heap_hit_bytes(before))
		errx(1, "nothing was taken from the pool");
	close(fd);
	return bytes;
}

static void try_after(void)
{
	struct heap_stats before, after;
	const struct heap *heap;
	long long bytes;

	for (heap = &try_heaps[VMAP]; heap <= &try_heaps[DIRECT]; heap++) {
		set_param(heap->param, heap->value);
		bytes = check(heap, 8, &before, &after);
		printf("checked %s %lld %lld\n", heap->name, bytes,
		       heap_hit_bytes(&after) - heap_hit_bytes(&before));
	}
}

/* ---- make run ---- */

static struct heap run_heaps[] = {
	[STOCK] = { .name = "stock", .node = HEAP_STOCK },
	[SYSTEM] = { .name = "system", .node = HEAP_NAME },
};

static const struct row run_rows[] = {
	{
		turn_alloc, .warm = 3, .rounds = { 31, 31, 31, 31, 31 },
		.figure = { [ALLOC] = { "warm", "alloc" }, [CLOSE] = { "close", "close" } },
	}, {}
};

/* Where there is no other heap, ours without its pool is the stock one. */
static void run_before(void)
{
	static char limit[16];

	if (strcmp(HEAP_STOCK, HEAP_NAME))
		return;
	snprintf(limit, sizeof(limit), "%ld", heap_param("pool_limit_mb"));
	run_heaps[STOCK].param = "pool_limit_mb";
	run_heaps[STOCK].value = "0";
	run_heaps[SYSTEM].param = "pool_limit_mb";
	run_heaps[SYSTEM].value = limit;
}

static void run_after(void)
{
	struct heap_stats before, st;
	int i;

	check(&run_heaps[SYSTEM], 3, &before, &st);
	printf("\nEvery byte of every reused buffer, after it had been filled with 0xa5,\n"
	       "was zero again (%d sizes, %lld MiB taken from the pool).\n", NR_SIZES,
	       (heap_hit_bytes(&st) - heap_hit_bytes(&before)) >> 20);
	printf("\nThe pool has %lld of at most %lld MiB, and %lld MiB wait to be zeroed.\n\n",
	       st.pool_bytes >> 20, st.pool_limit_bytes >> 20, st.queue_bytes >> 20);
	printf("%10s %10s %10s %10s\n", "pages of", "cached", "hits", "misses");
	for (i = 0; i < NR_HEAP_ORDERS; i++) {
		const struct heap_order *o = &st.order[i];

		printf("%6zu KiB %10lld %10lld %10lld\n", (PAGE_BYTES << o->order) >> 10,
		       o->cached, o->hits, o->misses);
	}
}

/* ---- what all have in common ---- */

static const struct set sets[] = {
	{
		.name = "bench", .unit = "instructions", .rows = bench_rows,
		.heaps = bench_heaps, .nr_heaps = ARRAY_SIZE(bench_heaps),
	}, {
		.name = "native", .unit = "tsc", .rows = native_rows, .in_turns = true,
		.heaps = native_heaps, .nr_heaps = ARRAY_SIZE(native_heaps), .noise = true,
		.thread = THREAD_NAME, .write = write_lines, .before = native_before,
	}, {
		.name = "try", .unit = "ns", .rows = try_rows, .in_turns = true,
		.heaps = try_heaps, .nr_heaps = ARRAY_SIZE(try_heaps),
		.thread = THREAD_NAME, .write = map_and_write, .before = try_before,
		.after = try_after,
	}, {
		.name = "run", .unit = "instructions", .rows = run_rows,
		.heaps = run_heaps, .nr_heaps = ARRAY_SIZE(run_heaps),
		.before = run_before, .after = run_after,
	},
};

int main(int argc, char **argv)
{
	const char *unit = NULL;
	unsigned int i;
	int opt;

	while ((opt = getopt(argc, argv, "u:c:h:s:")) >= 0) {
		if (opt == 'u')
			unit = optarg;
		else if (opt == 'c')
			only_case = optarg;
		else if (opt == 'h')
			only_heap = optarg;
		else if (opt == 's')
			only_size = optarg;
		else
			return 1;
	}
	for (i = 0; i < ARRAY_SIZE(sets) && optind == argc - 1; i++)
		if (!strcmp(argv[optind], sets[i].name))
			set = &sets[i];
	if (!set)
		errx(1, "usage: heap-bench [-u instructions|ns|tsc] [-c CASE,...] [-h HEAP,...]\n"
		     "       [-s BYTES,...] bench|native|try|run");

	/* What is printed is in the order in which it happens, errors included. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (asprintf(&program_invocation_short_name, "heap-%s", set->name) < 0)
		err(1, "memory");
	/* No page fault of ours in a measurement */
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		err(1, "mlockall");
	clock_setup(unit ?: set->unit);
	if (set->thread)
		find_kthreads(set->thread);
	if (set->before)
		set->before();
	measure_set();
	if (set->after)
		set->after();
	return 0;
}
