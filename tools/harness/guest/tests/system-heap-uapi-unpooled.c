// SPDX-License-Identifier: GPL-2.0
/*
 * With pooling off an application sees no difference: the selftest of the uAPI passes.
 */
#define main uapi_main
#include "system-heap-uapi.c"
#undef main
#include "heap_pool_util.h"

static struct heap_params params;
static pid_t parent;

/* uapi_main() does not return. */
static void restore(void)
{
	if (getpid() == parent && heap_params_restore(&params))
		_exit(1);
}

int main(int argc, char **argv)
{
	parent = getpid();
	if (heap_params_save(&params) || heap_set_param("pool_limit_mb", 0)) {
		fprintf(stderr, "pooling cannot be turned off\n");
		return 1;
	}
	atexit(restore);

	return uapi_main(argc, argv);
}
