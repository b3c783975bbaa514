// SPDX-License-Identifier: GPL-2.0
/*
 * The pooled heap beside the kernel's own in real time, for make bench-native: the
 * heaps in turn, in rounds that begin with another one each time. A second instance
 * of the kernel's own heap says what noise is: a row is measured again, a few times,
 * until the two are within 3 %.
 *
 *   alloc    allocate, the thread asleep
 *   write    the same, and a word to each cache line through the kernel's mapping
 *   close    drop the last reference, the thread asleep
 *   frames   of three buffers close the oldest, allocate and write the next, sleep
 *            4 ms, or 16 ms
 *   loop     allocate and close back to back, a pair of it
 *   loop2    the same by two tasks at once
 *   mix      a pass of a window system's trace, without its pauses
 * and of the pooled heap's loop:
 *   held     bytes that the heap holds at the end of it
 *   thread   CPU time of the heap's thread for a buffer
 *
 * Output, in ns or bytes:
 *   native <case> <op> <heap> <size> <n> <p50> <p10> <p90> <mean> <noise>
 * where noise is stock2 / stock, or 0 where there is no such thing.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/wait.h>

#include "bench.h"

#define WRITE		"/sys/kernel/debug/heap_write"
#define ROUNDS		5
#define TRIES		3
#define PER_ROUND	64	/* samples of a row, at most */
#define IN_FLIGHT	3
#define BLOCK_NS	40000000

enum { STOCK, SYSTEM, STOCK2, EMPTY, NR_HEAPS };
static const char * const names[] = { "stock", "system", "stock2", "empty" };

static int heaps[NR_HEAPS], nr_heaps;
static clockid_t thread;
static uint64_t stop_ns;		/* when nothing is measured again */

/* What rows have in common: a heap's samples of all rounds */
struct values {
	uint64_t v[ROUNDS * PER_ROUND];
	int n;
};

static struct values took[NR_HEAPS], took_close[NR_HEAPS], held, cpu;

static void add(struct values *values, uint64_t v)
{
	if (values->n < ROUNDS * PER_ROUND)
		values->v[values->n++] = v;
}

