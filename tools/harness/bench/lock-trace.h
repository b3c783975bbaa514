/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Times between two trace events of one lock in one task, such as from when it
 * was acquired until it was released.
 *
 * In the clock of the measurement: on the deterministic machine the time stamp
 * counter, else nanoseconds, of which the trace shows the microseconds.
 */
#ifndef TOOLS_BENCH_LOCK_TRACE_H
#define TOOLS_BENCH_LOCK_TRACE_H

#include "bench.h"

#define TRACING		"/sys/kernel/tracing/"
#define OPEN_SPANS	1024

static inline bool lock_trace_set(const char *file, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), TRACING "%s", file);
	if (access(path, W_OK))
		return false;
	write_text(path, value);
	return true;
}

static inline bool lock_trace_enable(const char *event, const char *filter)
{
	char path[64];

	snprintf(path, sizeof(path), "events/lock/%s/filter", event);
	if (!lock_trace_set(path, filter))
		return false;
	snprintf(path, sizeof(path), "events/lock/%s/enable", event);
	return lock_trace_set(path, "1");
}

/* Returns false when the kernel doesn't have the events; "0" is no filter */
static inline bool lock_trace_start(const char *begin, const char *end,
				    const char *filter)
{
	lock_trace_set("trace_clock", clock_instructions ? "x86-tsc" : "mono_raw");
	lock_trace_set("buffer_size_kb", "16384");
	lock_trace_set("trace", "");
	return lock_trace_enable(begin, filter) && lock_trace_enable(end, filter);
}

/* "12.345678" in seconds, or "12345" ticks */
static inline uint64_t lock_trace_time(const char *text)
{
	const char *dot = strchr(text, '.');

	if (!dot)
		return strtoull(text, NULL, 10);
	return strtoull(text, NULL, 10) * 1000000000ULL +
	       strtoull(dot + 1, NULL, 10) * 1000;
}

/*
 * Stops tracing, and calls @seen for each span from @begin to @end. A line is
 * "comm-PID [CPU] flags TIME: event: LOCK NAME"; what comes before the PID may
 * have blanks.
 */
static inline void lock_trace_read(const char *begin, const char *end,
				   void (*seen)(const char *name, uint64_t took))
{
	static struct { long pid; uint64_t lock, at; } spans[OPEN_SPANS];
	char line[512], *event, *what, *at, *name;
	FILE *f;

	lock_trace_set("events/lock/enable", "0");
	f = fopen(TRACING "trace", "r");
	if (!f)
		fail("%strace: %s", TRACING, strerror(errno));
	memset(spans, 0, sizeof(spans));
	while (fgets(line, sizeof(line), f)) {
		uint64_t lock, time;
		bool begins;
		int i, slot;
		long pid;

		at = strstr(line, " [");
		event = at ? strstr(at, ": ") : NULL;
		what = event ? strstr(event + 2, ": ") : NULL;
		if (line[0] == '#' || !what)
			continue;
		*event = '\0';
		event += 2;
		*what = '\0';
		what += 2;
		begins = !strcmp(event, begin);
		if (!begins && strcmp(event, end))
			continue;

		time = lock_trace_time(strrchr(at, ' ') + 1);
		while (at > line && *at == ' ')
			*at-- = '\0';
		pid = atol(strrchr(line, '-') + 1);
		lock = strtoull(what, &name, 16);
		name += *name == ' ';
		name[strcspn(name, "\n")] = '\0';

		/* A task may hold several locks. */
		slot = (pid * 31 + (lock >> 3)) % OPEN_SPANS;
		for (i = 0; i < OPEN_SPANS && spans[slot].pid; i++) {
			if (spans[slot].pid == pid && spans[slot].lock == lock)
				break;
			slot = (slot + 1) % OPEN_SPANS;
		}
		if (begins) {
			spans[slot].pid = pid;
			spans[slot].lock = lock;
			spans[slot].at = time;
		} else if (spans[slot].pid == pid && spans[slot].lock == lock &&
			   spans[slot].at) {
			seen(name, time - spans[slot].at);
			spans[slot].at = 0;
		}
	}
	fclose(f);
}

#endif /* TOOLS_BENCH_LOCK_TRACE_H */
