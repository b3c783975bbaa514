// SPDX-License-Identifier: GPL-2.0
/*
 * Fill a heap's pool before its memory is wanted; see dma-heap.8
 *
 * The pool caches the pages of closed buffers. An allocation takes cached pages
 * first, so the pool grows only by memory that is allocated while it is empty. This
 * program therefore allocates all cached pages and SIZE more before it closes a buffer.
 * It closes no more at a time than the queue takes; the closing task would free the rest.
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/resource.h>

#include "heap.h"

/* Bytes to allocate between two checks; at least one buffer */
#define STEP		(4 * MIB)

/* Memory is short if tasks waited for it in this percentage of the last 10 seconds */
#define MAX_PRESSURE	10

/* Standard streams, the heap, and files read in the meantime */
#define OTHER_FILES	16

static const char meminfo[] = "/proc/meminfo";

/* Why it ends */
static enum why { ALL, LIMIT, MEMORY, TIME, SIGNAL, FILES, ERROR, STUCK } why;
static const struct {
	const char *name, *text;
} reason[] = {
	[ALL] = { "all" },
	[LIMIT] = { "limit", "the pool is at its limit" },
	[MEMORY] = { "memory", "memory is short" },
	[TIME] = { "time", "the time is up" },
	[SIGNAL] = { "signal", "interrupted" },
	[FILES] = { "files", "too many open files; use larger buffers" },
	[ERROR] = { "error", "an allocation failed" },
	[STUCK] = { "stuck",
		"the pool does not grow: it is off or full, or other programs use it" },
};

static char stats_path[4096];		/* empty if there are no statistics */
static unsigned long long page_size, buffer_size, queue_limit;
static unsigned long long start, size;	/* bytes held at the start; bytes to add */
static unsigned long long slack;	/* possible error of either */
static int heap;

static struct buffer {
	int fd;
	unsigned long long len;
} *buffers;
static size_t nr_buffers, max_buffers, max_files;
static unsigned long long open_bytes;

static unsigned long long stat_value(const char *key)
{
	return file_value(stats_path, key);
}

/*
 * Returns the bytes cached and queued. Without statistics they include other drivers'
 * memory, and each CPU may have 125 pages that are not counted yet.
 */
static unsigned long long held(void)
{
	unsigned long long pool, queue;
	char buf[4096];

	if (!*stats_path)
		return file_value("/proc/vmstat", "nr_kernel_misc_reclaimable") *
		       page_size;
	if (!read_file(stats_path, buf, sizeof(buf)) ||
	    !find_value(buf, "pool_bytes", &pool) ||
	    !find_value(buf, "queue_bytes", &queue))
		errx(FAILED, "%s: can no longer be read", stats_path);
	return pool + queue;
}

/* How much more the heap and our open buffers hold than the heap held at the start */
static unsigned long long gained(void)
{
	unsigned long long now = held() + open_bytes;

	return now > start ? now - start : 0;
}

static bool enough(void)
{
	return gained() + slack >= size;
}

static bool memory_short(unsigned long long len)
{
	float pressure = 0;
	char buf[256];

	if (read_file("/proc/pressure/memory", buf, sizeof(buf)))
		sscanf(buf, "some avg10=%f", &pressure);
	return pressure >= MAX_PRESSURE ||
	       file_value(meminfo, "MemAvailable") * 1024 <
	       file_value(meminfo, "MemTotal") * 1024 / 5 + len;
}

static void progress(const char *doing)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%s: %llu MiB in use, %llu of %llu MiB gained ",
			doing, open_bytes / MIB, gained() / MIB, size / MIB);
}

static enum why take(unsigned long long len)
{
	struct buffer *b;

	if (nr_buffers + OTHER_FILES >= max_files)
		return FILES;
	if (nr_buffers == max_buffers) {
		max_buffers = max_buffers * 2 ?: 64;
		buffers = realloc(buffers, max_buffers * sizeof(*buffers));
		if (!buffers)
			err(FAILED, "buffers");
	}
	b = &buffers[nr_buffers];
	b->fd = alloc_buffer(heap, len);
	b->len = len;
	if (b->fd < 0) {
		warn("a buffer of %llu bytes", len);
		return ERROR;
	}
	nr_buffers++;
	open_bytes += len;
	return ALL;
}

static void take_all(void)
{
	unsigned long long now, step, len;

	while (!why && (now = gained()) < size) {
		step = buffer_size > STEP ? buffer_size : STEP;
		if (step > size - now)
			step = size - now;
		if (stopped())
			why = stopped() == SIGALRM ? TIME : SIGNAL;
		else if (memory_short(step))
			why = MEMORY;
		for (; step && !why; step -= len) {
			len = step < buffer_size ? step : buffer_size;
			why = take(len);
		}
		progress("allocating");
	}
}

/* Wait, at most ten seconds or so, until the queue has no more than @most */
static void wait_for_queue(unsigned long long most)
{
	int ms;

	for (ms = 0; !stopped() && ms < 10000 && stat_value("queue_bytes") > most; ms++)
		usleep(1000);
}

