#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# build.sh LOG WHAT MAKE-ARGUMENT...: run make, with its output in LOG and its progress on
# stderr, every 20 seconds.  On failure the errors and LOG's last lines are shown.
. "$(dirname "$0")/../lib.sh"

log=$1
what=$2
shift 2

if [ "$V" != 0 ]; then
	"${KERNEL_MAKE[@]}" "$@" 2>&1 </dev/null | tee "$log" >&2 ||
		die "building $what failed ($log)"
	exit 0
fi

: >"$log"
"${KERNEL_MAKE[@]}" "$@" >"$log" 2>&1 </dev/null &
pid=$!
trap 'kill "$pid" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM

objects() { grep -cE '^  (CC|AS|LD|AR|HOSTCC) ' "$log" || true; }
started=$SECONDS
shown=$SECONDS
while kill -0 "$pid" 2>/dev/null; do
	sleep 0.5
	[ $((SECONDS - shown)) -ge 20 ] || continue
	shown=$SECONDS
	say "$what: $(objects) objects, $((SECONDS - started)) s"
done

code=0
wait "$pid" || code=$?
trap - EXIT
if [ "$code" != 0 ]; then
	grep -E 'error:|warning:|undefined reference|\*\*\*' "$log" | head -n 20 >&2 || true
	say "last lines of $log:"
	tail -n 15 "$log" >&2
	die "building $what failed"
fi
[ $((SECONDS - started)) -lt 5 ] || say "$what: built, $(objects) objects, $((SECONDS - started)) s"
