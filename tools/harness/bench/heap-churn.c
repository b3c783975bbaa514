// SPDX-License-Identifier: GPL-2.0
/*
 * Allocate and close as fast as possible, from one task or several. Finishing
 * is the point: no allocation fails and nobody is killed for want of memory,
 * however far the helper falls behind.
 */
#include <getopt.h>
#include <sys/wait.h>

#include "heap.h"

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "count", required_argument, NULL, 'c' },
		{ "size", required_argument, NULL, 's' },
		{ "tasks", required_argument, NULL, 't' },
		{ "heap", required_argument, NULL, 'h' },
		{}
	};
	unsigned long count = 1000, size = 32 * MIB, tasks = 1, t, i;
	const char *name = "system";
	long long kills, lowest;
	struct timespec a, b;
	int status, opt, bad = 0;
	long long *low;
	char text[16], low_text[16];

	progname = "heap-churn";
	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (opt == 'c')
			count = strtoul(optarg, NULL, 0);
		else if (opt == 's')
			size = strtoul(optarg, NULL, 0);
		else if (opt == 't')
			tasks = strtoul(optarg, NULL, 0);
		else if (opt == 'h')
			name = optarg;
		else
			fail("usage: heap-churn [--count N] [--size BYTES]\n"
			     "                  [--tasks N] [--heap NAME]");
	}
	if (!count || !size || !tasks || tasks > 64)
		fail("count, size and tasks must be positive, tasks at most 64");

	kills = file_value("/proc/vmstat", "oom_kill");
	low = mmap(NULL, sizeof(*low) * tasks, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (low == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	lowest = file_value("/proc/meminfo", "MemAvailable");

	clock_gettime(CLOCK_MONOTONIC, &a);
	fflush(stdout);
	for (t = 0; t < tasks; t++) {
		pid_t pid = fork();

		if (pid < 0)
			fail("fork: %s", strerror(errno));
		if (!pid) {
			int heap = heap_open(name);

			low[t] = lowest;
			for (i = 0; i < count; i++) {
				long long now_free;

				close(heap_alloc(heap, size));
				if (i % 16)
					continue;
				now_free = file_value("/proc/meminfo",
						      "MemAvailable");
				if (now_free < low[t])
					low[t] = now_free;
			}
			exit(0);
		}
	}
	for (t = 0; t < tasks; t++) {
		if (wait(&status) < 0 || status)
			bad++;
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	for (t = 0; t < tasks; t++)
		if (low[t] < lowest)
			lowest = low[t];
	kills = file_value("/proc/vmstat", "oom_kill") - kills;

	printf("heap-churn: %lu x %s by %lu task%s on %s: %s in %.1f s, "
	       "%lld killed for memory, at least %s available\n",
	       count, human(size, text, sizeof(text)), tasks,
	       tasks == 1 ? "" : "s", name, bad || kills ? "FAILED" : "ok",
	       (timespec_ns(&b) - timespec_ns(&a)) / 1e9, kills,
	       human(lowest * 1024, low_text, sizeof(low_text)));
	return bad || kills;
}
