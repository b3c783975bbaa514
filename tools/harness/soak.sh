#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# soak.sh [MINUTES]: run system-heap-soak for MINUTES (default: 10) in a guest with four
# processors, and print its figures.  SOAK_KERNEL=bench is the default; SOAK_KERNEL=debug
# injects failures, has every checker, and looks for leaked objects.
#
# Exits with 0 only if no memory was lost or stale, the kernel killed no task, and it did
# not complain.
. "$(dirname "$0")/lib.sh"
. "$HARNESS/check/judge.sh"

MINUTES=${1:-10}
may_be MINUTES "a number such as 10 or 0.5" "0*[1-9][0-9]{0,4}(\.[0-9]+)?|0*\.0*[1-9][0-9]*"
may_be SOAK_KERNEL "bench or debug" "bench|debug"
kernel=${SOAK_KERNEL:-bench}

lock_out
"$HARNESS/kernel/kernel.sh" "$kernel" >/dev/null
mkdir -p "$OUT/test"
tests=$OUT/test/soak.tests
# On a busy host a guest may have no clock but ticks, and miss a part of them.
awk -v m="$MINUTES" 'BEGIN { printf "soak soak ktap %d system-heap-soak %s\n", m * 120 + 120, m }' >"$tests"
[ "$kernel" != debug ] || echo "soak kmemleak exit 120 kmemleak" >>"$tests"
boot soak "$kernel" GUEST_CPUS=4 "GUEST_MEM=${GUEST_MEM:-2048}" \
	"GUEST_APPEND=dma_heap.mem_accounting=1 ${GUEST_APPEND:-}"
tr -d '\r' <"$OUT/runs/soak/report.log" | sed -n 's/^# //p'
summary
