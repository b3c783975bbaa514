#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# build.sh LOG WHAT MAKE-ARGUMENT...: run make, with its output in LOG and its progress on
# stderr, every 20 seconds.  On failure the errors and LOG's last lines are shown.
. "$(dirname "$0")/../lib.sh"

log=$1
what=$2
shift 2

progress() {
	local line objects=0 shown=0
	SECONDS=0
	while IFS= read -r line; do
		[ "$V" = 0 ] || say "$line"
		[[ ! $line =~ ^\ \ (CC|AS|LD|AR|HOSTCC)\  ]] || objects=$((objects + 1))
		[ $((SECONDS - shown)) -ge 20 ] || continue
		shown=$SECONDS
		say "$what: $objects objects, $SECONDS s"
	done
	[ "$SECONDS" -lt 5 ] || say "$what: $objects objects, $SECONDS s in all"
}
"${KERNEL_MAKE[@]}" "$@" 2>&1 </dev/null | tee "$log" | progress || {
	grep -E 'error:|warning:|undefined reference|\*\*\*' "$log" | head -n 20 >&2 || true
	say "last lines of $log:"
	tail -n 15 "$log" >&2
	die "building $what failed"
}
