#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# module-test PART HEAP: run in the guest: test the module, which is or becomes HEAP.
#   load      load it.  It has to refuse names that it cannot have.
#   dma-heap  dma-heap with it.  The commands of the page for administrators have to print
#             what the page shows.  What needs no heap is in check/dma-heap.sh.
# Prints KTAP lines.

heap=$2
ko=/bin/system_heap_pooled.ko
params=/sys/module/system_heap_pooled/parameters
debug=/sys/kernel/debug/dma_heap/$heap
page=/bin/dma-heap-system.rst
n=0

ok() {	# WHAT COMMAND...
	n=$((n + 1))
	what=$1
	shift
	if "$@"; then
		echo "ok $n $what"
	else
		sed 's/^/# /' /tmp/said
		echo "not ok $n $what"
	fi
}
# run STATUS WORDS COMMAND...: it ends with the STATUS, and says the WORDS.
run() {
	status=$1 words=$2
	shift 2
	"$@" >/tmp/said 2>&1
	code=$?
	echo "$*: $code" >>/tmp/said
	[ "$code" = "$status" ] && grep -qF -- "$words" /tmp/said
}
# shellcheck disable=SC2086 # options
fill() { run "$1" "$2" dma-heap fill -s "$heap" $3; }
nobody() { run "$1" "$2" su -s /bin/sh nobody -c "$3"; }
statistic() { sed -n "s/^$1 //p" "$debug/stats"; }
pool_is() {	# MIB [LESS]
	have=$(statistic pool_bytes)
	echo "the pool has $have bytes" >>/tmp/said
	[ "$have" -le $(($1 << 20)) ] && [ "$have" -ge $((($1 - ${2:-0}) << 20)) ]
}
# filled MIB LESS STATUS WORDS OPTIONS: fill; the pool then has MIB, or at most LESS less.
filled() { fill "$3" "$4" "$5" && pool_is "$1" "$2"; }
drain() { echo 1 >"$debug/drain"; }

two_fills() {
	drain
	dma-heap fill 40M -s "$heap" >/tmp/other 2>&1 &
	fill 0 "" 40M && wait $! && cat /tmp/other >>/tmp/said && pool_is 80
}
memory_short() {
	drain
	total=$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)
	echo "$total" >$params/pool_limit_mb
	fill 2 "memory is short" 1700M
	ret=$?
	echo "$limit" >$params/pool_limit_mb
	part=$(sed -n 's/.* holds \([0-9]*\)\..*/\1/p' /tmp/said)
	[ $ret = 0 ] && [ "$((part * 100))" -ge $((total * 60)) ] && [ "$((part * 100))" -le $((total * 80)) ]
}
pressure() {
	drain
	echo "some avg10=$1 avg60=0.00 avg300=0.00 total=0" >/tmp/pressure
	mount --bind /tmp/pressure /proc/pressure/memory
	fill "$2" "$3" 8M
	ret=$?
	umount /proc/pressure/memory
	return $ret
}
interrupted() {	# NICE [OPTION]
	drain
	dma-heap fill 200M -b 4K -s "$heap" ${2:+"$2"} >/tmp/said 2>&1 &
	usleep 500000
	nice=$(cut -d' ' -f19 /proc/$!/stat)
	kill -INT $!
	wait $!
	[ $? = 2 ] && grep -q "interrupted" /tmp/said && [ "$nice" = "$1" ] && [ "$(statistic pool_bytes)" -gt 0 ]
}
# total_pools_kb counts cached and queued pages.  look() reads it before pool_bytes, which
# only grows while the thread zeroes.  So a larger total includes queued pages.
total_pools=/sys/kernel/dma_heap/total_pools_kb
look() {	# sets $total_kib and $bytes; starts no process, as the thread keeps zeroing
	read -r total_kib <$total_pools
	while read -r name bytes && [ "$name" != pool_bytes ]; do :; done <"$debug/stats"
	echo "total $total_kib KiB, cached $bytes bytes" >>/tmp/said
}
total_has_queue() {
	drain
	dma-heap fill 64M -s "$heap" >/tmp/said 2>&1 &
	while kill -0 $! && look; do
		[ $((total_kib * 1024)) -le "$bytes" ] || { wait && return 0; }
	done 2>/dev/null
	return 1
}
total_is_cached() {
	look
	[ $((total_kib * 1024)) = "$bytes" ]
}