static void close_all(void)
{
	struct buffer *b;

	while (nr_buffers) {
		b = &buffers[--nr_buffers];
		if (*stats_path)
			wait_for_queue(queue_limit - b->len);
		close(b->fd);
		open_bytes -= b->len;
		/* Without statistics the queue is unknown, but any machine zeroes 1 GiB/s. */
		if (!*stats_path && !stopped())
			usleep(b->len / 1024);
		progress("closing");
	}
}

/* Wait until the queue is empty, or until the closed buffers show in /proc/vmstat */
static void settle(void)
{
	int tries;

	if (*stats_path)
		wait_for_queue(0);
	for (tries = 0; !*stats_path && !stopped() && tries < 30 && !enough(); tries++)
		usleep(100000);
}

/* Returns the pool's limit, or 0 if that is not known. */
static unsigned long long look_at_heap(const char *name)
{
	unsigned long long pool_limit;

	snprintf(stats_path, sizeof(stats_path), "%s/%s/stats", stats_dir, name);
	if (access(stats_path, R_OK)) {
		if (errno == ENOENT && !access(stats_dir, R_OK))
			errx(FAILED, "%s: the heap has no pool to fill", name);
		warnx("%s: %s; using /proc/vmstat; the limits are not known",
		      stats_dir, no_stats());
		*stats_path = '\0';
		/* This is the heap's default. */
		queue_limit = file_value(meminfo, "MemTotal") * 1024 / 8;
		slack = 125 * page_size * sysconf(_SC_NPROCESSORS_ONLN);
		return 0;
	}
	queue_limit = stat_value("queue_limit_bytes");
	pool_limit = stat_value("pool_limit_bytes");
	if (!pool_limit || !queue_limit)
		errx(FAILED, "%s: the pool is off, as %s_limit_mb is 0", name,
		     pool_limit ? "queue" : "pool");
	if (size > pool_limit)
		errx(FAILED, "SIZE of %llu MiB: pool_limit_mb is %llu", size / MIB,
		     pool_limit / MIB);
	return pool_limit;
}

static void report(const char *name, unsigned long long reached)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
	if (json) {
		printf("{\"heap\":");
		print_string(name);
		printf(",\"wanted_bytes\":%llu,\"reached_bytes\":%llu,\"ended_by\":\"%s\"}\n",
		       size, reached, reason[why].name);
	} else if (!why) {
		printf("%s: the pool holds %.1f MiB more\n", name,
		       (double)reached / MIB);
	} else {
		printf("%s: the pool holds %.1f of %.1f MiB more: %s\n", name,
		       (double)reached / MIB, (double)size / MIB, reason[why].text);
	}
}

/* Let one program fill a heap at a time, so that none counts another's pages. */
static void lock_heap(const char *name)
{
	if (!flock(heap, LOCK_EX | LOCK_NB))
		return;
	warnx("%s: waiting for another fill", name);
	while (flock(heap, LOCK_EX))
		if (stopped())
			errx(SHORT, "%s: nothing was filled", name);
}

int cmd_fill(int argc, char **argv)
{
	unsigned long long limit, before, wanted;
	unsigned int seconds = 0;
	struct rlimit files;
	bool nice = true;
	const char *name;
	int opt;

	while ((opt = next_option(argc, argv, "b:t:n")) >= 0) {
		if (opt == 'b')
			buffer_size = parse_size(optarg, "buffer size");
		else if (opt == 't')
			seconds = parse_number(optarg, "seconds");
		else
			nice = false;
	}
	if (argc - optind != 1)
		usage();
	page_size = sysconf(_SC_PAGESIZE);
	size = parse_size(argv[optind], "SIZE");
	size = (size + page_size - 1) / page_size * page_size;
	if (size / 1024 > file_value(meminfo, "MemTotal"))
		errx(FAILED, "SIZE of %llu MiB: there are %llu MiB of memory",
		     size / MIB, file_value(meminfo, "MemTotal") / 1024);

	heap = open_heap(&name);
	catch_signals(seconds);
	limit = look_at_heap(name);
	if (!buffer_size)
		buffer_size = queue_limit < 8 * MIB ? queue_limit : 8 * MIB;
	buffer_size = (buffer_size + page_size - 1) / page_size * page_size;
	if (buffer_size > queue_limit)
		errx(FAILED, "buffers of %llu KiB are not cached: the queue takes %llu KiB",
		     buffer_size / 1024, queue_limit / 1024);
	lock_heap(name);
	if (nice)
		setpriority(PRIO_PROCESS, 0, 19);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
		max_files = files.rlim_max;
	}

	wanted = size;
	start = held();
	if (limit && start + size > limit)
		size = start < limit ? limit - start : 0;
	/* Repeat if other buffers filled the queue, or reclaim freed pages of the pool */
	do {
		before = gained();
		take_all();
		close_all();
		settle();
		if (!why && !enough() && gained() <= before)
			why = STUCK;
	} while (!why && !enough());
	if (!why && size < wanted)
		why = LIMIT;
	size = wanted;
	report(name, gained());
	return why ? SHORT : DONE;
}
