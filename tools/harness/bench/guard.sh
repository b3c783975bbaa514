#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# guard.sh [update]: whether docs/bench-KERNEL.json, and so the plot beside it,
# still has what these sources give: what allocations and closes cost, on the
# machine that counts instructions.  A row is a test (KTAP on stdout); one more
# than 2 % off its figure has failed, and so has a row without a figure.  The kernel's
# own heap may be 5 % off: closing costs more when the page allocator can merge.  With
# "update" (make bench-baseline), measure everything, and put figures and plot there.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/bench/lib.sh"

what=${1:-check}
case $what in
check) ;;
update)
	unset BENCH_ARGS BENCH_RUN
	ACCEL=icount "$HARNESS/bench.sh"
	name=$(bench_name)
	mkdir -p "$TOP/docs"
	for file in "$name.json" "$name.svg"; do put "$TOP/out/$file" "$TOP/docs/$file"; done
	say "put into docs/: $name.json and $name.svg"
	exit 0
	;;
*) die "usage: guard.sh [update]" ;;
esac

ACCEL=icount bench_machine
bench_boot guard "heap-bench --case warm,close,cold"
figures=docs/$(bench_name).json
[ -f "$TOP/$figures" ] || die "there is no $figures; make bench-baseline writes it"
awk -v figures="$figures" '
	function value(name,   s) {
		s = $0
		if (!sub(".*\"" name "\":\"?", "", s)) return ""
		sub(/[",}].*/, "", s)
		return s
	}
	FNR == NR {
		key = value("case") " " value("op") " " value("heap") " " value("size")
		if (key ~ /^(warm|close|cold) /) was[key] = value("p50")
		next
	}
	{ sub(/\r$/, "") }
	$1 == "result" {
		row = $2 " " $3 " " $4 " " $5
		off = was[row] ? 100 * $7 / was[row] - 100 : 0
		limit = $4 == "stock" ? 5 : 2
		printf "# %s: %d, %s\n", row, $7, was[row] ? \
			sprintf("was %d, %+.1f %%", was[row], off) : "no figure in " figures
		printf "%s %d %s\n", (was[row] && off <= limit && off >= -limit ? \
			"ok" : "not ok"), ++n, row
		delete was[row]
	}
	END {
		for (row in was) printf "not ok %d %s is no longer measured\n", ++n, row
		print "1.." n
	}' "$TOP/$figures" "$report"
