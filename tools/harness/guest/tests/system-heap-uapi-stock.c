// SPDX-License-Identifier: GPL-2.0
/*
 * The selftest of the uAPI asks for nothing that the kernel's own heap does not do: it
 * passes on that heap, too. The heap is stock of the bench kernel, see
 * bench/heaps/bench.edit, or that of a kernel where ours is a module beside it.
 */
#ifndef HEAP_STOCK
#define HEAP_STOCK	"stock"
#endif
#undef HEAP_NAME
#define HEAP_NAME	HEAP_STOCK

#include "system-heap-uapi.c"
