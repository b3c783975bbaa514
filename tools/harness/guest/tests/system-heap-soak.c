// SPDX-License-Identifier: GPL-2.0
/*
 * Soak test of the pooled system heap: all kinds of use at once
 *
 *   system-heap-soak [MINUTES]
 *
 * Some tasks check every byte and every page's stamp of their buffers. Others churn
 * large buffers, or are killed in the middle. Two together want most of the memory,
 * and one changes the parameters. Allocations fail, if the kernel can inject failures.
 * At the end all memory must be free again. Exits with 0 only if no page was stale,
 * foreign or lost, and the kernel killed no task.
 */
#include "heap_guest_util.h"
#include "heap_pressure_util.h"

#define NR_HELD		8
#define CHURN_LEN	(32 * MIB)

static struct figures {
	bool stop;
	bool faults;
	unsigned long long buffers, verified, stale, foreign;
	unsigned long long refused, kills, pressure, squeezed;
	unsigned long long changes, errors;
	int first_error;
} *fig;

static void count(unsigned long long *what, unsigned long nr)
{
	__atomic_fetch_add(what, nr, __ATOMIC_RELAXED);
}

static bool stopping(void)
{
	return __atomic_load_n(&fig->stop, __ATOMIC_RELAXED);
}

/* Allocate. It may fail with ENOMEM, but only if failures are injected in this run. */
static int get(int heap, size_t len, int fail)
{
	int buf;

	if (fail >= 0)
		pwrite(fail, "1", 1, 0);
	buf = heap_alloc(heap, len);
	if (fail >= 0)
		pwrite(fail, "0", 1, 0);
	if (buf >= 0) {
		count(&fig->buffers, 1);
	} else if (fig->faults && buf == -ENOMEM) {
		count(&fig->refused, 1);
	} else {
		fig->first_error = buf;
		count(&fig->errors, 1);
	}
	return buf;
}

static void give(struct stamped *s)
{
	if (unstamp_buffer(s))
		count(&fig->foreign, 1);
}

static void take(struct stamped *s, int heap, size_t len, unsigned long long stamp,
		 int fail)
{
	int buf = get(heap, len, fail), ret;

	if (buf < 0)
		return;
	ret = stamp_buffer(s, buf, stamp);
	if (ret == -EILSEQ)
		count(&fig->stale, 1);
	else if (ret)
		count(&fig->errors, 1);
	count(&fig->verified, s->size);
}

