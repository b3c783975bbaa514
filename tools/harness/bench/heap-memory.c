// SPDX-License-Identifier: GPL-2.0
/*
 * What the heap's bookkeeping takes, and how much memory it may hold
 *
 * Output:
 *   memory buffer <heap> <size> <bytes> <scatterlist entries>
 *     bytes that the exporter allocated for a buffer of that size, beside its
 *     scatterlist if that is an allocation of its own
 *   memory limits <MiB of RAM> <pool bytes> <queue bytes>
 */
#include <sys/sysinfo.h>

#include "bench.h"
#include "probe.h"

static void memory_of_buffers(const char *name)
{
	unsigned long long answer[3];
	unsigned int i;
	int heap, buf;

	heap = heap_open(name);
	for (i = 0; i < ARRAY_SIZE(plans); i++) {
		buf = heap_alloc(heap, plans[i].len);
		if (probe(answer, "size %d", buf) != 2)
			fail("%s: no answer", PROBE);
		printf("memory buffer %s %zu %llu %llu\n", name, plans[i].len,
		       answer[0], answer[1]);
		close(buf);
	}
	close(heap);
}

int main(int argc, char **argv)
{
	struct sysinfo info;

	progname = "heap-memory";
	bench_setup(argc, argv);
	memory_of_buffers("system");
	memory_of_buffers("stock");
	sysinfo(&info);
	printf("memory limits %llu %lld %lld\n",
	       (unsigned long long)info.totalram * info.mem_unit / MIB,
	       file_value(HEAP_STATS, "pool_limit_bytes"),
	       file_value(HEAP_STATS, "queue_limit_bytes"));
	return 0;
}
