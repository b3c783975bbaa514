// SPDX-License-Identifier: GPL-2.0
/*
 * The benchmark: what allocating and closing a buffer costs, by size, for the
 * pooled heap ("system"), the kernel's original driver ("stock") and a heap
 * that exports nothing ("empty", the floor).
 *
 *   warm   allocate; the helper has caught up and sleeps     op alloc
 *   close  drop the last reference, helper asleep            op close
 *   cold   allocate; pool and queue are empty                op alloc
 *   touch  allocate, map, write to every page, warm          op touch
 *   churn  allocate and close back to back                   op loop, pair
 *   mix    a trace of surfaces coming and going              op alloc, pair
 *
 * "loop" and "alloc" of mix are what the application waits for; "pair" is what
 * the whole machine has done until the queue is empty, the helper's work
 * included. churn counts per pair, mix per pass of the trace.
 *
 * Output: result <case> <op> <heap> <size> <n> <p50> <p99> <mean>, and lines
 * that begin with # for the reader.
 *
 * The whole machine's work is the CPU time of this program's tasks plus that of
 * all kernel threads. Elapsed time would count the sleep in which this program
 * waits for the helper. CPU time is in nanoseconds of the scheduler's clock,
 * which on the deterministic machine runs on the time stamp counter: the ratio
 * is measured at the start.
 */
#include <ctype.h>
#include <dirent.h>
#include <getopt.h>
#include <pthread.h>

#include "heap.h"

#define MAX_SAMPLES	512
#define MAX_TASKS	64

struct size_plan {
	size_t len;
	int samples;		/* warm, close, touch */
	int cold;
	int pairs;		/* per block of churn */
};

/* A block of churn is, from 1 MiB on, more than a queue of usual size takes */
static const struct size_plan plans[] = {
	{  4 * KIB, 401, 101, 3000 },
	{ 64 * KIB, 401, 101, 3000 },
	{      MIB, 201, 101,  400 },
	{  8 * MIB,  61,  31,   64 },
	{ 32 * MIB,  31,  21,   24 },
};

#define CHURN_BLOCKS	7
#define MIX_PASSES	7

static double ticks_per_cpu_ns = 1;
static int nr_tasks = 1;
static uint64_t samples[MAX_SAMPLES];
static bool pooled;		/* whether the heap measured has a helper */

static void result(const char *name, const char *op, const char *heap,
		   size_t size, int n)
{
	double sum = 0;
	int i;

	sort_u64(samples, n);
	for (i = 0; i < n; i++)
		sum += samples[i];
	printf("result %s %s %s %zu %d %llu %llu %.0f\n", name, op, heap, size,
	       n, (unsigned long long)percentile(samples, n, 50),
	       (unsigned long long)percentile(samples, n, 99), sum / n);
	fflush(stdout);
}

/* ---- CPU time ---- */

/* clock_getcpuclockid() for another process, which libc restricts to users */
static clockid_t cpu_clock(pid_t pid)
{
	return ((clockid_t)~pid << 3) | 2;
}

static uint64_t cpu_ns(clockid_t clock)
{
	struct timespec ts;

	return clock_gettime(clock, &ts) ? 0 : timespec_ns(&ts);
}

static pid_t kthreads[1024];
static int nr_kthreads;

/* Kernel threads are the children of kthreadd, which is process 2 */
static void find_kthreads(void)
{
	struct dirent *d;
	DIR *dir;

	dir = opendir("/proc");
	if (!dir)
		fail("/proc: %s", strerror(errno));
	nr_kthreads = 0;
	while ((d = readdir(dir))) {
		char path[64], buf[512], *p;
		ssize_t n;
		int fd, ppid;

		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%.16s/stat", d->d_name);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			continue;
		n = read(fd, buf, sizeof(buf) - 1);
		close(fd);
		buf[n > 0 ? n : 0] = '\0';
		p = strrchr(buf, ')');
		if (!p || sscanf(p + 1, " %*c %d", &ppid) != 1 || ppid != 2)
			continue;
		if (nr_kthreads < (int)ARRAY_SIZE(kthreads))
			kthreads[nr_kthreads++] = atoi(d->d_name);
	}
	closedir(dir);
}

/* What the kernel threads have used; the ones that exist now */
static uint64_t kthreads_ns(void)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < nr_kthreads; i++)
		sum += cpu_ns(cpu_clock(kthreads[i]));
	return sum;
}

static void calibrate_cpu_clock(void)
{
	uint64_t ns, ticks;

	if (!clock_instructions)
		return;
	ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	ticks = now();
	spin(20000000);
	ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - ns;
	ticks = now() - ticks;
	ticks_per_cpu_ns = (double)ticks / ns;
	printf("# CPU clock: %.5f instructions per nanosecond\n",
	       ticks_per_cpu_ns);
}

/* ---- the machine's state before a measurement ---- */

static void caught_up(void)
{
	if (pooled)
		heap_caught_up();
	else
		usleep(1000);
}

