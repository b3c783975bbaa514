#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh: measure the heap beside the kernel's own (stock) and one without
# pages (empty), all in one boot.  Prints a table, writes out/bench-KERNEL.json and
# draws out/bench-KERNEL.svg, KERNEL being 7.3, 6.12 or with -arm64; out/bench.json
# and .svg are copies of the last ones of x86.  BENCH_ARGS are options of heap-bench
# (see bench/bench.h), ACCEL is the machine (see bench/lib.sh), BENCH_RUN another name
# for what is written.  A heap without results is a failure, unless BENCH_ARGS left it
# out on purpose.
#
# Promises: a run that is not of everything, or not of instructions, has another
# name ("-part", the machine's), so that it does not replace one that is.
. "$(dirname "$0")/lib.sh"
. "$HARNESS/bench/lib.sh"

lock_out
"$HARNESS/kernel/kernel.sh" bench >/dev/null
bench_machine
full=$(bench_name)
run=$full
[ "$unit" = instructions ] || run=$run-$label
part=${BENCH_ARGS:-}
[ -z "$part" ] || run=$run-part
run=${BENCH_RUN:-$run}
bench_boot "$run" "heap-bench${BENCH_ARGS:+ $BENCH_ARGS}"

plot=$OUT/runs/$run/plot.dat
awk -v kernel="$(cat "$OUT/bench/version")" -v sources="$(sources_id)" \
	-v json="$TOP/out/$run.json.tmp" \
	-v machine="$label" -v unit="$unit" -v plot="$plot" -v partial="$part" \
	-f "$HARNESS/bench/bench.awk" "$report" || die "there is no full set of results"
mv "$TOP/out/$run.json.tmp" "$TOP/out/$run.json"
say "written: $TOP/out/$run.json"
# No plot of a part.
if [ -z "$part" ]; then
	gnuplot -e "data='$plot'; out='$TOP/out/$run.svg'; unit='$unit'" "$HARNESS/bench/bench.gp"
	say "written: $TOP/out/$run.svg"
fi
if [ "$run" = "$full" ] && [ -z "$cross" ]; then
	put "$TOP/out/$run.json" "$TOP/out/bench.json"
	put "$TOP/out/$run.svg" "$TOP/out/bench.svg"
	say "and, as the last of its kind: $TOP/out/bench.json, $TOP/out/bench.svg"
fi
