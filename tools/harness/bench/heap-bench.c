// SPDX-License-Identifier: GPL-2.0
/*
 * heap-bench WHAT [OPTION...]: what allocating and closing a buffer costs, by size, on the
 * pooled heap and on others beside it. WHAT is
 *
 *   bench   for make bench: "system", the pooled heap; "stock", the kernel's own; and
 *           "empty", whose buffers have no pages: the floor. They run one after the other
 *   native  for make bench-native: stock, system, stock2 and empty, in rounds, each of
 *           which begins with the next heap. stock2 is the kernel's own heap again,
 *           and shows the noise. A row is measured up to TRIES times, until stock2
 *           differs from stock by at most 3 %
 *   try     for make try: stock, and the pooled heap with zero_method=vmap and =direct,
 *           in such rounds as well
 *
 * Output: a line of JSON for each figure.
 */
#define _GNU_SOURCE
#include "turns.h"

/* The heap to compare with */
#ifndef HEAP_STOCK
#define HEAP_STOCK	"stock"
#endif

#define THREAD_NAME	"dma-heap-" HEAP_NAME
#define TRIES		3

enum { STOCK, SYSTEM, STOCK2, EMPTY, NR_HEAPS };

static const size_t sizes[NR_SIZES] = { 4 * KIB, 64 * KIB, MIB, 8 * MIB, 32 * MIB };
static struct values all_values[NR_HEAPS][NR_FIGURES];
static uint64_t stop_ns;		/* after this no row is repeated */
static const char *only_case, *only_heap, *only_size;

/* ---- a row ---- */

static void take_turn(struct heap *heap, const struct row *row, int at, bool warm)
{
	int i = row->samples[at] ? -2 : 0, n = row->samples[at] ?: 1;

	if (heap->method)
		set_method(heap->method);
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

/* The nearest rank: the result is a value that was measured */
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

	if (!row->figure[f].name || !v->n)
		return;
	printf("{\"case\":\"%s\",\"op\":\"%s\",\"heap\":\"%s\",\"size\":%zu,\"n\":%d,",
	       row->figure[f].name, row->figure[f].op, heaps[heap].name, row->len, v->n);
	printf("\"p50\":%llu,\"p10\":%llu,\"p90\":%llu,\"noise\":%.3f}\n", percentile(v, 50),
	       percentile(v, 10), percentile(v, 90), set->noise ? noise_of(heaps, f) : 0);
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

/* Whether the comma-separated @list has @name; NULL has every name */
static bool in_list(const char *list, const char *name)
{
	char all[256], one[64];

	snprintf(all, sizeof(all), ",%s,", list ?: name);
	snprintf(one, sizeof(one), ",%s,", name);
	return strstr(all, one);
}

static bool wanted_size(size_t len)
{
	char text[24];

	snprintf(text, sizeof(text), "%zu", len);
	return !len || in_list(only_size, text);
}

/* A row is measured, with all of its figures, if one of them is wanted. */
static bool wanted(const struct row *row)
{
	int f;

	for (f = 0; f < NR_FIGURES; f++)
		if (row->figure[f].name && in_list(only_case ?: set->cases, row->figure[f].name))
			return true;
	return false;
}

static void measure_heaps(struct heap *heaps, int n)
{
	const struct row *rows = set->rows;
	struct row row;
	int at, i;

	for (i = 0; i < n; i++)
		heaps[i].fd = must_open(heaps[i].node);
	for (at = 0; at < NR_SIZES; at++) {
		for (i = 0; rows[i].turn; i++) {
			row = rows[i];
			/* A trace has no size. */
			row.len = row.turn == turn_mix ? 0 : sizes[at];
			if (!row.rounds[at] || !wanted(&row) || !wanted_size(row.len))
				continue;
			if (set->drain)
				drained(&heaps[n == 1 ? 0 : SYSTEM]);
			/* Only the last heap can be "empty", which has no pages. */
			measure(&row, at, heaps,
				n - (row.pages && !strcmp(heaps[n - 1].name, "empty")));
		}
	}
	for (i = 0; i < n; i++)
		close(heaps[i].fd);
}

static void measure_set(void)
{
	int i, n = set->in_turns ? set->nr_heaps : 1;

	for (i = 0; i < set->nr_heaps; i += n)
		if (in_list(only_heap, set->heaps[i].name))
			measure_heaps(&set->heaps[i], n);
}

/* ---- make bench ---- */

static struct heap bench_heaps[] = {
	{ .name = "system", .node = HEAP_NAME },
	{ .name = "stock", .node = HEAP_STOCK },
	{ .name = "empty", .node = "empty" },
};

static const struct row bench_rows[] = {
	{
		turn_alloc, .warm = 3, .rounds = { 401, 401, 201, 61, 31 },
		.figure = { [ALLOC] = { "warm", "alloc" }, [CLOSE] = { "close", "close" } },
	}, {
		turn_alloc, .warm = 2, .rounds = { 101, 101, 101, 31, 21 }, .pages = true,
		.cold = true, .figure = { [ALLOC] = { "cold", "alloc" } },
	}, {
		turn_pairs, .warm = 1, .rounds = { 7, 7, 7, 7, 7 }, .pages = true,
		.figure = { [LOOP] = { "churn", "pair" } },
	}, {}
};

/* ---- make bench-native and make try ---- */

static struct heap native_heaps[] = {
	[STOCK] = { .name = "stock", .node = HEAP_STOCK },
	[SYSTEM] = { .name = "system", .node = HEAP_NAME },
	[STOCK2] = { .name = "stock2", .node = "stock2" },
	[EMPTY] = { .name = "empty", .node = "empty" },
};

static struct heap try_heaps[] = {
	[STOCK] = { .name = "stock", .node = HEAP_STOCK },
	[SYSTEM] = { .name = "vmap", .node = HEAP_NAME, .method = "vmap" },
	{ .name = "direct", .node = HEAP_NAME, .method = "direct" },
};

#define EACH_SIZE	.rounds = { 5, 5, 5, 5, 5 }
#define SAMPLES		.samples = { 24, 24, 24, 10, 6 }

static const struct row real_rows[] = {
	{
		turn_alloc, EACH_SIZE, SAMPLES,
		.figure = { [ALLOC] = { "alloc", "alloc" }, [CLOSE] = { "close", "close" } },
	}, {
		turn_hot, EACH_SIZE, .samples = { 4, 4, 4, 4, 4 },
		.figure = { [ALLOC] = { "hot", "alloc" }, [CLOSE] = { "hot", "close" } },
	}, {
		turn_alloc, EACH_SIZE, SAMPLES, .arg = true,
		.figure = { [USE] = { "write", "write" } }, .pages = true,
	}, {
		turn_frames, EACH_SIZE, .arg = 4, .pages = true,
		.figure = { [USE] = { "frames", "4ms" } },
	}, {
		turn_frames, EACH_SIZE, .arg = 16, .pages = true,
		.figure = { [USE] = { "frames", "16ms" } },
	}, {
		turn_loop, EACH_SIZE, .arg = 2,
		.figure = { [LOOP] = { "loop2", "loop2" } },
	}, {
		turn_loop, EACH_SIZE, .arg = 1,
		.figure = { [LOOP] = { "loop", "loop" }, [HELD] = { "held", "bytes" },
			    [THREAD] = { "thread", "thread" } },
	}, {
		turn_mix, .rounds = { 5 }, .arg = 20201217, .pages = true,
		.figure = { [LOOP] = { "mix", "mix" } },
	}, {}
};

/* The guest's memory is a file on the host, whose pages are allocated on first use. */
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
	set_method("direct");
	find_kthreads(THREAD_NAME);
	touch_memory();
	stop_ns = now() + 100000000000ULL;
}

