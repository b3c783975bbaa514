#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# test.sh: every test of the project: the host checks (check/check.sh), the KUnit
# suites, the kernel's own and our selftests (check/tests.list), some of them on
# Debian's cloud kernel (distro/tests.list), and a look at what the guests' kernels
# printed.  The last line is "N passed, N failed"; the exit is 0 only when something
# passed and nothing failed.
. "$(dirname "$0")/lib.sh"
. "$HARNESS/check/judge.sh"
. "$HARNESS/distro/lib.sh"

lock_out
# The last line counts, whatever happens.
if ! dir=$("$HARNESS/kernel/fetch.sh") || ! "$HARNESS/kernel/kernel.sh" debug bench >/dev/null; then
	echo "FAILED build: there are no kernels to test"
	echo "0 passed, 1 failed"
	exit 1
fi
mkdir -p "$OUT/test"
expand_list "$HARNESS/check/tests.list" >"$tests"

echo "== host checks"
script host "$HARNESS/check/check.sh" "$dir"

# Charging recycled pages is off by default; the small boot has it off.
GUEST_CPUS=4 GUEST_MEM=2048 GUEST_APPEND=dma_heap.mem_accounting=1 boot debug debug
GUEST_CPUS=4 GUEST_MEM=2048 GUEST_APPEND=numa=fake=2 boot nodes debug
GUEST_CPUS=2 GUEST_MEM=1024 GUEST_APPEND=system_heap.pool_limit_mb=119 \
	boot small bench

distro_boot cloud system
distro_boot cloud system_pooled

echo "== guard: allocating and closing, beside the figures in docs/"
script guard "$HARNESS/bench/guard.sh"

summary