# process COMMAND BUFFERS MIB FD_MIB MAPPED_MIB: who --json must print these figures of COMMAND.
# all BUFFERS MIB: who --json must print these figures of the heap.
process() { run 0 "\"command\":\"$1\",\"heap\":\"$heap\",\"buffers\":$2,\"bytes\":$(($3 << 20)),\"fd_bytes\":$(($4 << 20)),\"mapped_bytes\":$(($5 << 20))}" dma-heap who --json; }
all() { run 0 "{\"heap\":\"$heap\",\"buffers\":$1,\"bytes\":$(($2 << 20))}" dma-heap who --json; }
in_order() { dma-heap who >/tmp/said && [ "$(awk '$2 == "hold" { print $3 }' /tmp/said | tr '\n' ' ')" = "child parent " ]; }

# The page's commands, and patterns of the output that it shows. In guests tracing does
# not record the names of tasks. A fast guest allocates in less than a millisecond.
page_commands() { sed -n '/^Trace events/,$s/^  # //p' $page | sed 's/ns > 1000000/ns > 1000/'; }
patterns() { sed -n 's/^  *//; s/^<\.\.\.>-/dma-heap-/; /^{ common_pid\|dma_heap_alloc: /s/[0-9][0-9]*/N/gp' "$@" | tr -s ' ' | sed 's/ \[N\] .* N\.N:/ N:/' | sort -u; }
as_page() {
	drain
	page_commands >/tmp/commands
	patterns $page >/tmp/wanted
	sh -e /tmp/commands >/tmp/said 2>&1 || return 1
	patterns /tmp/said >/tmp/printed
	[ "$(wc -l </tmp/wanted)" -ge 2 ] && ! grep -vxFf /tmp/printed /tmp/wanted
}

# refused ERRNO WHY ARGUMENT: insmod of busybox ends with the error.
refused() { run "$1" "" insmod $ko "$3" && dmesg | tail -n 1 | grep -q "$2"; }

test_load() {
	for name in a/b %s .. "''" "$(printf %064d 0)"; do
		ok "name=$name is refused" refused 22 "invalid heap name" "name=$name"
	done
	[ "$heap" = system ] ||
		ok "a name that is taken is refused" refused 16 "heap system already exists" name=system
	ok "the module loads" insmod $ko
	ok "it is $heap" test -c "/dev/dma_heap/$heap"
	# The module adds a DMA-BUF heap, or a misc device where dma_heap_add() is missing.
	how="on a misc device"
	[ ! -e "/sys/class/dma_heap/$heap" ] || how="added by dma_heap_add()"
	ok "the log names $heap" sh -c "dmesg | grep -q 'system_heap_pooled: /dev/dma_heap/$heap, ${how}[;,] '"
	ok "nobody but root may use it" test "$(stat -c %a:%u:%g "/dev/dma_heap/$heap")" = 600:0:0
	ok "its parameter name is $heap" grep -qx "$heap" $params/name
	ok "it has statistics" test -r "$debug/stats"
	ok "it has trace events" test -d /sys/kernel/tracing/events/dma_heap
	ok "it has a thread" sh -c "grep -qx dma-heap-$heap /proc/[0-9]*/comm 2>/dev/null"
	ok "it is not loaded twice" sh -c "! insmod $ko 2>/dev/null"
	ok "it is not unloaded" sh -c "! rmmod system_heap_pooled 2>/dev/null"
	ok "no name was added twice" sh -c "! dmesg | grep 'cannot create duplicate filename'"
}

