// SPDX-License-Identifier: GPL-2.0
/*
 * That the selftest of the uAPI asks nothing that the kernel's own heap does not
 * promise: the same on the bench kernel's heap stock, see bench/heaps/bench.edit.
 */
#define HEAP_NODE	"/dev/dma_heap/stock"

#include "system-heap-uapi.c"
