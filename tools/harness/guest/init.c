// SPDX-License-Identifier: GPL-2.0
/*
 * PID 1 of the test guest
 *
 * Mounts what the tests need, runs the commands of /etc/guest.cmds one after
 * the other, reports on the second serial port or a virtio one, and ends the
 * guest.
 *
 * A line of /etc/guest.cmds is "NAME SECONDS PROGRAM [ARGUMENT...]".  For each,
 * the report has "@@BEGIN NAME", the program's own lines, and "@@END NAME"
 * followed by "exit=N", "signal=N" or "timeout"; "@@DONE" comes last.  What
 * reads this relies on nothing else: a report without @@DONE is a guest that
 * died.  The console is for people and is never parsed for results.
 *
 * Two programs are built in: "kunit" prints what the kernel's own test suites
 * reported at boot, "kmemleak" has the kernel look for leaks and fails when
 * there is one.  With "guest.shell" on the kernel's command line, a shell on
 * the console takes the place of the commands.  The module is loaded, if there is one.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MAX_ARGS 32

static int report_fd = 1;

static void report(const void *text, size_t len)
{
	const char *p = text;

	while (len) {
		ssize_t n = write(report_fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		p += n;
		len -= n;
	}
}

__attribute__((format(printf, 1, 2)))
static void reportf(const char *format, ...)
{
	char line[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (n > (int)sizeof(line) - 1)
		n = sizeof(line) - 1;
	report(line, n);
}

static void mount_at(const char *type, const char *dir, const char *options)
{
	mkdir(dir, 0755);
	if (mount(type, dir, type, 0, options) && errno != EBUSY)
		fprintf(stderr, "init: %s on %s: %s\n", type, dir, strerror(errno));
}

static void mount_all(void)
{
	mount_at("proc", "/proc", NULL);
	mount_at("sysfs", "/sys", NULL);
	mount_at("devtmpfs", "/dev", NULL);
	mount_at("debugfs", "/sys/kernel/debug", NULL);
	mount_at("tracefs", "/sys/kernel/tracing", NULL);
	mount_at("cgroup2", "/sys/fs/cgroup", NULL);
	mount_at("tmpfs", "/tmp", NULL);
	mount_at("tmpfs", "/dev/shm", NULL);
}

/*
 * To record the names of tasks, tracing patches the scheduler's code. An emulator of
 * several processors may still run an instruction that was replaced long ago.
 */
static void dont_patch_scheduler(void)
{
	int fd = open("/sys/kernel/tracing/options/record-cmd", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "0", 1) != 1)
		fprintf(stderr, "init: record-cmd: %s\n", strerror(errno));
	close(fd);
}

static int open_first(const char *path, const char *other)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

	return fd < 0 ? open(other, O_RDWR | O_NOCTTY | O_CLOEXEC) : fd;
}

/* Raw, so that the terminal layer changes no byte of the report. */
static int open_report(void)
{
	int fd = open_first("/dev/ttyS1", "/dev/vport0p1");
	struct termios t;

	if (fd < 0)
		return 1;
	if (!tcgetattr(fd, &t)) {
		cfmakeraw(&t);
		cfsetspeed(&t, B115200);
		tcsetattr(fd, TCSANOW, &t);
	}
	return fd;
}

static int copy_out(const char *path, size_t *total)
{
	char buf[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY);

	if (fd < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		*total += n;
		if (write(1, buf, n) != n)
			break;
	}
	close(fd);
	return n < 0 ? -1 : 0;
}

/* Every suite's results file; none at all is a failure. */
static int run_kunit(void)
{
	const char *root = "/sys/kernel/debug/kunit";
	DIR *dir = opendir(root);
	struct dirent *entry;
	char path[512];
	size_t total = 0;
	int ret = 0;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/results", root, entry->d_name);
		if (copy_out(path, &total))
			ret = 1;
	}
	if (!total) {
		fprintf(stderr, "no KUnit results in %s\n", root);
		return 1;
	}
	return ret;
}

/* Scan twice: kmemleak reports what a second scan finds unreferenced again. */
static int run_kmemleak(void)
{
	const char *path = "/sys/kernel/debug/kmemleak";
	size_t total = 0;
	int i, fd, ret = 0;

	for (i = 0; i < 2; i++) {
		sleep(6);	/* kmemleak spares what is younger than five seconds */
		fd = open(path, O_WRONLY);
		if (fd < 0 || write(fd, "scan", 4) != 4) {
			fprintf(stderr, "%s: %s\n", path, strerror(errno));
			ret = 1;
		}
		if (fd >= 0)
			close(fd);
	}
	if (copy_out(path, &total))
		ret = 1;
	return ret || total;
}

