// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once, for as long as is wanted.
 *
 *   system-heap-soak [MINUTES]
 *
 * Runs tasks that check every byte of what they get and every page's stamp before
 * they close it, tasks that churn large buffers, tasks that are killed in the middle,
 * two that together want most of the memory again and again, one that changes the
 * parameters, some that ask for nonsense, and, where the kernel can, allocations
 * that fail. At the end all memory must be free again. Exits with 0 only if
 * nothing was stale, foreign, lost or killed. Prints its figures, also while it runs.
 */
#include <signal.h>
#include <sys/wait.h>

#include "heap_fault_util.h"
#include "heap_fuzz_util.h"
#include "heap_pressure_util.h"

/* With two that are killed, 16 tasks that allocate */
#define NR_OWNERS	10
#define NR_CHURNERS	4
#define NR_KILLED	2
#define NR_SQUEEZERS	2
#define NR_FUZZERS	6
#define NR_HELD		8
#define CHURN_LEN	(32 * MIB)

static struct figures {
	bool stop;
	bool faults;
	unsigned long long buffers, verified, stale, foreign;
	unsigned long long refused, fuzzed, kills, pressure, squeezed;
	unsigned long long changes, errors;
	int first_error;
	const char *wrong;	/* what a fuzzer saw go wrong */
} *fig;

static void count(unsigned long long *what, unsigned long nr)
{
	__atomic_fetch_add(what, nr, __ATOMIC_RELAXED);
}

static bool stopping(void)
{
	return __atomic_load_n(&fig->stop, __ATOMIC_RELAXED);
}

/* An allocation may fail only where failures are injected, which is here */
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

struct held {
	__u64 *map;
	size_t size;
	int fd;
};

/* Every page has its owner's stamp at both ends, and a pattern in between */
static void give(struct held *h, __u64 stamp)
{
	size_t words = PAGE_BYTES / sizeof(__u64), at;
	__u64 *p;

	for (at = 0; h->map && at < h->size; at += PAGE_BYTES) {
		p = h->map + at / sizeof(*p);
		if (p[0] != stamp + at || p[words - 1] != stamp + at)
			count(&fig->foreign, 1);
	}
	if (h->map) {
		munmap(h->map, h->size);
		close(h->fd);
	}
	h->map = NULL;
}

static void take(struct held *h, int heap, size_t len, __u64 stamp,
		 int fail)
{
	size_t words = PAGE_BYTES / sizeof(__u64), at;
	__u64 *p;

	h->fd = get(heap, len, fail);
	if (h->fd < 0)
		return;
	h->size = buf_size(h->fd);
	h->map = buf_map(h->fd, h->size);
	if (!h->map) {
		count(&fig->errors, 1);
		close(h->fd);
		return;
	}
	if (find_nonzero(h->map, h->size) >= 0)
		count(&fig->stale, 1);
	count(&fig->verified, h->size);
	memset(h->map, 0xa5, h->size);
	for (at = 0; at < h->size; at += PAGE_BYTES) {
		p = h->map + at / sizeof(*p);
		p[0] = stamp + at;
		p[words - 1] = stamp + at;
	}
}

static void own(unsigned int me)
{
	static const size_t sizes[] = {
		4 * KIB, 12 * KIB, 64 * KIB, 70000, 300 * KIB, MIB,
		MIB + 68 * KIB, 2 * MIB, 3 * MIB + 4097,
	};
	struct held held[NR_HELD] = {};
	__u64 stamps[NR_HELD] = {};
	unsigned int rnd = me * 7919 + 1, n = 0, i;
	int heap = heap_open(), status, fail = -1;

	if (fig->faults)
		fail = open("/proc/self/make-it-fail", O_WRONLY | O_CLOEXEC);
	while (!stopping()) {
		i = next_random(&rnd) % NR_HELD;
		give(&held[i], stamps[i]);
		n++;
		stamps[i] = (__u64)me << 40 | (__u64)n << 24;
		take(&held[i], heap, sizes[next_random(&rnd) % 9], stamps[i],
		     fail);
		/* A child inherits the buffers, and exits without closing any */
		if (n % 64 == 0) {
			pid_t pid = fork();

			if (!pid)
				_exit(0);
			if (pid > 0 && next_random(&rnd) % 2)
				waitpid(pid, &status, 0);
		}
		while (waitpid(-1, &status, WNOHANG) > 0)
			;
	}
	for (i = 0; i < NR_HELD; i++)
		give(&held[i], stamps[i]);
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
	int status, heap = heap_open(), held;
	pid_t pid;

	while (!stopping()) {
		pid = fork();
		if (!pid) {
			for (held = 0;; held++) {
				int buf = heap_alloc(heap, 9 * MIB + 60 * KIB);

				if (held > 3)
					close(buf);
			}
		}
		usleep(next_random(&rnd) % 100000);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		count(&fig->kills, 1);
	}
}

