#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# kcsan.sh [PROGRAM...]: look for data races.  Boots the kcsan kernel with four
# processors, runs the KUnit suites and the selftests named on it (default: those
# that do many things at once), and reads KCSAN's reports off the console.
#
# A report is ours if one of the two functions that it names is in an object made
# from this repository, or in page_pool, which nobody else uses in that guest.  Such
# a report is printed and is a failure.  Those of the rest of the kernel are counted.
#
# Exits 0 only if KCSAN was at work, with our objects watched, every test passed,
# no report was ours, and the kernel complained of nothing else.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/check/judge.sh"
only_x86

programs=("$@")
[ $# -gt 0 ] || programs=(system-heap-{concurrency,reuse})
for program in "${programs[@]}"; do
	[ "$program" = dmabuf-heap ] || [ -f "$TOP/tools/testing/selftests/dmabuf-heaps/$program.c" ] ||
		[ -f "$HARNESS/guest/tests/$program.c" ] ||
		die "ONLY=$program: is not a program of tools/testing/selftests/dmabuf-heaps/ or guest/tests/"
done
run=$OUT/runs/kcsan
work=$OUT/kcsan-report

tests() {
	local program
	echo "kcsan kunit kunit 60 kunit"
	for program in "${programs[@]}"; do
		echo "kcsan $program ktap 600 $program"
	done
	echo "kcsan watchpoints exit 10 cat /sys/kernel/debug/kcsan"
}

# Names of the functions in the objects in DIR that are made from our sources.
functions() {	# DIR
	local source object
	while read -r source; do
		object=$1/${source%.c}.o
		[ -f "$object" ] || die "${object#"$1"/} was not built"
		nm "$object" >"$work/symbols"
		grep -q ' U __tsan_' "$work/symbols" || die "KCSAN does not watch $source"
		awk '$2 ~ /^[tT]$/ { print $3 }' "$work/symbols"
	# Tests are part of what they test.
	done < <(cd "$TOP" && find drivers -name '*.c' ! -path '*/tests/*'; echo net/core/page_pool.c)
}

lock_out
dir=$("$HARNESS/kernel/fetch.sh")
"$HARNESS/kernel/kernel.sh" kcsan >/dev/null
mkdir -p "$work"
functions "$(build_dir "$dir" kcsan)" | sort -u >"$work/functions"
tests >"$work/tests"

# The first report would be the last with panic_on_warn.  An access is watched for
# longer than by default (80 us), as another emulated processor may not be running.
awk '{ $1 = ""; $3 = ""; print }' "$work/tests" |
	GUEST_CPUS=4 GUEST_MEM=2048 GUEST_APPEND="panic_on_warn=0 dma_heap.mem_accounting=1 kcsan.udelay_task=300" \
	"$HARNESS/guest/boot.sh" kcsan smp kcsan || fail "kcsan: the guest did not end as it should"
tr -d '\r' <"$run/console.log" >"$work/console"
tr -d '\r' <"$run/report.log" >"$work/report"

judge kcsan "$work/tests" "$work/report"
grep -qE 'kcsan: selftest: ([0-9]+)/\1 tests passed' "$work/console" || fail "KCSAN's own test"
watched=$(awk '$1 == "setup_watchpoints:" { n = $2 } END { print n + 0 }' "$work/report")
[ "$watched" -gt 0 ] || fail "KCSAN watched nothing"

# A report stands between two rules of "=".  What is in none goes to $work/rest.
awk -v rest="$work/rest" '
	BEGIN { printf "" >rest }
	FILENAME == ARGV[1] { sub(/\..*/, ""); ours[$0] = 1; next }
	{ line = $0; sub(/^\[ *[0-9.]+\](\[ *[TC][0-9]+\])? ?/, "", line) }
	line ~ /^==========+$/ { inside = 0; next }
	# "BUG: KCSAN: data-race in A / B", "BUG: KCSAN: ... in A+0x1/0x2"
	line ~ /^BUG: KCSAN: / {
		inside = 1
		mine = 0
		names = line
		sub(/.* in /, "", names)
		for (i = split(names, name, " / "); i; i--) {
			# Without offset, module, and the suffix of a copy that the compiler made
			sub(/[+ .].*/, "", name[i])
			if (name[i] in ours) mine = 1
		}
		count[mine]++
	}
	inside { if (mine) print "# " line; next }
	{ print >rest }
	END {
		printf "%d data races of ours, %d elsewhere in the kernel\n", count[1], count[0]
		exit count[1] > 0
	}' "$work/functions" "$work/console" || fail "data races"
echo "$watched memory accesses watched"

awk -f "$HARNESS/guest/splats.awk" "$work/rest" || fail "the kernel complained, see $run/console.log"
summary
