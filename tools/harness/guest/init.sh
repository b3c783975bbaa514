#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# PID 1 of the guest: mount what the tests need, run the commands of /etc/guest.cmds, report
# on the second serial port or a virtio one, and end the guest.
#
# A line of /etc/guest.cmds is "NAME SECONDS PROGRAM [ARGUMENT...]".  For each, the report has
# "@@BEGIN NAME", the program's own lines, and "@@END NAME" followed by "exit=N", "signal=N" or
# "timeout"; "@@DONE" comes last.  What reads this relies on nothing else: a report without
# @@DONE means that the guest died.  Scripts look at the console only for
# what the kernel itself says.
#
# With "guest.shell" on the kernel's command line, a shell on the console takes the place of
# the commands, and the module is loaded if there is one.
export PATH=/bin

# What the kernel's own test suites reported at boot.
kunit() { cat /sys/kernel/debug/kunit/*/results; }

# kmemleak ignores objects younger than five seconds, and reports those that a second scan
# finds unreferenced again.
kmemleak() {
	for _ in 1 2; do
		sleep 6
		echo scan >/sys/kernel/debug/kmemleak || return
	done
	leaks=$(cat /sys/kernel/debug/kmemleak) && echo "$leaks" && [ -z "$leaks" ]
}

# run: the $command, for $seconds at most
run() {
	echo "@@BEGIN $name" >&3
	rm -f /late
	{ sleep "$seconds" && : >/late && kill -KILL -1; } &
	# shellcheck disable=SC2086 # words
	($command) </dev/null >&3 2>&1
	code=$?
	# All processes but this one: what the program left running, and the timer started above.
	kill -KILL -1 2>/dev/null
	wait
	how=exit=$code
	[ $code -le 128 ] || how=signal=$((code - 128))
	[ ! -e /late ] || how=timeout
	# The marker starts a line, whatever the program did last.
	printf '\n@@END %s %s\n' "$name" "$how" >&3
}

mount_at() {	# TYPE DIRECTORY
	mkdir -p "$2"
	mount -t "$1" "$1" "$2"
}
mount_at proc /proc
mount_at sysfs /sys
mount_at devtmpfs /dev
mount_at debugfs /sys/kernel/debug
mount_at tracefs /sys/kernel/tracing
mount_at cgroup2 /sys/fs/cgroup
mount_at tmpfs /tmp
mount_at tmpfs /dev/shm

# To record task names, tracing patches the scheduler, and QEMU may run a stale int3 (boot.sh).
record=/sys/kernel/tracing/options/record-cmd
[ ! -e $record ] || echo 0 >$record

if grep -q guest.shell /proc/cmdline; then
	cd /tmp || exit
	[ ! -e /bin/system_heap_pooled.ko ] || insmod /bin/system_heap_pooled.ko
	echo /dev/dma_heap/*
	# A session of its own on the console, so that ^C and job control work.
	HOME=/tmp PS1='guest:\w# ' setsid cttyhack sh -i
else
	for port in /dev/ttyS1 /dev/vport0p1 /dev/console; do
		# A missing file would be created, and the shell exits if exec cannot open
		# one.
		[ -c $port ] && (: <>$port) 2>/dev/null && exec 3<>$port && break
	done
	# Raw, so that the terminal layer changes no byte of the report.
	stty raw 115200 <&3 2>/dev/null
	while read -r name seconds command; do
		run
	done </etc/guest.cmds
	echo "@@DONE" >&3
	# This waits until the port has sent everything.
	exec 3>&-
fi
reboot -f