static void drained(void)
{
	if (pooled)
		heap_drain();
	usleep(1000);
}

/* ---- cases ---- */

static void bench_warm(int heap, const char *name, const struct size_plan *p,
		       bool report_alloc, bool report_close)
{
	static uint64_t closing[MAX_SAMPLES];
	uint64_t t;
	int i, buf;

	for (i = -3; i < p->samples; i++) {
		caught_up();
		t = now();
		buf = heap_alloc(heap, p->len);
		t = now() - t;
		if (i >= 0)
			samples[i] = t;
		/* The allocation may have woken the helper as well */
		usleep(1000);
		t = now();
		close(buf);
		t = now() - t;
		if (i >= 0)
			closing[i] = t;
	}
	caught_up();
	if (report_alloc)
		result("warm", "alloc", name, p->len, p->samples);
	if (report_close) {
		memcpy(samples, closing, sizeof(samples));
		result("close", "close", name, p->len, p->samples);
	}
}

static void bench_cold(int heap, const char *name, const struct size_plan *p)
{
	uint64_t t;
	int i, buf;

	for (i = -2; i < p->cold; i++) {
		drained();
		t = now();
		buf = heap_alloc(heap, p->len);
		t = now() - t;
		if (i >= 0)
			samples[i] = t;
		close(buf);
	}
	caught_up();
	result("cold", "alloc", name, p->len, p->cold);
}

static void bench_touch(int heap, const char *name, const struct size_plan *p)
{
	long page = sysconf(_SC_PAGESIZE);
	int i, buf, n = p->samples;
	uint64_t t;
	size_t at;
	char *m;

	for (i = -3; i < n; i++) {
		caught_up();
		t = now();
		buf = heap_alloc(heap, p->len);
		m = heap_map(buf, p->len);
		for (at = 0; at < p->len; at += page)
			*(volatile char *)(m + at) = 1;
		t = now() - t;
		if (i >= 0)
			samples[i] = t;
		munmap(m, p->len);
		close(buf);
	}
	caught_up();
	result("touch", "touch", name, p->len, n);
}

struct churner {
	pthread_t thread;
	uint64_t cpu;
	size_t len;
	int heap, pairs;
};

static void *churn(void *arg)
{
	struct churner *c = arg;
	uint64_t start = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	int i;

	for (i = 0; i < c->pairs; i++)
		close(heap_alloc(c->heap, c->len));
	c->cpu = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - start;
	return NULL;
}

/* One block by all tasks; returns the CPU time they used, in ns */
static uint64_t churn_block(int heap, const struct size_plan *p,
			    uint64_t *elapsed)
{
	static struct churner c[MAX_TASKS];
	uint64_t cpu = 0, start;
	int i;

	start = now();
	for (i = 0; i < nr_tasks; i++) {
		c[i].heap = heap;
		c[i].len = p->len;
		c[i].pairs = p->pairs;
		if (nr_tasks == 1)
			churn(&c[i]);
		else if (pthread_create(&c[i].thread, NULL, churn, &c[i]))
			fail("pthread_create");
	}
	for (i = 0; i < nr_tasks; i++) {
		if (nr_tasks > 1)
			pthread_join(c[i].thread, NULL);
		cpu += c[i].cpu;
	}
	*elapsed = now() - start;
	return cpu;
}

static void bench_churn(int heap, const char *name, const struct size_plan *p)
{
	uint64_t loop[CHURN_BLOCKS], elapsed, cpu;
	int i, pairs = p->pairs * nr_tasks;

	for (i = -1; i < CHURN_BLOCKS; i++) {
		caught_up();
		find_kthreads();
		cpu = kthreads_ns();
		cpu = churn_block(heap, p, &elapsed) - cpu;
		caught_up();
		cpu += kthreads_ns();
		if (i < 0)
			continue;
		loop[i] = elapsed / pairs;
		samples[i] = cpu * ticks_per_cpu_ns / pairs;
	}
	result("churn", "pair", name, p->len, CHURN_BLOCKS);
	memcpy(samples, loop, sizeof(loop));
	result("churn", "loop", name, p->len, CHURN_BLOCKS);
}

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

static unsigned int rnd(unsigned int below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 17;
	rnd_state ^= rnd_state << 5;
	return rnd_state % below;
}

static size_t surface_size(void)
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
static void mix_pass(int heap, uint64_t *foreground, uint64_t *cpu)
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

static void bench_mix(int heap, const char *name)
{
	uint64_t front[MIX_PASSES], t, cpu, helper;
	int i;

	for (i = -1; i < MIX_PASSES; i++) {
		caught_up();
		find_kthreads();
		helper = kthreads_ns();
		mix_pass(heap, &t, &cpu);
		caught_up();
		helper = kthreads_ns() - helper;
		if (i < 0)
			continue;
		front[i] = t;
		samples[i] = (cpu + helper) * ticks_per_cpu_ns;
	}
	result("mix", "pair", name, 0, MIX_PASSES);
	memcpy(samples, front, sizeof(front));
	result("mix", "alloc", name, 0, MIX_PASSES);
}

