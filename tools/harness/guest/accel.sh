#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# accel.sh KERNEL: print "kvm" if a guest runs with it, else "tcg".  A /dev/kvm that opens
# may be nested, broken or forbidden, so a guest is booted.  The answer is used for an hour.
# A /dev/kvm that does not open is tested each time.
. "$(dirname "$0")/../lib.sh"

if [ "${ARCH:-x86}" = arm64 ] || [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
	echo tcg
	exit 0
fi
kept=$CACHE/accelerator
answer=$(find "$kept" -mmin -60 -exec cat {} + 2>/dev/null) || true
if [ -z "$answer" ]; then
	answer=tcg
	mkdir -p "$CACHE"
	# The smaller kernel answers sooner.
	[ ! -f "$OUT/bench/image" ] || set -- bench
	if env -u GUEST_APPEND -u GUEST_NODES -u GUEST_EXTRA \
		GUEST_ACCEL=kvm GUEST_TIMEOUT=10 GUEST_MEM=256 GUEST_CPUS=1 \
		"$HARNESS/guest/boot.sh" "$1" smp kvm-probe </dev/null >/dev/null 2>&1; then
		answer=kvm
	fi
	say "probe: KVM $([ $answer = kvm ] && echo works || echo 'does not work here, using TCG')"
	echo "$answer" >"$kept.$$"
	mv "$kept.$$" "$kept"
fi
echo "$answer"
