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
 *
 * Output, in ns:
 *   native <case> <op> <heap> <size> <n> <p50> <p10> <p90> <mean> <noise>
 * where noise is stock2 / stock.
 */
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
static uint64_t stop_ns;		/* when nothing is measured again */

/* What rows have in common: a heap's samples of all rounds */
struct values {
	uint64_t v[ROUNDS * PER_ROUND];
	int n;
};

static struct values took[NR_HEAPS], took_close[NR_HEAPS];

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

/* The first block does not count */
static void turn_loop(int heap, size_t len, int unused)
{
	uint64_t start, pairs, t;
	int block;

	for (block = -1; block < 4; block++) {
		start = now();
		pairs = 0;
		do {
			close(must_alloc(heaps[heap], len));
			pairs++;
			t = now() - start;
		} while (t < BLOCK_NS);
		if (block >= 0)
			add(&took[heap], t / pairs);
	}
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
	{ "loop",   "loop",  turn_loop,   0,  true },
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
	fflush(stdout);
}

/* Closing is measured with allocating. */
static bool row_wanted(const struct row *row)
{
	return wanted(row->name) || (row->turn == turn_alloc && wanted("close"));
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
	pooled = true;
	memset(took, 0, sizeof(took));
	memset(took_close, 0, sizeof(took_close));
	touch_memory();
	stop_ns = now() + 100000000000ULL;

	for (i = 0; i < ARRAY_SIZE(plans); i++) {
		if (!wanted_size(plans[i].len))
			continue;
		for (j = 0; j < ARRAY_SIZE(rows); j++) {
			if (!row_wanted(&rows[j]))
				continue;
			drained();
			measure(&rows[j], plans[i].len);
		}
	}
	return 0;
}
