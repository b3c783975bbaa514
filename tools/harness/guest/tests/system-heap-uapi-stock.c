// SPDX-License-Identifier: GPL-2.0
/*
 * That the selftest of the uAPI asks nothing that the kernel's own heap does not
 * promise: the same on the bench kernel's heap stock, see bench/heaps/bench.edit, or
 * on the heap of a kernel where ours is a module beside it.
 */
#ifndef HEAP_STOCK
#define HEAP_STOCK	"stock"
#endif
#undef HEAP_NAME
#define HEAP_NAME	HEAP_STOCK

#include "system-heap-uapi.c"
