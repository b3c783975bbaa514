/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Asking the bench kernel's probe (heaps/heap_probe.c), which measures from
 * inside the kernel.
 */
#ifndef TOOLS_BENCH_PROBE_H
#define TOOLS_BENCH_PROBE_H

#include "heap.h"

#define PROBE	"/sys/kernel/debug/heap_probe/run"

/* The answer's numbers; returns how many */
static inline int __attribute__((format(printf, 2, 3)))
probe(unsigned long long answer[3], const char *fmt, ...)
{
	char text[96];
	va_list ap;
	int n;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	write_text(PROBE, text);
	memset(text, 0, sizeof(text));
	/* The file gives its answer again and again: one read */
	n = open(PROBE, O_RDONLY | O_CLOEXEC);
	if (n < 0)
		fail("%s: %s", PROBE, strerror(errno));
	if (read(n, text, sizeof(text) - 1) < 0)
		fail("%s: %s", PROBE, strerror(errno));
	close(n);
	n = sscanf(text, "%llu %llu %llu", &answer[0], &answer[1], &answer[2]);
	return n < 0 ? 0 : n;
}

/* The same, for a command whose answer is a time, in the unit chosen */
#define probe_time(...)						\
({								\
	unsigned long long answer_[3] = { };			\
								\
	if (probe(answer_, __VA_ARGS__) < 2)			\
		fail("%s: no answer", PROBE);			\
	answer_[clock_instructions ? 0 : 1];			\
})

#endif /* TOOLS_BENCH_PROBE_H */
