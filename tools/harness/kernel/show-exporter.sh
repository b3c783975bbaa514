#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# show-exporter.sh: print the system_heap.c of the kernel that KERNEL chooses, with
# the edits of drivers/dma-buf/heaps/system_heap.edit.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/series/lib.sh"
only_x86

dir=$("$HARNESS/kernel/fetch.sh")
tmp=$(mktemp -d "${TMPDIR:-/tmp}/exporter.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
"$HARNESS/kernel/stage.sh" series "$(cat "$dir/version")" "$tmp/stage" "$(series_few "$dir")"
cat "$tmp/stage/drivers/dma-buf/heaps/system_heap.c"
