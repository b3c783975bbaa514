// SPDX-License-Identifier: GPL-2.0
/*
 * The stock heap a second time, as heap stock2
 *
 * Any difference in cost from the first one is noise.
 */
#define STOCK_NAME	"stock2"

#include "stock_heap.c"