/* Two of these want most of what is available at once */
static void squeeze(unsigned int me)
{
	long long want;
	int status;
	pid_t pid;

	while (!stopping()) {
		want = meminfo_read("MemAvailable") / 10 * 4;
		pid = fork();
		if (!pid)
			_exit(touch_memory(want));
		waitpid(pid, &status, 0);
		count(&fig->pressure, 1);
		if (status)
			count(&fig->squeezed, 1);
		sleep(1);
		heap_drain();
		write_text("/proc/sys/vm/drop_caches", "2");
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
		heap_set_param_text("zero_method", next_random(&rnd) % 4 ?
				    "vmap" : "direct");
		heap_set_param("queue_limit_mb", next_random(&rnd) % 4 ?
			       p.queue_limit_mb : next_random(&rnd) % 3);
		/* Not 0: without a pool, a senseless size takes all memory */
		heap_set_param("pool_limit_mb", next_random(&rnd) % 4 ?
			       p.pool_limit_mb : 1 + next_random(&rnd) % 31);
		count(&fig->changes, 3);
		usleep(200000);
	}
	heap_params_restore(&p);
}

static void ask_nonsense(unsigned int me)
{
	struct fuzzer f;
	int slots[NR_FUZZ_SLOTS];
	unsigned long seen;

	memset(slots, -1, sizeof(slots));
	if (!fuzz_init(&f, me * 20201203, slots))
		_exit(1);
	while (!stopping()) {
		for (seen = f.done; f.done < seen + 64; )
			fuzz_one(&f);
		count(&fig->fuzzed, f.done - seen);
	}
	if (f.wrong)
		fig->wrong = f.wrong;
}

static void start(pid_t *pid, void (*role)(unsigned int me), unsigned int me)
{
	*pid = fork();
	if (*pid)
		return;
	role(me);
	_exit(0);
}

static void show(double since)
{
	printf("# %5.0f s: %llu buffers, %.1f GiB verified, %llu kills, ",
	       seconds() - since, fig->buffers,
	       (double)fig->verified / (1 << 30), fig->kills);
	printf("%llu pressure events, %llu failed by injection, %llu fuzzed calls, ",
	       fig->pressure, fig->refused, fig->fuzzed);
	printf("%llu stale, %llu foreign\n", fig->stale, fig->foreign);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	double minutes = argc > 1 ? atof(argv[1]) : 1, began = seconds(), next;
	pid_t pids[NR_OWNERS + NR_CHURNERS + NR_KILLED + NR_SQUEEZERS + NR_FUZZERS + 1];
	long long misc, known, oom, missing = 0;
	int nr = 0, i, status, died = 0;
	struct heap_params params;
	struct heap_stats st;
	const char *why;
	bool bad, empty;

	why = heap_missing(&params);
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

	for (i = 0; i < NR_OWNERS; i++)
		start(&pids[nr++], own, i + 1);
	for (i = 0; i < NR_CHURNERS; i++)
		start(&pids[nr++], churn, i + 1);
	for (i = 0; i < NR_KILLED; i++)
		start(&pids[nr++], kill_some, i + 1);
	for (i = 0; i < NR_SQUEEZERS; i++)
		start(&pids[nr++], squeeze, i + 1);
	start(&pids[nr++], change, 1);
	for (i = 0; i < NR_FUZZERS; i++)
		start(&pids[nr++], ask_nonsense, i + 1);

	next = began + 30;
	while (seconds() < began + minutes * 60) {
		usleep(200000);
		if (seconds() > next) {
			show(began);
			next += 30;
		}
	}
	fig->stop = true;
	for (i = 0; i < nr; i++) {
		waitpid(pids[i], &status, 0);
		died += status != 0;
	}
	if (fig->faults) {
		faults_for(heap_thread(), false);
		faults_off();
	}

	heap_params_restore(&params);
	empty = heap_drain_all(&st);
	for (i = 0; i < NR_HEAP_ORDERS; i++)
		missing += (st.order[i].cached + st.order[i].inflight) <<
			   st.order[i].order;
	misc = llabs(misc_reclaimable() - misc);
	if (misc > MISC_TOLERANCE)
		missing += misc;
	known -= known_memory();
	if (known > known_memory_tolerance())
		missing += known / (long long)PAGE_BYTES;
	oom = vmstat_read("oom_kill") - oom;

	show(began);
	printf("# allocations %llu\n# GiB verified %.2f\n", fig->buffers,
	       (double)fig->verified / (1 << 30));
	if (fig->faults)
		printf("# faults injected %llu allocations refused, %lld KiB not zeroed\n",
		       fig->refused, st.zero_failed_bytes / 1024);
	else
		printf("# faults injected none, this kernel cannot\n");
	printf("# kills %llu\n# pressure events %llu\n# parameter changes %llu\n",
	       fig->kills, fig->pressure, fig->changes);
	printf("# fuzzed calls %llu, wrong: %s\n", fig->fuzzed,
	       fig->wrong ? fig->wrong : "none");
	printf("# stale %llu, foreign %llu, errors %llu (first: %d)\n",
	       fig->stale, fig->foreign, fig->errors, fig->first_error);
	printf("# OOM kills %lld, tasks that died %d\n", oom, died);
	printf("# lost %lld\n", missing);
	bad = fig->stale || fig->foreign || fig->errors || fig->wrong ||
	      fig->squeezed || oom || died || missing || !empty ||
	      !fig->verified;
	printf("%sok 1 soak for %g minutes\n", bad ? "not " : "", minutes);
	return bad;
}