/* Through the kernel's mapping; what that took, system calls aside */
static uint64_t write_lines(int buf)
{
	char text[24];

	snprintf(text, sizeof(text), "%d", buf);
	must_write(WRITE, text);
	must_read(WRITE, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

/* ---- a heap's turn in a row ---- */

static int nr_samples(size_t len)
{
	return len >= 32 * MIB ? 6 : len >= 8 * MIB ? 10 : 24;
}

static void turn_alloc(int heap, size_t len, int unused)
{
	int i, buf;
	uint64_t t;

	for (i = -2; i < nr_samples(len); i++) {
		caught_up();
		t = now();
		buf = must_alloc(heaps[heap], len);
		t = now() - t;
		if (i >= 0)
			add(&took[heap], t);
		usleep(1000);
		t = now();
		close(buf);
		t = now() - t;
		if (i >= 0)
			add(&took_close[heap], t);
	}
}

static void turn_write(int heap, size_t len, int unused)
{
	int i, buf;
	uint64_t t;

	for (i = -2; i < nr_samples(len); i++) {
		caught_up();
		t = now();
		buf = must_alloc(heaps[heap], len);
		t = now() - t;
		t += write_lines(buf);
		if (i >= 0)
			add(&took[heap], t);
		close(buf);
	}
}

static void turn_frames(int heap, size_t len, int pause_ms)
{
	int i, buf[IN_FLIGHT], n = pause_ms > 8 ? 16 : 40;
	uint64_t t;

	for (i = 0; i < IN_FLIGHT; i++) {
		buf[i] = must_alloc(heaps[heap], len);
		write_lines(buf[i]);
	}
	for (i = -2 * IN_FLIGHT; i < n; i++) {
		int *oldest = &buf[(i + 2 * IN_FLIGHT) % IN_FLIGHT];

		t = now();
		close(*oldest);
		*oldest = must_alloc(heaps[heap], len);
		t = now() - t;
		t += write_lines(*oldest);
		if (i >= 0)
			add(&took[heap], t);
		usleep(pause_ms * 1000);
	}
	for (i = 0; i < IN_FLIGHT; i++)
		close(buf[i]);
}

/* Pairs of all tasks, and whether the other one is to go on */
static volatile struct {
	uint64_t pairs;
	bool go;
} *other;

static void run_on(int cpu_nr)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu_nr, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("sched_setaffinity: %s", strerror(errno));
}

static pid_t start_other(int heap, size_t len)
{
	pid_t pid;

	other->pairs = 0;
	other->go = true;
	fflush(stdout);
	run_on(1);
	pid = fork();
	if (pid < 0)
		fail("fork: %s", strerror(errno));
	if (pid) {
		run_on(0);
		return pid;
	}
	while (other->go) {
		close(must_alloc(heaps[heap], len));
		other->pairs++;
	}
	_exit(0);
}

/* The first block does not count */
static void turn_loop(int heap, size_t len, int tasks)
{
	uint64_t start = now(), used = cpu_ns(thread), pairs, total = 0, t;
	pid_t pid = tasks > 1 ? start_other(heap, len) : 0;
	int block, status = 0;

	for (block = -1; block < 4; block++) {
		start = now();
		pairs = -other->pairs;
		do {
			close(must_alloc(heaps[heap], len));
			pairs++;
			t = now() - start;
		} while (t < BLOCK_NS);
		total += pairs;
		pairs += other->pairs;
		if (block >= 0)
			add(&took[heap], t * tasks / pairs);
	}
	if (heap == SYSTEM && tasks == 1) {
		add(&held, file_value(HEAP_STATS, "queue_bytes") +
			   file_value(HEAP_STATS, "pool_bytes"));
		caught_up();
		add(&cpu, (cpu_ns(thread) - used) / total);
	}
	other->go = false;
	if (pid && (waitpid(pid, &status, 0) < 0 || status))
		fail("the other task failed");
	other->pairs = 0;
}

/*
 * The surfaces of a window system, each of three buffers: a full-screen one, windows,
 * a status bar, icons, a cursor. A burst creates, resizes and releases some of them.
 */
#define NR_SURFACES	12
#define NR_BURSTS	24
#define BURST_EVENTS	6

static unsigned int rnd_state;

static unsigned int rnd(unsigned int below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 17;
	rnd_state ^= rnd_state << 5;
	return rnd_state % below;
}

static size_t surface_size(void)
{
	static const struct {
		unsigned int width, height;
	} shape[] = {
		{ 1080, 2400 }, { 2400, 1080 }, { 1080, 1200 }, { 900, 700 },
		{ 1080, 96 }, { 1080, 144 }, { 512, 512 }, { 192, 192 },
		{ 96, 96 }, { 64, 64 }, { 32, 32 },
	};
	unsigned int i = rnd(ARRAY_SIZE(shape));

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

/* The trace is the same in each pass. Only its bursts are measured. */
static void turn_mix(int heap, size_t len, int unused)
{
	int surface[NR_SURFACES][3], burst, event, i, j;
	uint64_t t, sum = 0;
	bool make;

	memset(surface, -1, sizeof(surface));
	rnd_state = 20201217;
	for (burst = 0; burst <= NR_BURSTS; burst++) {
		t = now();
		for (event = 0; event < BURST_EVENTS; event++) {
			make = rnd(4) != 0;
			len = surface_size();
			i = rnd(NR_SURFACES);
			release_surface(surface[i]);
			for (j = 0; make && j < 3; j++)
				surface[i][j] = must_alloc(heaps[heap], len);
		}
		for (i = 0; burst == NR_BURSTS && i < NR_SURFACES; i++)
			release_surface(surface[i]);
		sum += now() - t;
		/* Some bursts follow each other closely. */
		usleep(rnd(3) ? 50000 : 1000);
	}
	add(&took[heap], sum);
}

/* ---- rows ---- */

static const struct row {
	const char *name, *op;
	void (*turn)(int heap, size_t len, int arg);
	int arg;
	bool empty;			/* whether it makes sense without pages */
} rows[] = {
	{ "alloc",  "alloc", turn_alloc,  0,  true },
	{ "write",  "write", turn_write,  0,  false },
	{ "frames", "4ms",   turn_frames, 4,  false },
	{ "frames", "16ms",  turn_frames, 16, false },
	{ "loop",   "loop",  turn_loop,   1,  true },
	{ "loop2",  "loop2", turn_loop,   2,  true },
	{ "mix",    "mix",   turn_mix,    0,  false },
};

static uint64_t median(struct values *values)
{
	sort_u64(values->v, values->n);
	return percentile(values->v, values->n, 50);
}

static double noise_of(struct values values[NR_HEAPS])
{
	return (double)median(&values[STOCK2]) / median(&values[STOCK]);
}

static void print(const char *name, const char *op, const char *heap, size_t len,
		  struct values *values, double noise)
{
	double sum = 0;
	int i;

	if (!values->n)
		return;
	sort_u64(values->v, values->n);
	for (i = 0; i < values->n; i++)
		sum += values->v[i];
	printf("native %s %s %s %zu %d %llu %llu %llu %.0f %.3f\n", name, op, heap, len,
	       values->n, (unsigned long long)percentile(values->v, values->n, 50),
	       (unsigned long long)percentile(values->v, values->n, 10),
	       (unsigned long long)percentile(values->v, values->n, 90),
	       sum / values->n, noise);
}

static bool quiet(double noise)
{
	return noise >= 0.97 && noise <= 1.03;
}

/* Its noise, or that of what is measured with it, whichever is worse */
static double measure_once(const struct row *row, size_t len)
{
	int round, i, heap, n = row->empty ? nr_heaps : EMPTY;
	double noise, noise_close;

	for (heap = 0; heap < NR_HEAPS; heap++) {
		took[heap].n = 0;
		took_close[heap].n = 0;
	}
	held.n = 0;
	cpu.n = 0;
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < n; i++) {
			heap = (i + round) % n;
			caught_up();
			row->turn(heap, len, row->arg);
		}
	}
	noise = noise_of(took);
	noise_close = took_close[STOCK].n ? noise_of(took_close) : 1;
	return quiet(noise) ? noise_close : noise;
}

