#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh: measure what the patches of the series bring that have a number in their
# message: the heap as it is after each, beside the kernel's own.  Writes
# out/bench-series-KERNEL.json.  Counts instructions.
#
# Promises: what is written is of all these patches and of the same sources.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/bench/lib.sh"
only_x86

may_be ACCEL "icount, as only counts of instructions are compared" icount
lock_out
dir=$("$HARNESS/kernel/fetch.sh")
# Nobody else may graft between the build of a kernel and that of the programs.
lock_tree "$dir"
bench_machine
kernel=$(cut -d. -f1,2 "$dir/version")
json=$OUT/bench-series-$kernel.json
echo "{\"kernel\":\"$(cat "$dir/version")\",\"machine\":\"$label\",\"unit\":\"$unit\",\"sources\":\"$(sources_id)\",\"results\":[" >"$json.tmp"
for patch in defer pool; do
	say "== the series up to patch $patch"
	SERIES_AT=$patch "$HARNESS/kernel/kernel.sh" bench >/dev/null
	bench_boot "series-$patch" "heap-bench --no-stats --heap system,stock --case warm,close,churn"
	awk -v patch="$patch" '
		{ sub(/\r$/, "") }
		$1 == "result" && NF == 9 {
			printf "{\"patch\":\"%s\",\"case\":\"%s\",\"op\":\"%s\",\"heap\":\"%s\",\"size\":%d,\"p50\":%d}\n", patch, $2, $3, $4, $5, $7
		}' "$report"
done | sed '$!s/$/,/' >>"$json.tmp"
echo "]}" >>"$json.tmp"
awk -f "$HARNESS/series/each.awk" "$json.tmp"
mv "$json.tmp" "$json"
say "written: $json"