/* ---- what to run ---- */

static const char *only_case, *only_heap;
static size_t only_size;

static bool wanted(const char *name)
{
	return !only_case || !strcmp(only_case, name);
}

static void bench_heap(const char *name)
{
	bool empty = !strcmp(name, "empty");
	unsigned int i;
	int heap;

	if (only_heap && strcmp(only_heap, name))
		return;
	heap = heap_open(name);
	pooled = !strcmp(name, "system");
	if (pooled && !heap_has_stats())
		fail("%s: %s", HEAP_STATS, strerror(errno));

	for (i = 0; i < ARRAY_SIZE(plans); i++) {
		const struct size_plan *p = &plans[i];

		if (only_size && only_size != p->len)
			continue;
		/* What another size or case left behind is no part of this */
		drained();
		if (wanted("warm") || wanted("close"))
			bench_warm(heap, name, p, wanted("warm"),
				   wanted("close"));
		if (wanted("cold") && !empty)
			bench_cold(heap, name, p);
		if (wanted("touch") && !empty)
			bench_touch(heap, name, p);
		if (wanted("churn"))
			bench_churn(heap, name, p);
	}
	if (wanted("mix") && !empty && !only_size) {
		drained();
		bench_mix(heap, name);
	}
	close(heap);
}

/* What two readings of the clock in a row give: part of every alloc and close */
static void report_clock_cost(void)
{
	int i, n = 101;

	for (i = 0; i < n; i++) {
		uint64_t t = now();

		samples[i] = now() - t;
	}
	sort_u64(samples, n);
	printf("# reading the clock costs %llu, included in every sample\n",
	       (unsigned long long)percentile(samples, n, 50));
}

static void __attribute__((noreturn)) usage(void)
{
	fail("usage: heap-bench [--unit instructions|ns] [--case NAME] [--heap NAME]\n"
	     "                  [--size BYTES] [--tasks N (churn)] [--zero-method vmap|direct]");
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "unit", required_argument, NULL, 'u' },
		{ "case", required_argument, NULL, 'c' },
		{ "heap", required_argument, NULL, 'h' },
		{ "size", required_argument, NULL, 's' },
		{ "tasks", required_argument, NULL, 't' },
		{ "zero-method", required_argument, NULL, 'z' },
		{}
	};
	static const char * const cases[] = {
		"warm", "close", "cold", "touch", "churn", "mix"
	};
	const char *unit = "instructions", *method = NULL;
	char text[64];
	unsigned int i;
	double ratio;
	int opt;

	progname = "heap-bench";
	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (opt) {
		case 'u':
			unit = optarg;
			break;
		case 'c':
			only_case = optarg;
			break;
		case 'h':
			only_heap = optarg;
			break;
		case 's':
			only_size = strtoul(optarg, NULL, 0);
			break;
		case 't':
			nr_tasks = atoi(optarg);
			break;
		case 'z':
			method = optarg;
			break;
		default:
			usage();
		}
	}
	if (optind != argc || nr_tasks < 1 || nr_tasks > MAX_TASKS)
		usage();
	for (i = 0; only_case && i < ARRAY_SIZE(cases); i++)
		if (!strcmp(cases[i], only_case))
			break;
	if (only_case && i == ARRAY_SIZE(cases))
		fail("no case %s", only_case);
	for (i = 0; only_size && i < ARRAY_SIZE(plans); i++)
		if (plans[i].len == only_size)
			break;
	if (only_size && i == ARRAY_SIZE(plans))
		fail("no size %zu", only_size);
	if (method)
		write_text(HEAP_PARAMS "zero_method", method);

	/* No page fault of ours in a measurement */
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		printf("# mlockall: %s\n", strerror(errno));
	memset(samples, 0xff, sizeof(samples));

	ratio = clock_setup(unit);
	printf("# unit %s", unit);
	if (ratio)
		printf(", %.4f ticks of the time stamp counter per instruction",
		       ratio);
	printf("\n");
	calibrate_cpu_clock();
	report_clock_cost();
	if (heap_has_stats()) {
		read_text(HEAP_PARAMS "zero_method", text, sizeof(text));
		text[strcspn(text, "\n")] = '\0';
		printf("# zero_method %s", text);
		read_text(HEAP_PARAMS "zero_batch", text, sizeof(text));
		text[strcspn(text, "\n")] = '\0';
		printf(", zero_batch %s, pool limit %lld, queue limit %lld bytes\n",
		       text, file_value(HEAP_STATS, "pool_limit_bytes"),
		       file_value(HEAP_STATS, "queue_limit_bytes"));
	}
	printf("# churn by %d task%s; pair counts the helper's work until the queue is empty\n",
	       nr_tasks, nr_tasks == 1 ? "" : "s");

	bench_heap("system");
	bench_heap("stock");
	bench_heap("empty");
	return 0;
}
