#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# guard.sh [update]: compare warm and cold allocations with the figures
# committed in bench/baseline, on the machine that counts instructions.
# A row is a test (KTAP on stdout); one more than 5 % above its figure has
# failed, and so has a row without a figure.  With "update" (make
# bench-baseline), write the figures of this kernel instead.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/bench/lib.sh"

baseline=$HARNESS/bench/baseline
what=${1:-check}
case $what in check | update) ;; *) die "usage: guard.sh [update]" ;; esac

if [ "$what" = update ]; then
	lock_out
	"$HARNESS/kernel/kernel.sh" bench >/dev/null
fi
ACCEL=icount bench_machine
bench_boot guard "heap-bench --case warm,cold --heap system"
kernel=$(cut -d. -f1,2 "$OUT/bench/version")

if [ "$what" = check ]; then
	awk -v kernel="$kernel" -v limit=5 '
	!/^#/ && FNR == NR && $1 == kernel { was[$2 " " $3 " " $4] = $5 }
	FNR == NR { next }
	{ sub(/\r$/, "") }
	$1 == "result" {
		row = $2 " " $3 " " $5
		change = was[row] ? 100 * $7 / was[row] - 100 : 0
		printf "# %s: %d, %s\n", row, $7, was[row] ? \
			sprintf("was %d, %+.1f %%", was[row], change) : \
			"no figure in tools/harness/bench/baseline"
		printf "%s %d %s\n", was[row] && change <= limit ? "ok" : "not ok", ++n, row
		delete was[row]
	}
	END {
		for (row in was) printf "not ok %d %s is no longer measured\n", ++n, row
		print "1.." n
	}' "$baseline" "$report"
	exit 0
fi

{
	sed -n '/^#/p' "$baseline"
	awk -v kernel="$kernel" '!/^#/ && $1 != kernel' "$baseline"
	awk -v kernel="$kernel" '{ sub(/\r$/, "") }
		$1 == "result" { print kernel, $2, $3, $5, $7 }' "$report"
} >"$OUT/runs/guard/baseline"
diff -u "$baseline" "$OUT/runs/guard/baseline" || true
put "$OUT/runs/guard/baseline" "$baseline"
