#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh: measure the heap beside the kernel's own (stock) and one without
# pages (empty), in one boot on the machine that counts instructions.  Writes
# out/bench.json and prints a table.  A heap without results is a failure.
. "$(dirname "$0")/lib.sh"

lock_out
"$HARNESS/kernel.sh" bench >/dev/null
[ -x "$OUT/bench/bin/heap-bench" ] || die "there is no tools/bench/heap-bench.c"
echo "heap-bench 3000 heap-bench ${BENCH_ARGS:-}" | "$HARNESS/guest.sh" bench icount bench
report=$OUT/runs/bench/report.log
if ! grep -qax '@@END heap-bench exit=0' "$report"; then
	grep -a -v '^result ' "$report" | tail -n 20 >&2
	die "heap-bench failed"
fi
awk -v kernel="$(cat "$OUT/bench/version")" -v json="$OUT/bench.json.tmp" \
	-f "$HARNESS/bench.awk" "$report" || die "heap-bench gave no full set of results"
mv "$OUT/bench.json.tmp" "$OUT/bench.json"
say "written: $OUT/bench.json"
