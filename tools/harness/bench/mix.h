/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A trace like that of a window system: surfaces of many sizes coming and going
 *
 * "alloc" is what the application waits for in a pass; "pair" is what the whole
 * machine has done until the queue is empty, the helper's work included.
 */
#ifndef TOOLS_BENCH_MIX_H
#define TOOLS_BENCH_MIX_H

#include "bench.h"

#define MIX_PASSES	7

/*
 * Surfaces, each of three buffers: a full-screen one, windows and dialogs, a
 * status bar, icons, a cursor. A burst creates some, resizes some and releases
 * some, as when an application starts or a device is turned; then there is
 * quiet for a while, as between two touches of the screen.
 */
#define NR_SURFACES	12
#define NR_BURSTS	24
#define BURST_EVENTS	6

static unsigned int rnd_state;

static inline unsigned int rnd(unsigned int below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 17;
	rnd_state ^= rnd_state << 5;
	return rnd_state % below;
}

static inline size_t surface_size(void)
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

/* One pass; the same every time. Adds up what its bursts took. */
static inline void mix_pass(int heap, uint64_t *foreground, uint64_t *cpu)
{
	int surface[NR_SURFACES][3], burst, event, i, j;

	memset(surface, -1, sizeof(surface));
	rnd_state = 20201217;
	*foreground = 0;
	*cpu = 0;

	for (burst = 0; burst <= NR_BURSTS; burst++) {
		uint64_t c = cpu_ns(CLOCK_THREAD_CPUTIME_ID), t = now();

		for (event = 0; event < BURST_EVENTS; event++) {
			bool make = rnd(4) != 0;
			size_t len = surface_size();

			i = rnd(NR_SURFACES);
			for (j = 0; j < 3; j++) {
				if (surface[i][j] >= 0)
					close(surface[i][j]);
				surface[i][j] = make ? heap_alloc(heap, len) : -1;
			}
		}
		/* In the end everything goes, as when a session ends */
		if (burst == NR_BURSTS)
			for (i = 0; i < NR_SURFACES; i++)
				for (j = 0; j < 3; j++)
					if (surface[i][j] >= 0)
						close(surface[i][j]);
		*foreground += now() - t;
		*cpu += cpu_ns(CLOCK_THREAD_CPUTIME_ID) - c;
		/* Some bursts follow each other closely */
		usleep(rnd(3) ? 50000 : 1000);
	}
}

static inline void bench_mix(int heap, const char *state, const char *name)
{
	uint64_t front[MIX_PASSES], t, cpu, helper;
	int i;

	for (i = -1; i < MIX_PASSES; i++) {
		caught_up();
		find_kthreads(NULL);
		helper = kthreads_ns();
		mix_pass(heap, &t, &cpu);
		caught_up();
		helper = kthreads_ns() - helper;
		if (i < 0)
			continue;
		front[i] = t;
		samples[i] = (cpu + helper) * ticks_per_cpu_ns;
	}
	result(state, "pair", name, 0, MIX_PASSES);
	memcpy(samples, front, sizeof(front));
	result(state, "alloc", name, 0, MIX_PASSES);
}

#endif /* TOOLS_BENCH_MIX_H */
