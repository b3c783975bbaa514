#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# kcsan.sh [PROGRAM...]: look for data races.  Boots the kcsan kernel with four
# processors, and runs on it the KUnit suites and the PROGRAMs (default: those that do many
# things at once).
#
# A report is ours if one of its two functions is in an object made from this repository,
# or in page_pool.  Nobody else uses page_pool in that guest.  Only such a report is a
# failure.  (KCSAN's own filter would drop a report with only one function of ours.)
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
		die "ONLY=$program is not a program of tools/testing/selftests/dmabuf-heaps/ or guest/tests/"
done

# Names of the functions in the objects in DIR that are made from our sources.
functions() {	# DIR
	local source object symbols
	while read -r source; do
		object=$1/${source%.c}.o
		symbols=$(nm "$object") || die "${object#"$1"/} was not built"
		grep -q ' U __tsan_' <<<"$symbols" || die "KCSAN does not watch $source"
		awk '$2 ~ /^[tT]$/ { print $3 }' <<<"$symbols"
	# Tests are included in the sources that they test.
	done < <(cd "$TOP" && find drivers -name '*.c' ! -path '*/tests/*'; echo net/core/page_pool.c)
}

lock_out
dir=$("$HARNESS/kernel/fetch.sh")
"$HARNESS/kernel/kernel.sh" kcsan >/dev/null
mkdir -p "$OUT/test"
races_of=$OUT/test/kcsan.functions
functions "$(build_dir "$dir" kcsan)" >"$races_of"
tests=$OUT/test/kcsan.tests
{
	echo "kcsan kunit kunit 60 kunit"
	for program in "${programs[@]}"; do echo "kcsan $program ktap 600 $program"; done
	echo "kcsan watchpoints exit 10 cat /sys/kernel/debug/kcsan"
} >"$tests"

# The first report would be the last with panic_on_warn.  An access is watched for
# longer than by default (80 us), as another emulated processor may not be running.
boot kcsan kcsan GUEST_CPUS=4 GUEST_MEM=2048 \
	"GUEST_APPEND=panic_on_warn=0 dma_heap.mem_accounting=1 kcsan.udelay_task=300"
run=$OUT/runs/kcsan
grep -qE 'kcsan: selftest: ([0-9]+)/\1 tests passed' "$run/console.log" || fail "KCSAN's own test"
grep -q '^setup_watchpoints: [1-9]' "$run/report.log" || fail "KCSAN watched nothing"
echo "$(grep -c 'BUG: KCSAN' "$run/console.log") data races in all of the kernel"
summary
