#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh [WHAT]: measure the heap, the kernel's own (stock) and one without pages (empty)
# in one boot.  The machine counts instructions, and the number is the same every time.
# WHAT is
#   run          (default) print a table and write out/bench-KERNEL.json; KERNEL is a name
#                of kernel/versions.list, on arm64 with -arm64.  out/bench.json is a copy
#                of the last one of x86.
#   baseline     run, and put that file into docs/
#   guard        compare what allocating and closing cost with the figures in docs/, and
#                print KTAP.  A row that is more than 2 % off, or has no figure, fails.
#                stock may be 5 % off: closing costs more when pages can be merged.
#   compare REF  measure the heap of the git revision REF, then that of the working tree,
#                both by the working tree's programs, and print the difference
. "$(dirname "$0")/../lib.sh"

# The name of the file with this kernel's figures, without .json.
bench_name() { echo "bench-$(cut -d. -f1,2 "$OUT/bench/version")${cross:+-$ARCH}"; }

# bench_boot RUN OPTION...: run heap-bench with the OPTIONs in a guest; sets report.
bench_boot() {
	report=$OUT/runs/$1/report.log
	echo "heap-bench 3000 heap-bench ${*:2} bench" | "$HARNESS/guest/boot.sh" bench icount "$1"
	grep -qax "@@END heap-bench exit=0" "$report" ||
		{ grep -av '^{' "$report" | tail -n 20 >&2; die "heap-bench failed"; }
}

run() {
	local name kernel
	name=$(bench_name)
	bench_boot "$name"
	kernel=$(cat "$OUT/bench/version")
	awk -v table=bench -v title="Linux $kernel, medians on an emulated machine" \
		-v kernel="$kernel" -v machine=tcg-icount -v unit=instructions \
		-v sources="$(sources_id)" -v json="$TOP/out/$name.json" \
		-f "$HARNESS/bench/tables.awk" "$report" || exit
	say "written: $TOP/out/$name.json"
	[ -n "$cross" ] || put "$TOP/out/$name.json" "$TOP/out/bench.json"
}

baseline() {
	run
	put "$TOP/out/$(bench_name).json" "$TOP/docs/$(bench_name).json"
	say "put into docs/: $(bench_name).json"
}

guard() {
	local figures
	figures=docs/$(bench_name).json
	bench_boot guard -c warm,close,cold
	[ -f "$TOP/$figures" ] || die "there is no $figures; make bench-baseline writes it"
	(cd "$TOP" && awk -v table=guard -f "$HARNESS/bench/tables.awk" "$figures" "$report")
}

compared() { bench_boot compare -h system; }

compare() {	# REF
	local commit old=$OUT/compare/tree tree
	[ -n "${1:-}" ] || die "which revision? make bench-compare REF=HEAD~1"
	commit=$(git -C "$TOP" rev-parse --verify --quiet "$1^{commit}") ||
		die "REF=$1: must be a git revision such as HEAD~1"
	# Do not call lock_out here: the run in each tree takes the lock of that tree.
	lock_file 7 "$OUT/.compare.lock" "another comparison in this clone"
	rm -rf "$old"
	mkdir -p "$old"
	git -C "$TOP" archive "$commit" drivers include tools Documentation MAINTAINERS | tar -x -C "$old"
	rm -rf "$old/tools/harness"
	cp -a "$TOP/tools/harness" "$old/tools/"
	for tree in "$old" "$TOP"; do
		say "== the heap of $([ "$tree" = "$TOP" ] && echo "the working tree" || echo "$1")"
		"$tree/tools/harness/bench/bench.sh" compared >/dev/null ||
			die "this heap cannot be measured with the programs of the working tree"
	done
	awk -v table=compare -f "$HARNESS/bench/tables.awk" \
		"$old/out/runs/compare/report.log" "$OUT/runs/compare/report.log"
	rm -rf "$OUT/compare"
}

case ${1:-run} in
compare)
	only_x86
	compare "${2:-}"
	exit
	;;
run | baseline | guard | compared) ;;
*) die "usage: bench.sh [run | baseline | guard | compare REF]" ;;
esac
lock_out
"$HARNESS/kernel/kernel.sh" bench >/dev/null
"${1:-run}"
