#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# bench-compare.sh REF: measure the heap as it was in the git revision REF, then
# as it is in the working tree, and print the ratio of each row.  Kernel
# sources are REF's, the programs that measure them are the working tree's for
# both.  BENCH_ARGS are those of bench.sh.
. "$(dirname "$0")/lib.sh"
only_x86

ref=${1:-}
[ -n "$ref" ] || die "which revision? make bench-compare REF=HEAD~1"
commit=$(git -C "$TOP" rev-parse --verify --quiet "$ref^{commit}") ||
	die "REF=$ref: may be a git revision such as HEAD~1"
may_be ACCEL "icount, as only counts of instructions are compared" icount

# Not lock_out: bench.sh takes that, first the old tree's and then this one's.
lock_file 7 "$OUT/.compare.lock" "another comparison in this clone"

old=$OUT/compare/tree
rm -rf "$old"
mkdir -p "$old"
git -C "$TOP" archive "$commit" drivers include | tar -x -C "$old"
mkdir -p "$old/tools/testing"
cp -a "$TOP/tools/harness" "$old/tools/"
git -C "$TOP" archive "$commit" tools/testing | tar -x -C "$old"

measure() {	# DIR: to DIR/out/runs/compare
	BENCH_RUN=compare BENCH_ARGS="--heap system ${BENCH_ARGS:-}" \
		"$1/tools/harness/bench.sh" >/dev/null
}
say "== $ref ($(git -C "$TOP" log -1 --format=%h\ %s "$commit"))"
measure "$old" || die "$ref cannot be measured with the programs of the working tree"
say "== the working tree"
measure "$TOP"

awk -v ref="$ref" '
	function human(size) {
		return size >= 1048576 ? size / 1048576 " MiB" : size / 1024 " KiB"
	}
	{ sub(/\r$/, "") }
	$1 != "result" { next }
	{ row = $2 ($2 == $3 ? "" : " " $3) SUBSEP $5 }
	FNR == NR { was[row] = $7; next }
	!n++ { printf "%-13s %8s %12s %12s %8s\n", "case", "size", ref, "now", "ratio" }
	{
		split(row, part, SUBSEP)
		ratio = was[row] ? $7 / was[row] : 0
		flag = ""
		if (ratio >= 1.02) flag = "  slower"
		if (ratio && ratio <= 0.98) flag = "  faster"
		printf "%-13s %8s %12s %12d %8s%s\n", part[1], human(part[2]),
			((row in was) ? was[row] : "-"), $7,
			(ratio ? sprintf("%.3f", ratio) : "-"), flag
	}' "$old/out/runs/compare/report.log" "$OUT/runs/compare/report.log"
rm -rf "$OUT/compare"
