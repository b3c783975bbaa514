/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers shared by the tests of the pooled system heap: set the heap's
 * parameters, and restore them. This header includes the helpers that allocate
 * buffers, and those that read statistics of the heap and of the kernel.
 */
#ifndef HEAP_POOL_UTIL_H
#define HEAP_POOL_UTIL_H

#include "dma_heap_util.h"
#include "heap_stats_util.h"
#include "proc_util.h"

#ifndef HEAP_MODULE
#define HEAP_MODULE	"system_heap"
#endif
#define HEAP_PARAMS	"/sys/module/" HEAP_MODULE "/parameters/"

/* Parameters as found, so that a fixture can put them back */
struct heap_params {
	long pool_limit_mb;
	long queue_limit_mb;
	char zero_method[16];
};

static inline long env_number(const char *name, long otherwise)
{
	const char *env = getenv(name);

	return env ? strtol(env, NULL, 0) : otherwise;
}

/* Bytes a test may fill: DMA_HEAP_TEST_MB, in MiB, or a modest default */
static inline unsigned long test_budget(void)
{
	return env_number("DMA_HEAP_TEST_MB", 256) * MIB;
}

static inline long heap_param(const char *name)
{
	char path[128], buf[64];

	snprintf(path, sizeof(path), HEAP_PARAMS "%s", name);
	if (read_text(path, buf, sizeof(buf)) <= 0)
		return -1;
	return strtol(buf, NULL, 10);
}

static inline int heap_set_param_text(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), HEAP_PARAMS "%s", name);
	return write_text(path, value);
}

static inline int heap_set_param(const char *name, long value)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%ld", value);
	return heap_set_param_text(name, buf);
}

static inline int heap_params_save(struct heap_params *p)
{
	char *end;

	p->pool_limit_mb = heap_param("pool_limit_mb");
	p->queue_limit_mb = heap_param("queue_limit_mb");
	if (read_text(HEAP_PARAMS "zero_method", p->zero_method,
		      sizeof(p->zero_method)) <= 0)
		return -1;
	end = strchr(p->zero_method, '\n');
	if (end)
		*end = '\0';
	return p->pool_limit_mb < 0 || p->queue_limit_mb < 0 ? -1 : 0;
}

static inline int heap_params_restore(const struct heap_params *p)
{
	int ret = 0;

	ret |= heap_set_param("pool_limit_mb", p->pool_limit_mb);
	ret |= heap_set_param("queue_limit_mb", p->queue_limit_mb);
	ret |= heap_set_param_text("zero_method", p->zero_method);
	return ret;
}

/*
 * Why the tests cannot run here, or NULL if they can. A kernel without pools, or
 * one booted with pooling off, is no failure.
 */
static inline const char *heap_missing(struct heap_params *p)
{
	struct heap_stats st;

	if (access(HEAP_NODE, R_OK | W_OK))
		return "no " HEAP_NODE;
	if (access(HEAP_DEBUGFS "stats", R_OK))
		return "no " HEAP_DEBUGFS "stats: heap without a pool, or no debugfs";
	if (heap_stats_read(&st))
		return "statistics in a format this test does not know";
	if (heap_params_save(p))
		return "parameters missing in " HEAP_PARAMS;
	if (!p->pool_limit_mb)
		return "pooling is off (pool_limit_mb=0)";
	return NULL;
}

#endif /* HEAP_POOL_UTIL_H */
