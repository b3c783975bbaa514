// SPDX-License-Identifier: GPL-2.0
/*
 * First contact: what a buffer costs with and without pools, and a look at
 * what the pool holds afterwards.
 */
#include "bench.h"

#define SAMPLES	31

static const struct {
	const char *name;
	size_t len;
} sizes[] = {
	{ "4 KiB", 4 * KIB }, { "64 KiB", 64 * KIB }, { "1 MiB", MIB },
	{ "8 MiB", 8 * MIB }, { "32 MiB", 32 * MIB },
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

static void print_pool(const struct heap_stats *st)
{
	int i;

	printf("\nThe pool has %lld of at most %lld MiB, and %lld MiB wait to be zeroed.\n\n",
	       st->pool_bytes >> 20, st->pool_limit_bytes >> 20, st->queue_bytes >> 20);
	printf("%10s %10s %10s %10s\n", "pages of", "cached", "hits", "misses");
	for (i = 0; i < NR_HEAP_ORDERS; i++) {
		const struct heap_order *o = &st->order[i];

		printf("%6zu KiB %10lld %10lld %10lld\n", (PAGE_BYTES << o->order) >> 10,
		       o->cached, o->hits, o->misses);
	}
}

int main(void)
{
	struct heap_stats before, after;
	char alloc[16], closing[16];
	struct cost s, o;
	unsigned int i;
	int stock, ours;

	progname = "heap-run";
	clock_setup("instructions");
	stock = must_open(HEAP_STOCK);
	ours = must_open(HEAP_NAME);

	printf("What one buffer costs, in instructions (median of %d, thread idle)\n\n",
	       SAMPLES);
	printf("%8s | %10s %10s %7s | %10s %10s %7s\n", "", "allocate", "",
	       "", "close", "", "");
	printf("%8s | %10s %10s %7s | %10s %10s %7s\n", "size", "stock",
	       "pooled", "ratio", "stock", "pooled", "ratio");
	printf("---------+-------------------------------+------------------------------\n");
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		s = measure_stock(stock, sizes[i].len);
		o = measure(ours, sizes[i].len);
		printf("%8s | %10llu %10llu %7s | %10llu %10llu %7s\n", sizes[i].name,
		       (unsigned long long)s.alloc, (unsigned long long)o.alloc,
		       ratio(s.alloc, o.alloc, alloc, sizeof(alloc)),
		       (unsigned long long)s.close, (unsigned long long)o.close,
		       ratio(s.close, o.close, closing, sizeof(closing)));
		fflush(stdout);
	}

	before = must_stats();
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		check_zeroed(ours, sizes[i].len);
	after = must_stats();
	if (heap_hits(&after) == heap_hits(&before))
		fail("the pool was not used at all: nothing was shown");
	printf("\nEvery byte of every reused buffer, after it had been filled with 0xa5,\n"
	       "was zero again (5 sizes, %lld pages taken from the pool).\n",
	       heap_hits(&after) - heap_hits(&before));
	print_pool(&after);
	return 0;
}
