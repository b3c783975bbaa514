// SPDX-License-Identifier: GPL-2.0
/*
 * First contact: what a buffer costs with and without pools, and a look at
 * what the pool holds afterwards.
 */
#include "bench.h"

#define SAMPLES	31

static const size_t sizes[] = {
	4 * KIB, 64 * KIB, MIB, 8 * MIB, 32 * MIB
};

struct cost {
	uint64_t alloc, close;
};

static struct cost measure(int heap, size_t len)
{
	const struct size_plan plan = { len, .samples = SAMPLES };
	static uint64_t closing[MAX_SAMPLES];

	measure_warm(heap, &plan, closing);
	sort_u64(samples, SAMPLES);
	sort_u64(closing, SAMPLES);
	return (struct cost){
		.alloc = percentile(samples, SAMPLES, 50),
		.close = percentile(closing, SAMPLES, 50),
	};
}

/* Where there is no other heap, ours without its pool is the stock one. */
static struct cost measure_stock(int heap, size_t len)
{
	bool alone = !strcmp(HEAP_STOCK, HEAP_NAME);
	char limit[16] = "";
	struct cost cost;

	if (alone) {
		must_read(HEAP_PARAMS "pool_limit_mb", limit, sizeof(limit));
		must_write(HEAP_PARAMS "pool_limit_mb", "0");
	}
	cost = measure(heap, len);
	if (alone)
		must_write(HEAP_PARAMS "pool_limit_mb", limit);

	return cost;
}

/* "4 KiB", "1 MiB", "1.5 GiB" */
static const char *human(unsigned long long bytes, char *buf, size_t len)
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

static const char *ratio(uint64_t stock, uint64_t ours, char *buf, size_t len)
{
	double r = (double)stock / (ours ? ours : 1);

	snprintf(buf, len, r < 9.95 ? "%.1fx" : "%.0fx", r);
	return buf;
}

/* Fill every byte, close, let the thread zero it, and read what comes next */
static void check_zeroed(int heap, size_t len)
{
	int round, buf;

	for (round = 0; round < 3; round++) {
		buf = must_alloc(heap, len);
		must_be_zero(buf);
		close(buf);
		heap_caught_up();
	}
}

static void print_pool(void)
{
	struct heap_stats st = must_stats();
	char a[16], b[16];
	int i;

	printf("\nThe pool now\n\n");
	printf("  %-20s %10s %12s %12s %8s\n", "pages of", "zeroed",
	       "hits", "misses", "hit");
	for (i = 0; i < NR_HEAP_ORDERS; i++) {
		const struct heap_order *o = &st.order[i];
		unsigned long long page = PAGE_BYTES << o->order;
		unsigned long long all = o->hits + o->misses;

		human(page, a, sizeof(a));
		human(o->cached * page, b, sizeof(b));
		printf("  %-8s (order %u)%*s %10s %12lld %12lld %6.1f %%\n", a,
		       o->order, o->order < 10 ? 2 : 1, "", b, o->hits,
		       o->misses, all ? 100.0 * o->hits / all : 0.0);
	}
	printf("\n  zeroed and cached     %s of at most %s\n",
	       human(st.pool_bytes, a, sizeof(a)),
	       human(st.pool_limit_bytes, b, sizeof(b)));
	printf("  waiting to be zeroed  %s of at most %s\n",
	       human(st.queue_bytes, a, sizeof(a)),
	       human(st.queue_limit_bytes, b, sizeof(b)));
	printf("  zeroed so far         %s\n", human(st.zeroed_bytes, a, sizeof(a)));
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "unit", required_argument, NULL, 'u' },
		{}
	};
	const char *unit = "instructions";
	struct heap_stats before, after;
	int stock, ours, opt;
	unsigned int i;

	progname = "heap-run";
	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (opt != 'u')
			fail("usage: heap-run [--unit instructions|ns]");
		unit = optarg;
	}
	clock_setup(unit);
	stock = must_open(HEAP_STOCK);
	ours = must_open(HEAP_NAME);
	if (!heap_has_stats())
		fail("%s: %s", HEAP_STATS, strerror(errno));

	printf("What one buffer costs, in %s (median of %d, thread idle)\n\n",
	       strcmp(unit, "ns") ? unit : "nanoseconds", SAMPLES);
	printf("%8s | %10s %10s %7s | %10s %10s %7s\n", "", "allocate", "",
	       "", "close", "", "");
	printf("%8s | %10s %10s %7s | %10s %10s %7s\n", "size", "stock",
	       "pooled", "ratio", "stock", "pooled", "ratio");
	printf("---------+-------------------------------+------------------------------\n");
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct cost s = measure_stock(stock, sizes[i]);
		struct cost o = measure(ours, sizes[i]);
		char size[16], alloc[16], closing[16];

		printf("%8s | %10llu %10llu %7s | %10llu %10llu %7s\n",
		       human(sizes[i], size, sizeof(size)),
		       (unsigned long long)s.alloc,
		       (unsigned long long)o.alloc,
		       ratio(s.alloc, o.alloc, alloc, sizeof(alloc)),
		       (unsigned long long)s.close,
		       (unsigned long long)o.close,
		       ratio(s.close, o.close, closing, sizeof(closing)));
		fflush(stdout);
	}

	before = must_stats();
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		check_zeroed(ours, sizes[i]);
	after = must_stats();
	if (heap_hits(&after) == heap_hits(&before))
		fail("the pool was not used at all: nothing was shown");
	printf("\nEvery byte of every reused buffer, after it had been filled with 0xa5,\n"
	       "was zero again (5 sizes, %lld pages taken from the pool).\n",
	       heap_hits(&after) - heap_hits(&before));
	print_pool();
	return 0;
}
