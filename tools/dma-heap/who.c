// SPDX-License-Identifier: GPL-2.0
/*
 * Which process holds how much of which heap; see dma-heap.8
 *
 * Collect a record for each way in which a process holds a buffer, and one with pid 0
 * for each buffer that the kernel lists. Sort the records by buffer, and give each its
 * heap and size from the others of that buffer. Then sort them by process and add them up.
 */
#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heap.h"

#define BUFINFO		DEBUGFS "/dma_buf/bufinfo"
#define NAME_LEN	64
#define ALL		-1

struct hold {
	int pid;			/* 0: what the kernel lists; or ALL */
	unsigned long long ino;
	char heap[NAME_LEN];		/* empty: only a mapping was seen */
	unsigned long long size, by_fd, mapped;
	unsigned long long buffers;	/* how many this record counts as */
};

static struct hold *holds;
static size_t nr_holds, max_holds;
static unsigned int nr_hidden;

static void add(const struct hold *hold)
{
	if (nr_holds == max_holds) {
		max_holds = max_holds * 2 ?: 256;
		holds = realloc(holds, max_holds * sizeof(*holds));
		if (!holds)
			err(FAILED, "holds");
	}
	holds[nr_holds++] = *hold;
}

static void look_at_fds(int pid)
{
	char path[300], link[16], buf[1024], *name;
	struct dirent *entry;
	ssize_t n;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir) {
		nr_hidden += errno == EACCES;
		return;
	}
	while ((entry = readdir(dir))) {
		struct hold hold = { .pid = pid };

		snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid, entry->d_name);
		n = readlink(path, link, sizeof(link));
		if (n < 8 || strncmp(link, "/dmabuf:", 8))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", pid,
			 entry->d_name);
		if (!read_file(path, buf, sizeof(buf)) ||
		    !find_value(buf, "ino", &hold.ino) ||
		    !find_value(buf, "size", &hold.size))
			continue;
		name = strstr(buf, "\nexp_name:");
		if (!name || sscanf(name, "\nexp_name: %63s", hold.heap) != 1)
			continue;
		hold.by_fd = hold.size;
		add(&hold);
	}
	closedir(dir);
}

static void look_at_maps(int pid)
{
	unsigned long long from, to;
	char line[4400], path[32];
	FILE *file;
	int at;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file)) {
		struct hold hold = { .pid = pid };

		at = 0;
		if (sscanf(line, "%llx-%llx %*s %*s %*s %llu %n", &from, &to,
			   &hold.ino, &at) < 3 || !at ||
		    strncmp(line + at, "/dmabuf:", 8))
			continue;
		hold.mapped = to - from;
		add(&hold);
	}
	if (file)
		fclose(file);
}

/* Returns whether the kernel's list of buffers, even of those without a process, can be read. */
static bool look_at_bufinfo(void)
{
	FILE *file = fopen(BUFINFO, "r");
	char line[1024];

	while (file && fgets(line, sizeof(line), file)) {
		struct hold hold = { };

		if (sscanf(line, "%llu %*x %*x %*d %63s %llu", &hold.size,
			   hold.heap, &hold.ino) == 3)
			add(&hold);
	}
	if (file)
		fclose(file);
	return file;
}

static bool is_heap(const char *name)
{
	char path[NAME_LEN + sizeof(HEAPS)];

	if (wanted_heap)
		return !strcmp(name, wanted_heap);
	snprintf(path, sizeof(path), HEAPS "/%s", name);
	return !*name || !access(path, F_OK);
}

static int compare(unsigned long long x, unsigned long long y)
{
	return (x > y) - (x < y);
}

static int by_buffer(const void *a, const void *b)
{
	const struct hold *x = a, *y = b;

	return compare(x->ino, y->ino) ?: compare(y->pid, x->pid) ?:
	       compare(y->by_fd, x->by_fd);
}

static int by_line(const void *a, const void *b)
{
	const struct hold *x = a, *y = b;

	return compare(x->pid, y->pid) ?: strcmp(x->heap, y->heap);
}

/* Totals come last. */
static int largest_first(const void *a, const void *b)
{
	const struct hold *x = a, *y = b;

	return compare(x->pid == ALL, y->pid == ALL) ?:
	       compare(y->size, x->size) ?: compare(x->pid, y->pid);
}

/*
 * For each buffer, count the first record of each process, and add one to the totals.
 * The kernel's record counts only if no process holds the buffer.
 */
