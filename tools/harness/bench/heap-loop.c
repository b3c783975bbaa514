// SPDX-License-Identifier: GPL-2.0
/*
 * The loop of the cover letters of 2021: allocate a buffer and close it, over
 * and over, the kernel's own heap and the pooled one in turn
 *
 *   loop   a pair, elapsed time                              op loop
 *
 * The loop outruns the helper, which zeroes what it can on another processor
 * meanwhile. For the reader of the table, also each turn:
 *   turn <size> <turn> <pairs> <stock> <system>
 */
#include "bench.h"

#define TURNS	3

static const char * const names[] = { "stock", "system" };

/* The sizes of 2021, and how many pairs take a while */
static const struct size_plan loop_plans[] = {
	{  4 * KIB, .pairs = 20000 },
	{      MIB, .pairs = 2000 },
	{  8 * MIB, .pairs = 250 },
	{ 32 * MIB, .pairs = 64 },
};

static uint64_t loop(const char *name, const struct size_plan *p)
{
	int heap = bench_heap_open(name), i;
	uint64_t t;

	caught_up();
	t = now();
	for (i = 0; i < p->pairs; i++)
		close(heap_alloc(heap, p->len));
	t = now() - t;
	close(heap);
	return t / p->pairs;
}

static void bench_loop(const struct size_plan *p)
{
	uint64_t took[ARRAY_SIZE(names)][TURNS];
	unsigned int i;
	int turn;

	for (turn = 0; turn < TURNS; turn++) {
		for (i = 0; i < ARRAY_SIZE(names); i++)
			took[i][turn] = loop(names[i], p);
		printf("turn %zu %d %d %llu %llu\n", p->len, turn + 1, p->pairs,
		       (unsigned long long)took[0][turn],
		       (unsigned long long)took[1][turn]);
	}
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		memcpy(samples, took[i], sizeof(took[i]));
		result("loop", "loop", names[i], p->len, TURNS);
	}
}

int main(int argc, char **argv)
{
	unsigned int i;

	progname = "heap-loop";
	bench_setup(argc, argv);
	if (only_heap)
		fail("--heap: it takes both heaps");
	for (i = 0; i < ARRAY_SIZE(loop_plans); i++)
		if (wanted("loop") && wanted_size(loop_plans[i].len))
			bench_loop(&loop_plans[i]);
	return 0;
}
