#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# show-exporter.sh: print the system_heap.c of the kernel that KERNEL chooses, with
# the edits of drivers/dma-buf/heaps/system_heap.edit.
. "$(dirname "$0")/../lib.sh"
only_x86

dir=$("$HARNESS/kernel/fetch.sh" few)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/exporter.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
"$HARNESS/kernel/stage.sh" series "$(cat "$dir/version")" "$tmp/stage" "$dir/linux"
cat "$tmp/stage/drivers/dma-buf/heaps/system_heap.c"
