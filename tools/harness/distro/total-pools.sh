#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# total-pools HEAP: run in the guest of a kernel like Android's: total_pools_kb, which
# phones read, has to be what the statistics say: memory that is cached, and memory that
# waits to be zeroed.  Prints KTAP lines.

heap=$1
debug=/sys/kernel/debug/dma_heap/$heap
total=/sys/kernel/dma_heap/total_pools_kb
n=0

ok() {	# WHAT COMMAND...
	n=$((n + 1))
	what=$1
	shift
	if "$@"; then echo "ok $n $what"; else echo "not ok $n $what"; fi
}
# Sets $bytes; without a process, as the thread goes on meanwhile.
cached() {
	while read -r name bytes; do
		[ "$name" != pool_bytes ] || return 0
	done <"$debug/stats"
	return 1
}
is_cached() {	# MIB
	cached
	read -r kib <$total
	echo "# $kib KiB, $bytes bytes are cached"
	[ $((kib * 1024)) = "$bytes" ] && [ "$kib" -ge $(($1 * 1024)) ]
}
# While the thread zeroes, what is cached grows, and is never more than was shown before
# but for what waits.
more_than_cached() {
	dma-heap fill 64M -s "$heap" >/dev/null &
	while kill -0 $! 2>/dev/null; do
		read -r kib <$total
		cached
		[ $((kib * 1024)) -gt "$bytes" ] || continue
		echo "# $kib KiB, $bytes bytes are cached"
		wait
		return 0
	done
	return 1
}
drain() { echo 1 >"$debug/drain"; }

echo "TAP version 13"
drain
ok "nothing is shown when nothing is cached" is_cached 0
dma-heap fill 32M -s "$heap" >/dev/null
ok "what is cached is shown" is_cached 32
drain
ok "what waits is shown" more_than_cached
ok "all is shown when all is cached" is_cached 64
echo "1..$n"