test_dma_heap() {
	echo "nobody:x:65534:65534::/:/bin/sh" >/etc/passwd
	limit=$(cat $params/pool_limit_mb)
	kib=$(awk '/^KernelPageSize/ { print $2; exit }' /proc/self/smaps)	# in a page
	# shellcheck disable=SC3045 # busybox has it
	ulimit -n 65536

	drain
	refused=$(statistic refused_bytes)
	ok "fill" filled 96 0 0 "the pool holds 96.0 MiB more" 96M
	ok "fill more" filled 128 0 0 "32.0 MiB more" 32M
	ok "fill by 16 pages" fill 0 "" "1M -b $((16 * kib))K"
	ok "the pool has their pages" grep -q "^4 $((1024 / (16 * kib))) " "$debug/stats"
	ok "fill to the limit" filled "$limit" 1 2 "at its limit" "${limit}M"
	ok "the queue had room for all" test "$(statistic refused_bytes)" = "$refused"
	ok "fill a full pool" fill 2 "" 16M
	ok "two at once" two_fills
	ok "fill when memory is short" memory_short
	ok "fill under pressure" pressure 30.00 2 "memory is short"
	ok "fill under a little pressure" pressure 3.00 0 "8.0 MiB more"
	# With larger pages the pool is full before these tests can interrupt the fill.
	if [ "$kib" = 4 ]; then
		ok "fill for a second" fill 2 "the time is up" "200M -b 4K -t 1"
		ok "fill is nice, and can be interrupted" interrupted 19
		ok "fill -n is not nice" interrupted 0 -n
	fi
	drain
	ok "fill with too many buffers" run 2 "use larger buffers" sh -c "ulimit -n 100; dma-heap fill 8M -b 4K -s $heap"
	echo 0 >$params/pool_limit_mb
	ok "fill without statistics when the pool is off" fill 2 "it is off or full" "8M -d /none"
	echo "$limit" >$params/pool_limit_mb
	drain
	umount /sys/kernel/debug
	ok "fill without debugfs" fill 0 "no debugfs" 96M
	ok "who without debugfs" run 0 "bufinfo: cannot be read" dma-heap who
	ok "stat without debugfs" run 1 "no debugfs" dma-heap stat
	ok "test without debugfs" run 0 "every byte was zero" dma-heap test -t 3 -s "$heap"
	mount -t debugfs none /sys/kernel/debug
	# The thread may still work on what "test" has closed.
	until [ "$(statistic queue_bytes)" = 0 ]; do sleep 0.1; done
	ok "stat" run 0 "$(($(statistic pool_bytes) >> 10)) " dma-heap stat -s "$heap"
	ok "the pool has what was filled" pool_is 112 16
	ok "fill without rights" nobody 1 "only root or its group may use it" "dma-heap fill 8M -s $heap"
	chmod 666 "/dev/dma_heap/$heap"
	ok "fill by another user" nobody 0 "only root may read it" "dma-heap fill 8M -s $heap"
	chmod 600 "/dev/dma_heap/$heap"

	heap-hold &
	hold=$!
	while [ ! -e /tmp/held ]; do usleep 10000; done
	ok "who has descriptors" process "hold parent" 2 9 9 1
	ok "who has mappings" process "hold child" 2 10 0 10
	ok "shared buffers count once" all 3 11
	ok "the largest is first" in_order
	ok "who, as another user" nobody 0 "processes of other users could not be read" "dma-heap who"
	ok "who of another heap" run 0 '"processes":[],"heaps":[]' dma-heap who --json -s none
	kill $hold
	if [ -e $total_pools ]; then
		ok "the total of all pools has queued pages" total_has_queue
		ok "the total of all pools has cached pages" total_is_cached
	fi
	ok "what the page shows" as_page
	sed 's/^/# /' /tmp/said
}

echo "TAP version 13"
: >/tmp/said
"test_$(echo "$1" | tr - _)"
echo "1..$n"
