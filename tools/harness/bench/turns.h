/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What heap-bench measures: what a heap does in its turn
 *
 * The last lines of each turn_...() comment name the figures of that turn, in the unit of
 * the clock. CPU time on a real machine is in nanoseconds.
 */
#ifndef _BENCH_TURNS_H
#define _BENCH_TURNS_H

#include <sched.h>

#include "clock.h"

#define HEAP_STATS	HEAP_DEBUGFS "stats"
#define HEAP_WRITE	"/sys/kernel/debug/heap_write"

#define NR_SIZES	5
#define MAX_VALUES	512
#define IN_FLIGHT	3
#define BLOCK_NS	40000000

/* What a turn can measure */
enum { ALLOC, USE, CLOSE, LOOP, HELD, THREAD, NR_FIGURES };

struct values {
	uint64_t v[MAX_VALUES];
	int n;
};

struct heap {
	const char *name;		/* in the output */
	const char *node;
	const char *method;		/* to set before a turn */
	int fd;
	struct values *values;
};

struct row {
	void (*turn)(struct heap *heap, const struct row *row);
	/* What is printed of a turn's figures */
	struct {
		const char *name, *op;
	} figure[NR_FIGURES];
	int warm;			/* rounds that do not count */
	int rounds[NR_SIZES];
	int samples[NR_SIZES];		/* in a turn, after two that do not count */
	size_t len;
	unsigned int arg;
	bool pages;			/* needs a heap with pages */
	bool cold;			/* drain before each buffer */
};

struct set {
	const char *name, *unit;
	struct heap *heaps;
	int nr_heaps;
	const struct row *rows;
	const char *cases;		/* of the rows; NULL: all */
	bool in_turns;
	bool noise;			/* measured with stock2 */
	bool drain;			/* before the rounds of a size */
	uint64_t (*write)(int buf);
	void (*before)(void);
};

static const struct set *set;
static bool counts;		/* whether values are recorded now */

static int must_open(const char *name)
{
	int heap = heap_open_name(name);

	if (heap < 0)
		err(1, "/dev/dma_heap/%s", name);
	return heap;
}

static __always_inline int must_alloc(int heap, size_t len)
{
	int buf = heap_alloc(heap, len);

	if (buf < 0)
		err(1, "allocation of %zu bytes", len);
	return buf;
}

static void set_method(const char *method)
{
	if (heap_set_param_text("zero_method", method))
		err(1, HEAP_PARAMS "zero_method");
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
 * Sleep for 1 to 5 ms, for a different time each call. A timer tick costs as much as a
 * call. After pauses of one length, the calls of one heap could meet ticks again and
 * again, and those of another heap never.
 */
static void sleep_off_tick(void)
{
	static unsigned int calls;

	usleep(1000 + calls++ * 270 % 4000);
}

/*
 * Wait until the thread has zeroed the queue, and sleeps. On the machine that counts
 * instructions sleeping costs nothing. Each heap sleeps before a sample: in real time the
 * state of the CPU's caches is much of the cost.
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
 * One buffer; the thread sleeps. If the row is cold, pool and queue are empty.
 * ALLOC: allocate. USE: allocate, and write to all of it, if arg. CLOSE: close
 */
static void turn_alloc(struct heap *heap, const struct row *row)
{
	uint64_t t;
	int buf;

	if (row->cold)
		drained(heap);
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
 * A frame every arg ms, with three buffers in flight.
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

/* From 1 MiB on, a block is more than a queue of the usual size takes */
static int nr_pairs(size_t len)
{
	return len > 8 * MIB ? 24 : len > MIB ? 64 : len > 64 * KIB ? 400 : 3000;
}

/*
 * A block of pairs, allocated and closed back to back. It ends when the queue is empty again.
 * LOOP: CPU time of the application and of all kernel threads for a pair
 */
static void turn_pairs(struct heap *heap, const struct row *row)
{
	int i, n = nr_pairs(row->len);
	uint64_t kernel, self;

	find_kthreads(NULL);
	kernel = kthreads_ns();
	self = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	for (i = 0; i < n; i++)
		close(must_alloc(heap->fd, row->len));
	self = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - self;
	caught_up();
	kernel = kthreads_ns() - kernel;
	add(&heap->values[LOOP], (self + kernel) * ticks_per_cpu_ns / n);
}

/* Pairs of the other task, and whether it should go on */
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
 * Blocks of BLOCK_NS, the first of which does not count. In each, arg tasks allocate
 * and close back to back.
 * LOOP: a pair. HELD: bytes that the heap holds at the end. THREAD: CPU time of the
 * heap's thread for a pair
 */
static void turn_loop(struct heap *heap, const struct row *row)
{
	uint64_t used = kthreads_ns(), start, pairs, total = 0, t;
	pid_t pid = row->arg > 1 ? start_other(heap->fd, row->len) : 0;
	int block;

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
		add(&heap->values[HELD], heap_held());
		caught_up();
		add(&heap->values[THREAD], (kthreads_ns() - used) / total);
	}
	other->go = false;
	if (pid && wait_child(pid))
		errx(1, "the other task failed");
	other->pairs = 0;
}

/*
 * The surfaces of a window system, each of three buffers: a full-screen one, windows,
 * a status bar, icons, a cursor. A burst creates, resizes and releases some of them.
 * The trace is the same in each pass.
 * LOOP: its bursts
 */
static void turn_mix(struct heap *heap, const struct row *row)
{
	static const unsigned int shape[][2] = {
		{ 1080, 2400 }, { 2400, 1080 }, { 1080, 1200 }, { 900, 700 }, { 1080, 96 },
		{ 1080, 144 }, { 512, 512 }, { 192, 192 }, { 96, 96 }, { 64, 64 }, { 32, 32 },
	};
	int buf[12 * IN_FLIGHT], burst, event, i, j;
	unsigned int rnd = row->arg, make;
	uint64_t t, sum = 0;
	size_t len;

	memset(buf, -1, sizeof(buf));
	for (burst = 0; burst < 24; burst++) {
		t = now();
		for (event = 0; event < 6; event++) {
			make = next_random(&rnd) % 4;
			i = next_random(&rnd) % ARRAY_SIZE(shape);
			len = 4UL * shape[i][0] * shape[i][1];
			i = next_random(&rnd) % 12 * IN_FLIGHT;
			for (j = i; j < i + IN_FLIGHT; j++)
				close(buf[j]);
			for (j = i; j < i + IN_FLIGHT; j++)
				buf[j] = make ? must_alloc(heap->fd, len) : -1;
		}
		sum += now() - t;
		/* Some bursts follow each other closely. */
		usleep(next_random(&rnd) % 3 ? 50000 : 1000);
	}
	for (j = 0; j < 12 * IN_FLIGHT; j++)
		close(buf[j]);
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

#endif