static void own(unsigned int me)
{
	static const size_t sizes[] = {
		4 * KIB, 12 * KIB, 64 * KIB, 70000, 300 * KIB, MIB,
		MIB + 68 * KIB, 2 * MIB, 3 * MIB + 4097,
	};
	struct stamped held[NR_HELD] = {};
	unsigned int rnd = me * 7919 + 1, i;
	int heap = heap_open(), fail = -1;
	unsigned long long n;
	pid_t pid;

	if (fig->faults)
		fail = open("/proc/self/make-it-fail", O_WRONLY | O_CLOEXEC);
	for (n = 1; !stopping(); n++) {
		i = next_random(&rnd) % NR_HELD;
		give(&held[i]);
		take(&held[i], heap, sizes[next_random(&rnd) % ARRAY_SIZE(sizes)],
		     (unsigned long long)me << 56 | n << 24, fail);
		/* A child inherits the buffers, and exits without closing any */
		if (n % 64 == 0) {
			pid = fork();
			if (!pid)
				_exit(0);
			if (pid > 0 && next_random(&rnd) % 2)
				waitpid(pid, NULL, 0);
		}
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	for (i = 0; i < NR_HELD; i++)
		give(&held[i]);
}

static void churn(unsigned int me)
{
	int heap = heap_open(), buf, n;

	for (n = me; !stopping(); n++) {
		buf = get(heap, CHURN_LEN, -1);
		if (buf < 0)
			continue;
		if (n % 2 == 0) {
			if (buf_check_and_soil(buf) >= 0)
				count(&fig->stale, 1);
			count(&fig->verified, CHURN_LEN);
		}
		close(buf);
	}
}

static void kill_some(unsigned int me)
{
	unsigned int rnd = me + 77;
	int heap = heap_open(), held;
	pid_t pid;

	while (!stopping()) {
		pid = fork_child();
		if (!pid) {
			for (held = 0;; held++) {
				int buf = heap_alloc(heap, 9 * MIB + 60 * KIB);

				if (held > 3)
					close(buf);
			}
		}
		usleep(next_random(&rnd) % 100000);
		kill_child(pid);
		count(&fig->kills, 1);
	}
}

/* Two of these together want most of the available memory */
static void squeeze(unsigned int me)
{
	long long want;
	pid_t pid;

	while (!stopping()) {
		want = meminfo_read("MemAvailable") / 10 * 4;
		pid = fork_child();
		if (!pid)
			_exit(touch_memory(want));
		count(&fig->pressure, 1);
		if (wait_child(pid))
			count(&fig->squeezed, 1);
		sleep(1);
		heap_drain();
		drop_kernel_caches("2");
		count(&fig->pressure, 2);
		sleep(2 + me % 2);
	}
}

static void change(unsigned int me)
{
	struct heap_params p;
	unsigned int rnd = me + 3;

	if (heap_params_save(&p))
		return;
	while (!stopping()) {
		heap_set_param_text("zero_method", next_random(&rnd) % 4 ? "vmap" : "direct");
		heap_set_limits(next_random(&rnd) % 4 ? p.pool_limit_mb :
				next_random(&rnd) % 32,
				next_random(&rnd) % 4 ? p.queue_limit_mb :
				next_random(&rnd) % 3);
		count(&fig->changes, 3);
		usleep(200000);
	}
	heap_params_restore(&p);
}

/* 14 tasks allocate. Two others start a child that does, and kill it. */
static const struct {
	void (*run)(unsigned int me);
	unsigned int nr;
} roles[] = { { own, 10 }, { churn, 4 }, { kill_some, 2 }, { squeeze, 2 }, { change, 1 } };

int main(int argc, char **argv)
{
	double minutes = argc > 1 ? atof(argv[1]) : 1;
	long long misc, known, oom, missing = 0;
	struct heap_params params;
	const char *why = heap_missing(&params);
	unsigned int role, me, i;
	struct heap_stats st;
	bool bad, empty;
	int died = 0, status;
	pid_t pid;

	if (why) {
		printf("TAP version 13\n1..0 # SKIP %s\n", why);
		return 4;
	}
	fig = mmap(NULL, sizeof(*fig), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	printf("TAP version 13\n1..1\n");
	heap_drain_all(&st);
	misc = misc_reclaimable();
	oom = vmstat_read("oom_kill");
	known = known_memory();
	fig->faults = faults_available() && !faults_on(2);
	if (fig->faults)
		faults_for(heap_thread(), true);

	for (role = 0; role < ARRAY_SIZE(roles); role++) {
		for (me = 1; me <= roles[role].nr; me++) {
			pid = fork_child();
			if (pid) {
				died += pid < 0;
				continue;
			}
			roles[role].run(me);
			_exit(0);
		}
	}

	sleep(minutes * 60 + 0.5);
	fig->stop = true;
	while (waitpid(-1, &status, 0) > 0)
		died += status != 0;
	if (fig->faults) {
		faults_for(heap_thread(), false);
		faults_on(0);
	}

	heap_params_restore(&params);
	empty = heap_drain_all(&st);
	for (i = 0; i < NR_HEAP_ORDERS; i++)
		missing += (st.order[i].cached + st.order[i].inflight) *
			   (long long)(PAGE_BYTES << st.order[i].order);
	misc = llabs(misc_reclaimable() - misc);
	if (misc > MISC_TOLERANCE)
		missing += misc;
	known -= known_memory();
	if (known > known_memory_tolerance())
		missing += known;
	oom = vmstat_read("oom_kill") - oom;

	printf("# %llu buffers, %.1f GiB verified, %llu stale, %llu foreign\n", fig->buffers,
	       (double)fig->verified / (1 << 30), fig->stale, fig->foreign);
	printf("# %llu failed by injection%s, %llu kills, %llu pressure events, %llu changes\n",
	       fig->refused, fig->faults ? "" : " (this kernel has none)", fig->kills,
	       fig->pressure, fig->changes);
	printf("# %llu errors (first: %d), %lld OOM kills, %d tasks died, %lld bytes lost\n",
	       fig->errors, fig->first_error, oom, died, missing);
	bad = fig->stale || fig->foreign || fig->errors || fig->squeezed || oom || died ||
	      missing || !empty || !fig->verified;
	printf("%sok 1 soak for %g minutes\n", bad ? "not " : "", minutes);
	return bad;
}
