/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers to read and write the kernel's text files in /proc, /sys and debugfs,
 * to look up the values that several tests need, and to end child processes.
 *
 * They report failure by return value and never print.
 */
#ifndef PROC_UTIL_H
#define PROC_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>

static inline ssize_t read_text(const char *path, char *buf, size_t size)
{
	ssize_t n, len = 0;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf + len, size - 1 - len)) > 0)
		len += n;
	if (n < 0)
		len = -errno;
	close(fd);
	buf[len > 0 ? len : 0] = '\0';
	return len;
}

static inline int write_text(const char *path, const char *text)
{
	int fd, ret = 0;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* Write @text, and return what was there before in @old */
static inline int replace_text(const char *path, const char *text, char *old,
			       size_t size)
{
	ssize_t len = read_text(path, old, size);

	return len < 0 ? len : write_text(path, text);
}

/* The number after @key at the start of a line, as in vmstat and meminfo */
static inline long long text_value(const char *text, const char *key)
{
	size_t len = strlen(key);
	const char *line;

	for (line = text; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (!strncmp(line, key, len) &&
		    (line[len] == ' ' || line[len] == ':'))
			return strtoll(line + len + 1, NULL, 10);
	}
	return -1;
}

static inline long long file_value(const char *path, const char *key)
{
	char buf[16384];

	if (read_text(path, buf, sizeof(buf)) < 0)
		return -1;
	return text_value(buf, key);
}

/* A line of /proc/vmstat, with what the CPUs hold back folded in first */
static inline long long vmstat_read(const char *key)
{
	write_text("/proc/sys/vm/stat_refresh", "1");
	return file_value("/proc/vmstat", key);
}

/* A line of /proc/meminfo in bytes */
static inline long long meminfo_read(const char *key)
{
	long long kib;

	write_text("/proc/sys/vm/stat_refresh", "1");
	kib = file_value("/proc/meminfo", key);
	return kib < 0 ? kib : kib * 1024;
}

/* Free page cache or, with "2", slabs and what else has a shrinker; "3" is both */
static inline int drop_kernel_caches(const char *which)
{
	return write_text("/proc/sys/vm/drop_caches", which);
}

/*
 * Bytes that can be reclaimed and are neither page cache nor slab: the heap's.
 * Other users of this counter are few and quiet, MISC_TOLERANCE.
 */
#define MISC_TOLERANCE	(16LL * sysconf(_SC_PAGESIZE))

static inline long long misc_reclaimable(void)
{
	return vmstat_read("nr_kernel_misc_reclaimable") *
	       sysconf(_SC_PAGESIZE);
}

/* As fork(), but the child dies with its parent. */
static inline pid_t fork_child(void)
{
	pid_t pid = fork();

	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* Wait for a child. Returns its exit status, or -1 if a signal ended it. */
static inline int wait_child(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static inline void kill_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

#endif /* PROC_UTIL_H */