static int split(char *line, char **args)
{
	int n = 0;
	char *save, *word = strtok_r(line, " \t\n", &save);

	while (word && n < MAX_ARGS - 1) {
		args[n++] = word;
		word = strtok_r(NULL, " \t\n", &save);
	}
	args[n] = NULL;
	return n;
}

static void become(char **args)
{
	int null = open("/dev/null", O_RDONLY);

	dup2(null, 0);
	close(null);
	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	/* exit() would rewind the command list, which is shared with init. */
	if (!strcmp(args[0], "kunit"))
		_exit(run_kunit());
	if (!strcmp(args[0], "kmemleak"))
		_exit(run_kmemleak());
	execvp(args[0], args);
	fprintf(stderr, "%s: %s\n", args[0], strerror(errno));
	_exit(127);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/*
 * Pass on the program's lines until it has ended and nobody writes any more,
 * or its time is up.  Returns whether it ended by itself.
 */
static int follow(pid_t pid, int from, double deadline, int *status)
{
	struct pollfd p = { .fd = from, .events = POLLIN };
	int ended = 0, open_end = 1;
	char buf[4096];

	while (!ended || open_end) {
		if (!ended && waitpid(pid, status, WNOHANG) == pid) {
			ended = 1;
			/* Its children must not keep the pipe open. */
			kill(-pid, SIGKILL);
		}
		if (now() > deadline)
			break;
		if (!open_end) {
			usleep(10000);
			continue;
		}
		if (poll(&p, 1, ended ? 200 : 50) <= 0) {
			if (ended)
				break;
			continue;
		}
		ssize_t n = read(from, buf, sizeof(buf));

		if (n > 0)
			report(buf, n);
		else
			open_end = 0;
	}
	return ended;
}

static void run_command(const char *name, int seconds, char **args)
{
	double start = now();
	int pipe_fd[2], status = 0;
	pid_t pid;

	reportf("@@BEGIN %s\n", name);
	if (pipe2(pipe_fd, O_CLOEXEC)) {
		reportf("@@END %s exit=126\n", name);
		return;
	}
	pid = fork();
	if (!pid) {
		dup2(pipe_fd[1], 1);
		dup2(pipe_fd[1], 2);
		become(args);
	}
	close(pipe_fd[1]);
	if (pid > 0 && follow(pid, pipe_fd[0], start + seconds, &status)) {
		/* The marker starts a line, whatever the program did last. */
		if (WIFEXITED(status))
			reportf("\n@@END %s exit=%d\n", name, WEXITSTATUS(status));
		else
			reportf("\n@@END %s signal=%d\n", name, WTERMSIG(status));
	} else {
		if (pid > 0) {
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
		}
		reportf("\n@@END %s timeout\n", name);
	}
	close(pipe_fd[0]);
	/* Orphans were handed to us. */
	while (waitpid(-1, &status, WNOHANG) > 0)
		;
}

static void run_commands(void)
{
	FILE *f = fopen("/etc/guest.cmds", "re");
	char line[1024], *args[MAX_ARGS];

	if (!f) {
		fprintf(stderr, "init: no /etc/guest.cmds\n");
		return;
	}
	while (fgets(line, sizeof(line), f)) {
		if (split(line, args) >= 3)
			run_command(args[0], atoi(args[1]), args + 2);
	}
	fclose(f);
}

static int wants_shell(void)
{
	char line[4096];
	int fd = open("/proc/cmdline", O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);

	if (fd >= 0)
		close(fd);
	line[n > 0 ? n : 0] = '\0';
	return strstr(line, "guest.shell") != NULL;
}

/* A session of its own on the console, so that ^C and job control work. */
static void run_shell(void)
{
	int status, fd;
	pid_t pid = fork();

	if (!pid) {
		setsid();
		fd = open_first("/dev/ttyAMA0", "/dev/ttyS0");
		ioctl(fd, TIOCSCTTY, 1);
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		setenv("PS1", "guest:\\w# ", 1);
		setenv("HOME", "/tmp", 1);
		chdir("/tmp");
		execl("/bin/busybox", "sh", "-c",
		      "[ ! -e /bin/system_heap_pooled.ko ] ||\n"
		      "insmod /bin/system_heap_pooled.ko\n"
		      "echo /dev/dma_heap/*; exec sh -i", NULL);
		perror("/bin/busybox");
		_exit(127);
	}
	while (waitpid(-1, &status, 0) != pid)
		;
}

int main(void)
{
	mount_all();
	dont_patch_scheduler();
	signal(SIGPIPE, SIG_IGN);
	setenv("PATH", "/bin", 1);
	report_fd = open_report();

	if (wants_shell()) {
		run_shell();
	} else {
		run_commands();
		reportf("@@DONE\n");
		tcdrain(report_fd);
	}
	sync();
	reboot(RB_AUTOBOOT);
	return 1;
}
