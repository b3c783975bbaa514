#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# module-load HEAP: run in the guest: load the module.  It has to become HEAP, and to refuse
# names that it cannot have.  Prints KTAP lines.

heap=$1
ko=/bin/system_heap_pooled.ko
module=/sys/module/system_heap_pooled
n=0

ok() {	# WHAT COMMAND...
	n=$((n + 1))
	what=$1
	shift
	if "$@"; then echo "ok $n $what"; else echo "not ok $n $what"; fi
}
refused() {	# WHY ARGUMENT...
	why=$1
	shift
	said=$(insmod $ko "$@" 2>&1) && return 1
	echo "# $said"
	dmesg | tail -n 1 | grep "$why"
}
log_has() { dmesg | grep -q "$1"; }
log_lacks() { ! log_has "$1"; }

echo "TAP version 13"
for name in a/b %s .. "''" "$(printf %064d 0)"; do
	ok "name=$name is refused" refused "is not a name for a heap" "name=$name"
done
[ "$heap" = system ] ||
	ok "a name that is taken is refused" refused "there is a heap system already" name=system
ok "the module loads" insmod $ko
ok "it is $heap" test -c "/dev/dma_heap/$heap"
# A heap of the kernel's, or where it has none or does not add ours, a misc device.
how="on a misc device"
[ ! -e "/sys/class/dma_heap/$heap" ] || how="added by dma_heap_add()"
ok "the log says so" log_has "system_heap_pooled: /dev/dma_heap/$heap, ${how}[;,] "
ok "nobody but root may use it" test "$(stat -c %a:%u:%g "/dev/dma_heap/$heap")" = 600:0:0
ok "so does its parameter" grep -qx "$heap" $module/parameters/name
ok "it has statistics" test -r "/sys/kernel/debug/dma_heap/$heap/stats"
ok "it has trace events" test -d /sys/kernel/tracing/events/dma_heap
ok "it has a thread" sh -c "grep -qx dma-heap-$heap /proc/[0-9]*/comm 2>/dev/null"
ok "it is not loaded twice" sh -c "! insmod $ko 2>/dev/null"
ok "it is not unloaded" sh -c "! rmmod system_heap_pooled 2>/dev/null"
ok "no name was added twice" log_lacks "cannot create duplicate filename"
echo "1..$n"
