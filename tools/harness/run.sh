#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh: see the heap at work, beside the stock one, on the machine that counts
# instructions: print what heap-run (bench/heap-run.c) does.  The kernel is
# Debian's own, with the heap as a module; with KERNEL or ARCH the bench kernel,
# made here.  Exits 0 only when the guest reported that heap-run succeeded.
. "$(dirname "$0")/lib.sh"

lock_out
if [ -n "${KERNEL:-}$cross" ]; then
	"$HARNESS/kernel/kernel.sh" bench >/dev/null
	name=bench
	what="linux $(cat "$OUT/bench/version"), built here"
else
	"$HARNESS/kernel/deps.sh" deps-run.list
	name=$("$HARNESS/distro/kernel.sh" cloud system_pooled heap-run)
	what="Debian's linux $(cat "$OUT/$name/version"), as it is: stock is its own heap,
pooled our module (make module)"
fi
{
	if [ "$name" != bench ]; then
		echo "load 30 insmod /bin/system_heap_pooled.ko"
		# What the kernel does after its start would be measured, too.
		echo "settle 30 sleep 5"
	fi
	echo "heap-run 300 heap-run"
} | "$HARNESS/guest/boot.sh" "$name" icount run
report=$OUT/runs/run/report.log
awk '$1 == "@@BEGIN" && $2 == "heap-run" { on = 1; next } $1 == "@@END" { on = 0 } on' "$report" |
	sed -e 's/\r$//' -e '${/^$/d;}'
grep -qax '@@END heap-run exit=0' "$report" || die "heap-run failed: $(grep -a '^@@END' "$report")"
printf '\nMeasured on %s.\n' "$what"
