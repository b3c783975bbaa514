/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers to read and write the kernel's text files in /proc, /sys and debugfs,
 * and to look up the values that several tests need.
 *
 * They report failure by return value and never print.
 */
#ifndef PROC_UTIL_H
#define PROC_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/types.h>

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

/*
 * Reclaimable pages that are neither page cache nor slab: the heap's. Other
 * users of this counter are few and quiet, MISC_TOLERANCE pages.
 */
#define MISC_TOLERANCE	16

static inline long long misc_reclaimable(void)
{
	return vmstat_read("nr_kernel_misc_reclaimable");
}

/* Pages on per-CPU lists are free, but in no line of meminfo; in bytes */
static inline long long cpu_list_bytes(void)
{
	FILE *file = fopen("/proc/zoneinfo", "r");
	long long sum = 0, nr;
	char line[256];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " count: %lld", &nr) == 1)
			sum += nr;
	fclose(file);
	return sum * sysconf(_SC_PAGESIZE);
}

/*
 * Memory that is free or that somebody accounts for, in bytes: what is missing
 * from it has leaked. Slabs are included: a debug kernel keeps freed objects;
 * leaked objects are for kmemleak to find.
 */
static inline long long known_memory(void)
{
	static const char * const keys[] = {
		"MemFree", "Slab", "PageTables", "KernelStack", "Percpu",
		"AnonPages", "Cached", "Buffers", NULL
	};
	const char * const *key;
	long long sum, value;

	write_text("/proc/sys/vm/drop_caches", "3");
	sum = cpu_list_bytes();
	for (key = keys; *key; key++) {
		value = meminfo_read(*key);
		sum += value > 0 ? value : 0;
	}
	return sum;
}

/*
 * How far known_memory() moves for reasons of its own. It is only asked to
 * notice a leak of pages that no counter of the heap knows; the heap's own
 * counters must be exact.
 *
 * KASAN keeps shadow pages for kernel mappings that are gone until these are
 * purged, an eighth of up to 96 MiB with 4 CPUs, and nobody accounts for them.
 * Kernels with kmemleak, which debugfs shows, are taken to have KASAN as well.
 */
static inline long long known_memory_tolerance(void)
{
	long long mib = access("/sys/kernel/debug/kmemleak", F_OK) ? 8 : 24;

	return mib << 20;
}

#endif /* PROC_UTIL_H */
