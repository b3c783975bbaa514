// SPDX-License-Identifier: GPL-2.0
/*
 * How fast the time stamp counter of the machine that runs this is, in kHz
 *
 * Run on the host, for a guest in an emulator, which hands it the host's counter
 * but nothing to calibrate it with.
 */
#include "heap.h"

int main(void)
{
	struct timespec a, b;
	uint64_t ticks;

	progname = "heap-clock";
	clock_gettime(CLOCK_MONOTONIC_RAW, &a);
	ticks = counter();
	usleep(200000);
	clock_gettime(CLOCK_MONOTONIC_RAW, &b);
	ticks = counter() - ticks;
	printf("%.0f\n", ticks * 1e6 / (timespec_ns(&b) - timespec_ns(&a)));
	return 0;
}
