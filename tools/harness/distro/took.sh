#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# heap-took HEAP NAME COMMAND...: run in the guest: the COMMAND, then a line that
# says what it took from the pools of HEAP.  Taking nothing from the HEAP, be it in
# the pools or not, is a failure.

stats=/sys/kernel/debug/dma_heap/$1/stats
name=$2
shift 2

# Sets hits and misses, in pages of 4 KiB.
count() {
	hits=0 misses=0
	while read -r order _ hit miss _; do
		hits=$((hits + (hit << order))) misses=$((misses + (miss << order)))
	done <<-EOT
		$(sed '1,/^order /d' "$stats")
	EOT
}

count
hits_before=$hits misses_before=$misses
"$@"
code=$?
count
hit=$((hits - hits_before))
all=$((hit + misses - misses_before))
if [ "$all" = 0 ]; then
	echo "# $name took nothing from the heap"
	exit 1
fi
echo "# took: $name: $((hit / 256)) of $((all / 256)) MiB from the pools, $((100 * hit / all)) %" \
	"(pages: hits $hits_before -> $hits, misses $misses_before -> $misses)"
exit $code
