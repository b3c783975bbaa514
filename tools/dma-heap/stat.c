// SPDX-License-Identifier: GPL-2.0
/*
 * What a pooled DMA-BUF heap holds and does, a line each interval, from its
 * statistics in debugfs; see dma-heap.8
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include "heap.h"

#define WIDTH		8
#define MAX_ORDERS	8

/* The first columns are current values; the others are counters. */
#define NR_HELD		2

static const struct {
	const char *title;
	const char *key;	/* in the statistics; else the sum of all orders */
} columns[] = {
	{ "pool", "pool_bytes" },
	{ "queue", "queue_bytes" },
	{ "hits", NULL },
	{ "misses", NULL },
	{ "zeroed", "zeroed_bytes" },
	{ "refused", "refused_bytes" },
	{ "reclaim", "reclaimed_bytes" },
};

#define HITS		2
#define MISSES		3

struct order {
	unsigned int order;
	unsigned long long cached, hits, misses;
};

struct stats {
	unsigned long long ns;
	unsigned long long bytes[ARRAY_SIZE(columns)];
	struct order order[MAX_ORDERS];
	int nr_orders;
};

static bool by_order;

static noreturn void no_heaps(void)
{
	errx(FAILED, "%s: %s", stats_dir, no_stats());
}

/*
 * The heap to look at: the one that was asked for, else "system", else the only
 * one there is.
 */
static const char *find_heap(const char *wanted)
{
	static char name[256];
	char names[1024] = "";
	struct dirent *entry;
	int n = 0;
	DIR *d;

	d = opendir(stats_dir);
	if (!d)
		no_heaps();
	while ((entry = readdir(d))) {
		size_t len = strlen(names);

		if (entry->d_name[0] == '.')
			continue;
		if (!strcmp(entry->d_name, wanted ?: "system")) {
			closedir(d);
			return wanted ?: "system";
		}
		snprintf(name, sizeof(name), "%s", entry->d_name);
		snprintf(names + len, sizeof(names) - len, " %s", name);
		n++;
	}
	closedir(d);
	errno = 0;
	if (!n)
		no_heaps();
	if (wanted || n > 1)
		errx(FAILED, "no statistics for heap %s, only for:%s",
		     wanted ?: "system", names);
	return name;
}

static void read_stats(const char *path, struct stats *s)
{
	unsigned long long page_size = sysconf(_SC_PAGESIZE), value;
	char line[256], key[64];
	unsigned int i, found = 0;
	struct timespec ts;
	FILE *file;

	memset(s, 0, sizeof(*s));
	file = fopen(path, "r");
	if (!file)
		err(FAILED, "%s", path);
	/* Count from boot, so that the first line shows averages since boot. */
	clock_gettime(CLOCK_BOOTTIME, &ts);
	s->ns = ts.tv_sec * 1000000000ULL + ts.tv_nsec;

	while (fgets(line, sizeof(line), file)) {
		struct order *o = &s->order[s->nr_orders];

		if (s->nr_orders < MAX_ORDERS &&
		    sscanf(line, "%u %llu %llu %llu", &o->order, &o->cached,
			   &o->hits, &o->misses) == 4) {
			s->bytes[HITS] += (o->hits * page_size) << o->order;
			s->bytes[MISSES] += (o->misses * page_size) << o->order;
			s->nr_orders++;
			continue;
		}
		if (sscanf(line, "%63s %llu", key, &value) != 2)
			continue;
		for (i = 0; i < ARRAY_SIZE(columns); i++) {
			if (columns[i].key && !strcmp(columns[i].key, key)) {
				s->bytes[i] = value;
				found++;
			}
		}
	}
	if (ferror(file))
		err(FAILED, "%s", path);
	fclose(file);
	/* HITS and MISSES have no line of their own. */
	if (!s->nr_orders || found != ARRAY_SIZE(columns) - 2)
		errx(FAILED, "%s: unknown format", path);
}