static void measure(const struct row *row, size_t len)
{
	int heap, tries = 1;

	while (!quiet(measure_once(row, len)) && tries++ < TRIES && now() < stop_ns)
		;
	for (heap = 0; heap < nr_heaps; heap++)
		print(row->name, row->op, names[heap], len, &took[heap], noise_of(took));
	for (heap = 0; heap < nr_heaps && took_close[STOCK].n; heap++)
		print("close", "close", names[heap], len, &took_close[heap],
		      noise_of(took_close));
	print("held", "bytes", "system", len, &held, 0);
	print("thread", "cpu", "system", len, &cpu, 0);
	fflush(stdout);
}

/* Some are measured with others */
static bool row_wanted(const struct row *row)
{
	return wanted(row->name) ||
	       (row->turn == turn_alloc && wanted("close")) ||
	       (row->turn == turn_loop && row->arg == 1 &&
		(wanted("held") || wanted("thread")));
}

/* Its memory is a file of the host, whose pages come with their first use */
static void touch_memory(void)
{
	static int bufs[1024];
	unsigned int n = 0;

	while (n < ARRAY_SIZE(bufs) && file_value("/proc/meminfo", "MemFree") > 96 * 1024)
		bufs[n++] = must_alloc(heaps[STOCK], 8 * MIB);
	while (n)
		close(bufs[--n]);
}

int main(int argc, char **argv)
{
	unsigned int i, j;

	progname = "heap-native";
	bench_setup(argc, argv);
	for (nr_heaps = 0; nr_heaps < NR_HEAPS; nr_heaps++)
		heaps[nr_heaps] = must_open(names[nr_heaps]);
	thread = cpu_clock(find_kthreads("dma-heap-" HEAP_NAME));
	other = mmap(NULL, sizeof(*other), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (other == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	pooled = true;
	memset(took, 0, sizeof(took));
	memset(took_close, 0, sizeof(took_close));
	touch_memory();
	stop_ns = now() + 100000000000ULL;

	for (i = 0; i < ARRAY_SIZE(plans); i++) {
		if (!wanted_size(plans[i].len))
			continue;
		for (j = 0; j < ARRAY_SIZE(rows); j++) {
			if (!row_wanted(&rows[j]) || rows[j].turn == turn_mix)
				continue;
			drained();
			measure(&rows[j], plans[i].len);
		}
	}
	if (wanted("mix"))
		measure(&rows[ARRAY_SIZE(rows) - 1], 0);
	return 0;
}
