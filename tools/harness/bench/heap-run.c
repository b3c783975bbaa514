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
		read_text(HEAP_PARAMS "pool_limit_mb", limit, sizeof(limit));
		write_text(HEAP_PARAMS "pool_limit_mb", "0");
	}
	cost = measure(heap, len);
	if (alone)
		write_text(HEAP_PARAMS "pool_limit_mb", limit);

	return cost;
}

static const char *ratio(uint64_t stock, uint64_t ours, char *buf, size_t len)
{
	double r = (double)stock / (ours ? ours : 1);

	snprintf(buf, len, r < 9.95 ? "%.1fx" : "%.0fx", r);
	return buf;
}

/* Fill every byte, close, let the helper zero it, and read what comes next */
static void check_zeroed(int heap, size_t len)
{
	const int rounds = 3;
	int round, buf;
	size_t i;
	char *p;

	for (round = 0; round < rounds; round++) {
		buf = heap_alloc(heap, len);
		p = heap_map(buf, len);
		for (i = 0; i < len; i += sizeof(long))
			if (*(long *)(p + i))
				fail("STALE DATA: byte %zu of a %zu-byte buffer was not cleared",
				     i, len);
		memset(p, 0xa5, len);
		munmap(p, len);
		close(buf);
		heap_caught_up();
	}
}

static unsigned long long total_hits(void)
{
	struct heap_order o[8];
	unsigned long long hits = 0;
	int n = heap_orders(o, ARRAY_SIZE(o));

	while (n--)
		hits += o[n].hits;
	return hits;
}

static void print_pool(void)
{
	struct heap_order o[8];
	char a[16], b[16], c[16];
	unsigned long long page_size = sysconf(_SC_PAGESIZE);
	int i, n = heap_orders(o, ARRAY_SIZE(o));

	printf("\nThe pool now\n\n");
	printf("  %-20s %10s %12s %12s %8s\n", "pages of", "zeroed",
	       "hits", "misses", "hit");
	for (i = 0; i < n; i++) {
		unsigned long long page = page_size << o[i].order;
		unsigned long long all = o[i].hits + o[i].misses;

		human(page, a, sizeof(a));
		human(o[i].cached * page, b, sizeof(b));
		printf("  %-8s (order %u)%*s %10s %12llu %12llu %6.1f %%\n", a,
		       o[i].order, o[i].order < 10 ? 2 : 1, "", b, o[i].hits,
		       o[i].misses, all ? 100.0 * o[i].hits / all : 0.0);
	}
	printf("\n  zeroed memory kept    %s of at most %s\n",
	       human(file_value(HEAP_STATS, "pool_bytes"), a, sizeof(a)),
	       human(file_value(HEAP_STATS, "pool_limit_bytes"), b, sizeof(b)));
	printf("  waiting to be zeroed  %s of at most %s\n",
	       human(file_value(HEAP_STATS, "queue_bytes"), a, sizeof(a)),
	       human(file_value(HEAP_STATS, "queue_limit_bytes"), b,
		     sizeof(b)));
	printf("  zeroed so far         %s\n",
	       human(file_value(HEAP_STATS, "zeroed_bytes"), c, sizeof(c)));
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "unit", required_argument, NULL, 'u' },
		{}
	};
	const char *unit = "instructions";
	unsigned long long hits;
	int stock, ours, opt;
	unsigned int i;

	progname = "heap-run";
	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (opt != 'u')
			fail("usage: heap-run [--unit instructions|ns]");
		unit = optarg;
	}
	clock_setup(unit);
	stock = heap_open(HEAP_STOCK);
	ours = heap_open(HEAP_NAME);
	if (!heap_has_stats())
		fail("%s: %s", HEAP_STATS, strerror(errno));

	printf("What one buffer costs, in %s (median of %d, helper idle)\n\n",
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

	hits = total_hits();
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		check_zeroed(ours, sizes[i]);
	if (total_hits() == hits)
		fail("the pool was not used at all: nothing was shown");
	printf("\nEvery byte of every reused buffer, after it had been filled with 0xa5,\n"
	       "was zero again (5 sizes, %llu pages taken from the pool).\n",
	       total_hits() - hits);
	print_pool();
	return 0;
}
