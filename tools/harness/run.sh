#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh: compare the pooled heap with the stock one by rows of make bench, on a machine that
# counts instructions, and look for bytes that were not zeroed.  The kernel is one of
# distro/kernels.list (KERNEL= its name, by default Debian's newest), with the heap as a
# module.  With one of versions.list, or with ARCH alone, it is the bench kernel, built here.
# Exits with 0 only if the guest reported that this succeeded.
# run.sh shell: an interactive guest with the same kernel and heaps; busybox, the selftests
# and dma-heap are in /bin, and with a kernel of versions.list heap-bench, too.
KERNEL_MODULE=1
. "$(dirname "$0")/lib.sh"
[ "${ARCH:-}" != um ] || die "ARCH=um: this target needs a guest in QEMU"

kernel=${KERNEL:-cloud}
[ -n "${KERNEL:-}" ] || [ -z "$cross" ] || kernel=bench
read -r _ arch _ _ boots < <(row distro/kernels.list "$kernel") || boots=
[ -z "$boots" ] || [ "$arch" = "${ARCH:-x86}" ] || ARCH=$arch exec "$0" "$@"
lock_out
stock="the kernel's own heap"
programs=(heap-bench)
[ "${1:-}" != shell ] || programs=()
if [ -z "$boots" ]; then
	"$HARNESS/kernel/kernel.sh" bench >/dev/null
	name=bench heap=system
else
	unset KERNEL
	"$HARNESS/kernel/deps.sh" run
	heap=system_pooled
	[[ $boots = *beside* ]] || heap=system
	name=$("$HARNESS/distro/debian-kernel.sh" "$kernel" "$heap" ${programs[@]+"${programs[@]}"})
	[ "$heap" = system_pooled ] || stock="our module with pool_limit_mb=0"
fi
[ "${1:-}" != shell ] || exec "$HARNESS/guest/boot.sh" "$name" shell shell
{
	if [ "$name" != bench ]; then
		echo "load 30 insmod /bin/system_heap_pooled.ko"
		# What the kernel does after its start would be measured, too.
		echo "settle 30 sleep 5"
	fi
	echo "heap-test 600 dma-heap test -t 1 -s $heap"
	# Pages were reused if some order has hits.
	echo "heap-hits 10 grep -qE ^[048][[:space:]][0-9]+[[:space:]][1-9] /sys/kernel/debug/dma_heap/$heap/stats"
	echo "heap-pooled 600 heap-bench -c warm,close -h system bench"
	# A command is split at blanks; quotes have no effect.
	[[ $stock != our* ]] ||
		echo "heap-off 10 sh -c echo\${IFS}0>/sys/module/system_heap_pooled/parameters/pool_limit_mb"
	echo "heap-stock 600 heap-bench -c warm,close -h stock bench"
} | "$HARNESS/guest/boot.sh" "$name" icount run
report=$OUT/runs/run/report.log
! grep -a '^@@END' "$report" | grep -v 'exit=0' ||
	{ grep -av '^{' "$report" | tail -n 20 >&2; die "heap-bench or dma-heap failed"; }
awk -v table=run -v title="What one buffer costs: medians, the thread idle
" -f "$HARNESS/bench/tables.awk" "$report"
echo
sed -n '/^@@BEGIN heap-test/,/^@@END/{/^@@/!p}' "$report" | tr -d '\r'
printf 'Measured on linux %s (%s); stock is %s.\n' "$(cat "$OUT/$name/version")" "$name" "$stock"