static void print_group(const char *title, int nr_columns)
{
	int dashes = nr_columns * WIDTH - 1 - strlen(title), i;

	putchar(' ');
	for (i = 0; i < dashes; i++) {
		if (i == dashes / 2)
			fputs(title, stdout);
		putchar('-');
	}
}

static void print_header(const struct stats *s)
{
	char title[32];
	unsigned int i;
	int j;

	if (by_order) {
		for (j = 0; j < s->nr_orders; j++) {
			snprintf(title, sizeof(title), "order %u",
				 s->order[j].order);
			print_group(title, 3);
		}
		putchar('\n');
		for (j = 0; j < s->nr_orders; j++)
			printf("%*s%*s%*s", WIDTH, "cached", WIDTH, "hits",
			       WIDTH, "misses");
	} else {
		print_group("KiB", NR_HELD);
		print_group("KiB/s", ARRAY_SIZE(columns) - NR_HELD);
		putchar('\n');
		for (i = 0; i < ARRAY_SIZE(columns); i++)
			printf("%*s", WIDTH, columns[i].title);
	}
	putchar('\n');
}

/* Leave a space between columns, however large the numbers are. */
static void print_value(double value)
{
	printf(" %*.0f", WIDTH - 1, value);
}

static void print_stats(const struct stats *s, const struct stats *last)
{
	double seconds = (s->ns - last->ns) / 1e9;
	unsigned int i;
	int j;

	for (j = 0; by_order && j < s->nr_orders; j++) {
		const struct order *o = &s->order[j], *before = &last->order[j];

		print_value(o->cached);
		print_value((o->hits - before->hits) / seconds);
		print_value((o->misses - before->misses) / seconds);
	}
	for (i = 0; !by_order && i < ARRAY_SIZE(columns); i++) {
		if (i < NR_HELD)
			print_value(s->bytes[i] / 1024);
		else
			print_value((s->bytes[i] - last->bytes[i]) / 1024 / seconds);
	}
	putchar('\n');
}

static void print_json(const char *heap, const struct stats *s,
		       const struct stats *last)
{
	double seconds = (s->ns - last->ns) / 1e9;
	unsigned int i;
	int j;

	printf("{\"heap\":");
	print_string(heap);
	for (i = 0; i < ARRAY_SIZE(columns); i++) {
		if (i < NR_HELD)
			printf(",\"%s_bytes\":%llu", columns[i].title, s->bytes[i]);
		else
			printf(",\"%s_bytes_per_second\":%.0f", columns[i].title,
			       (s->bytes[i] - last->bytes[i]) / seconds);
	}
	printf(",\"orders\":[");
	for (j = 0; j < s->nr_orders; j++) {
		const struct order *o = &s->order[j], *before = &last->order[j];

		printf("%s{\"order\":%u,\"cached\":%llu,", j ? "," : "", o->order,
		       o->cached);
		printf("\"hits_per_second\":%.0f,\"misses_per_second\":%.0f}",
		       (o->hits - before->hits) / seconds,
		       (o->misses - before->misses) / seconds);
	}
	puts("]}");
}

/* Lines that fit on a screen below the header */
static unsigned int screen_lines(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_row < 4)
		size.ws_row = 24;
	return size.ws_row - 3;
}

int cmd_stat(int argc, char **argv)
{
	unsigned int interval = 0, count = 1, i;
	struct stats now, last = {};
	const char *heap;
	char path[4096];

	while (next_option(argc, argv, "o") >= 0)
		by_order = true;
	if (argc - optind > 2)
		usage();
	if (argc > optind) {
		interval = parse_number(argv[optind], "interval");
		count = 0;
	}
	if (argc > optind + 1)
		count = parse_number(argv[optind + 1], "count");

	heap = find_heap(wanted_heap);
	snprintf(path, sizeof(path), "%s/%s/stats", stats_dir, heap);
	for (i = 0; !count || i < count; i++) {
		if (i)
			sleep(interval);
		read_stats(path, &now);
		if (json) {
			print_json(heap, &now, &last);
		} else {
			if (i % screen_lines() == 0)
				print_header(&now);
			print_stats(&now, &last);
		}
		last = now;
	}
	return DONE;
}
