#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# build.sh LOG WHAT MAKE-ARGUMENT...: run make, with what it says in LOG and
# how far it is on stderr: one line that counts on a terminal, else a line
# every 20 seconds.  On failure the errors and LOG's last lines are shown.
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
	took=$((SECONDS - started))
	if [ -t 2 ]; then
		printf '\r%s: %s objects, %s s ' "$what" "$(objects)" "$took" >&2
		shown="tty"
	elif [ $((SECONDS - shown)) -ge 20 ]; then
		shown=$SECONDS
		say "$what: $(objects) objects, $took s"
	fi
done
[ "$shown" != tty ] || printf '\r\033[K' >&2

code=0
wait "$pid" || code=$?
trap - EXIT
if [ "$code" != 0 ]; then
	grep -E 'error:|warning:|undefined reference|\*\*\*' "$log" | head -n 20 >&2 || true
	say "last lines of $log:"
	tail -n 15 "$log" >&2
	die "building $what failed"
fi
n=$(objects)
if [ $((SECONDS - started)) -ge 5 ]; then
	say "$what: built, $n objects, $((SECONDS - started)) s"
fi
