#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# test.sh: every test of the project: the host checks (check/check.sh), the KUnit
# suites, the kernel's own and our selftests (check/tests.list), and a look at what
# the guests' kernels printed.  The last line is "N passed, N failed"; the exit
# is 0 only when something passed and nothing failed.
. "$(dirname "$0")/lib.sh"

passed=0
failed=0
skipped=0

# fail WHAT: a failure that no report has.
fail() {
	echo "FAILED $1"
	failed=$((failed + 1))
}

# judge BOOT TESTS REPORT: count a report's results.
judge() {
	local line counted=
	while IFS= read -r line; do
		case $line in
		counts\ *)
			counted=1
			# shellcheck disable=SC2086 # three numbers
			set -- ${line#counts }
			passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
			;;
		*) printf '%s\n' "$line" ;;
		esac
	done < <(awk -v boot="$1" -f "$HARNESS/guest/ktap.awk" "$2" "$HARNESS/check/skips.list" "$3")
	[ -n "$counted" ] || fail "$1: its results could not be read"
}

# The list with "*" replaced by each program of ours that no line names.
expand_list() {
	local program named
	named=$(awk '!/^#/ && NF { print $5 }' "$HARNESS/check/tests.list" | sort -u)
	while read -r boot name kind seconds command; do
		case $boot in ''|'#'*) continue ;; esac
		if [ "$name" != '*' ]; then
			echo "$boot $name $kind $seconds $command"
			continue
		fi
		for program in "$TOP"/tools/testing/selftests/dmabuf-heaps/*.c \
			"$HARNESS"/guest/tests/*.c; do
			program=$(basename "$program" .c)
			[ "$program" = '*' ] || printf '%s\n' "$named" | grep -qxF -- "$program" ||
				echo "$boot $program $kind $seconds $program"
		done
	done <"$HARNESS/check/tests.list"
}

# boot NAME KERNEL: run its part of the list in a guest and count.
boot() {
	local report=$OUT/runs/$1/report.log
	echo "== $1: $(awk -v b="$1" '$1 == b' "$tests" | wc -l) programs on the $2 kernel"
	awk -v b="$1" '$1 == b { $1 = ""; $3 = ""; print }' "$tests" |
		"$HARNESS/guest/boot.sh" "$2" smp "$1" || fail "$1: the guest did not end as it should"
	[ -e "$report" ] || { mkdir -p "$(dirname "$report")"; : >"$report"; }
	judge "$1" "$tests" "$report"
	if awk -f "$HARNESS/guest/splats.awk" "$OUT/runs/$1/console.log"; then
		passed=$((passed + 1))
	else
		fail "$1: the kernel complained, see $OUT/runs/$1/console.log"
	fi
}

lock_out
# The last line counts, whatever happens.
if ! dir=$("$HARNESS/kernel/fetch.sh") || ! "$HARNESS/kernel/kernel.sh" debug bench >/dev/null; then
	echo "FAILED build: there are no kernels to test"
	echo "0 passed, 1 failed"
	exit 1
fi
mkdir -p "$OUT/test"
tests=$OUT/test/tests
expand_list >"$tests"

echo "== host checks"
{
	echo "@@BEGIN host"
	"$HARNESS/check/check.sh" "$dir" && code=0 || code=$?
	echo "@@END host exit=$code"
} >"$OUT/test/host.log"
echo "host host ktap 0 -" >"$OUT/test/host.list"
judge host "$OUT/test/host.list" "$OUT/test/host.log"

# Charging recycled pages is off by default; the small boot has it off.
GUEST_CPUS=4 GUEST_MEM=2048 GUEST_APPEND=dma_heap.mem_accounting=1 boot debug debug
GUEST_CPUS=4 GUEST_MEM=2048 GUEST_APPEND=numa=fake=2 boot nodes debug
GUEST_CPUS=2 GUEST_MEM=1024 GUEST_APPEND=system_heap.pool_limit_mb=119 \
	boot small bench

echo "== guard: allocating and closing, beside the figures in docs/"
{
	echo "@@BEGIN guard"
	"$HARNESS/bench/guard.sh" && code=0 || code=$?
	echo "@@END guard exit=$code"
} >"$OUT/test/guard.log"
echo "guard guard ktap 0 -" >"$OUT/test/guard.list"
judge guard "$OUT/test/guard.list" "$OUT/test/guard.log"

[ "$skipped" = 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