static void try_before(void)
{
	struct timespec step;

	if (clock_getres(CLOCK_MONOTONIC_RAW, &step) || timespec_ns(&step) > 10000)
		errx(1, "this machine has no better clock than the timer's ticks");
	if (heap_param("pool_limit_mb") <= 0 || heap_param("queue_limit_mb") <= 0)
		errx(1, "pooling is off: pool_limit_mb or queue_limit_mb is 0");
	find_kthreads(THREAD_NAME);
}

/* ---- the sets, and main() ---- */

static const struct set sets[] = {
	{
		.name = "bench", .unit = "instructions", .rows = bench_rows, .drain = true,
		.heaps = bench_heaps, .nr_heaps = ARRAY_SIZE(bench_heaps),
	}, {
		.name = "native", .unit = "tsc", .rows = real_rows, .drain = true,
		.heaps = native_heaps, .nr_heaps = ARRAY_SIZE(native_heaps), .in_turns = true,
		.noise = true, .write = write_lines, .before = native_before,
	}, {
		.name = "try", .unit = "ns", .rows = real_rows, .cases = "alloc,write,frames,loop",
		.heaps = try_heaps, .nr_heaps = ARRAY_SIZE(try_heaps), .in_turns = true,
		.write = map_and_write, .before = try_before,
	},
};

int main(int argc, char **argv)
{
	unsigned int i;
	int opt;

	while ((opt = getopt(argc, argv, "c:h:s:")) >= 0) {
		if (opt == 'c')
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
		errx(1, "usage: heap-bench [-c CASE,...] [-h HEAP,...] [-s BYTES,...] %s",
		     "bench|native|try");

	/* Output appears in the order of events, errors included. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Avoid page faults of ours in a measurement. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		err(1, "mlockall");
	other = mmap(NULL, sizeof(*other), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (other == MAP_FAILED)
		err(1, "mmap");
	clock_setup(set->unit);
	if (set->before)
		set->before();
	measure_set();
	return 0;
}
