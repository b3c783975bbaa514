#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# helper-nice N: run in the guest: let the heap's helper have this niceness.  Exits
# 0 only when it does.

for dir in /proc/[0-9]*; do
	[ "$(cat "$dir/comm")" = dma-heap-system ] || continue
	# A program of that name would have a command line.
	[ -z "$(cat "$dir/cmdline")" ] || continue
	renice "$1" -p "${dir#/proc/}"
	[ "$(cut -d ' ' -f 19 "$dir/stat")" != "$1" ] || exit 0
done
echo "the helper was not found, or has another niceness"
exit 1
