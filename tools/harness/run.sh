#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh: see the heap at work: boot the bench kernel on the machine that
# counts instructions and show what heap-run (bench/heap-run.c) prints.
# Exits 0 only when the guest reported that heap-run succeeded.
. "$(dirname "$0")/lib.sh"

lock_out
"$HARNESS/kernel/kernel.sh" bench >/dev/null
[ -x "$OUT/bench/bin/heap-run" ] || die "there is no tools/harness/bench/heap-run.c"
echo "heap-run 300 heap-run" | "$HARNESS/guest/boot.sh" bench icount run
report=$OUT/runs/run/report.log
awk '$1 == "@@BEGIN" { on = 1; next } $1 == "@@END" { on = 0 } on' "$report" |
	sed -e 's/\r$//' -e '${/^$/d;}'
grep -qax '@@END heap-run exit=0' "$report" || die "heap-run failed: $(grep -a '^@@END' "$report")"