static void count_once(void)
{
	size_t i, j, first, nr = nr_holds;

	qsort(holds, nr, sizeof(*holds), by_buffer);
	for (i = 0; i < nr; i = j) {
		struct hold all = { .pid = ALL, .buffers = 1 };

		for (j = i; j < nr && holds[j].ino == holds[i].ino; j++) {
			if (*holds[j].heap) {
				memcpy(all.heap, holds[j].heap, NAME_LEN);
				all.size = holds[j].size;
			} else if (!*all.heap && holds[j].mapped > all.size) {
				all.size = holds[j].mapped;
			}
		}
		if (!is_heap(all.heap))
			continue;
		for (first = i; i < j; i++) {
			struct hold *h = &holds[i];

			memcpy(h->heap, all.heap, NAME_LEN);
			h->buffers = i == first || (h->pid && h->pid != h[-1].pid);
			h->size = h->buffers ? all.size : 0;
			h->by_fd = h->buffers ? h->by_fd : 0;
		}
		add(&all);
	}
}

/* Add up the records of each process and heap into one line. */
static void add_up(void)
{
	size_t i, nr = 0;

	qsort(holds, nr_holds, sizeof(*holds), by_line);
	for (i = 0; i < nr_holds; i++) {
		struct hold *line = &holds[nr ? nr - 1 : 0];

		if (!nr || by_line(line, &holds[i])) {
			holds[nr++] = holds[i];
			continue;
		}
		line->buffers += holds[i].buffers;
		line->size += holds[i].size;
		line->by_fd += holds[i].by_fd;
		line->mapped += holds[i].mapped;
	}
	nr_holds = nr;
	qsort(holds, nr_holds, sizeof(*holds), largest_first);
}

static const char *command_of(int pid)
{
	static char comm[32];
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (pid <= 0 || !read_file(path, comm, sizeof(comm)))
		return "-";
	comm[strcspn(comm, "\n")] = '\0';
	return comm;
}

static void print_text(void)
{
	const struct hold *h;
	char pid[16];

	printf("%8s %-15s %-15s %7s %10s %10s %10s\n", "PID", "COMMAND", "HEAP",
	       "BUFFERS", "KiB", "by fd", "mapped");
	for (h = holds; h < holds + nr_holds; h++) {
		/* Skip buffers of other exporters, and pid 0 where processes hold all. */
		if (!h->buffers)
			continue;
		snprintf(pid, sizeof(pid), h->pid == ALL ? "all" : "%d", h->pid);
		printf("%8s %-15s %-15s %7llu %10llu", pid, command_of(h->pid),
		       *h->heap ? h->heap : "?", h->buffers, h->size / 1024);
		if (h->pid == ALL)
			putchar('\n');
		else
			printf(" %10llu %10llu\n", h->by_fd / 1024, h->mapped / 1024);
	}
}

static void print_json(void)
{
	const char *comma = "";
	const struct hold *h;
	bool all = false;

	printf("{\"processes\":[");
	for (h = holds; h < holds + nr_holds; h++) {
		if (!h->buffers)
			continue;
		if (h->pid == ALL && !all) {
			all = true;
			comma = "],\"heaps\":[";
		}
		printf("%s{", comma);
		comma = ",";
		if (!all) {
			printf("\"pid\":%d,\"command\":", h->pid);
			print_string(command_of(h->pid));
			putchar(',');
		}
		printf("\"heap\":");
		print_string(h->heap);
		printf(",\"buffers\":%llu,\"bytes\":%llu", h->buffers, h->size);
		if (!all)
			printf(",\"fd_bytes\":%llu,\"mapped_bytes\":%llu", h->by_fd,
			       h->mapped);
		putchar('}');
	}
	printf("%s],\"hidden_processes\":%u}\n", all ? "" : "],\"heaps\":[",
	       nr_hidden);
}

int cmd_who(int argc, char **argv)
{
	struct dirent *entry;
	bool listed;
	DIR *proc;
	int pid;

	while (next_option(argc, argv, "") >= 0)
		;
	if (argc != optind)
		usage();
	if (access(HEAPS, F_OK))
		errx(FAILED, HEAPS ": this kernel has no DMA-BUF heaps");
	proc = opendir("/proc");
	if (!proc)
		err(FAILED, "/proc");
	while ((entry = readdir(proc))) {
		if (!isdigit(*entry->d_name))
			continue;
		pid = atoi(entry->d_name);
		look_at_fds(pid);
		look_at_maps(pid);
	}
	closedir(proc);
	/* Read this last, so that it lists every buffer found above that still exists. */
	listed = look_at_bufinfo();
	count_once();
	add_up();
	if (json)
		print_json();
	else
		print_text();
	if (nr_hidden)
		warnx("%u processes of other users could not be read; root sees all",
		      nr_hidden);
	if (!listed)
		warnx(BUFINFO ": cannot be read; dma-heap(8) says what is missing");
	return DONE;
}
