#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# libcamera-test none|lc|cam: run in the guest, for libcamera's virtual cameras:
# see that without a heap nothing can be captured; run all tests of lc-compliance
# that such a camera allows; capture from each with cam.  Prints KTAP lines.

export LIBCAMERA_LOG_LEVELS=DmaBufAllocator:DEBUG
log=/tmp/libcamera.log

# There are no raw streams, and it takes four requests to capture.
lc() { /usr/bin/lc-compliance -c Virtual1 -f '-*Raw_*:*.Capture*__1:*.Capture*__2:*.Capture*__3' \
	>$log 2>&1; }
cam() { /usr/bin/cam -c "$1" -C60 >$log 2>&1; }

# Why the last command failed: nobody gave it buffers.
no_buffers() {
	sed 's/^/# /' $log
	grep -q "Could not open any dma-buf provider" $log
}

case $1 in
none)
	if ! cam Virtual1 && no_buffers && ! grep -q " seq: " $log; then
		echo "ok 1 cam captures nothing"
	else
		echo "not ok 1 cam captures nothing"
	fi
	if ! lc && no_buffers && grep -q '^\[  FAILED  \]' $log && ! grep -q '^\[       OK \]' $log; then
		echo "ok 2 no test of lc-compliance passes"
	else
		echo "not ok 2 no test of lc-compliance passes"
	fi
	echo 1..2
	;;
lc)
	lc
	code=$?
	awk '{ print "# " $0 }
		/^\[=+\] Running [0-9]+ tests? / { print "1.." $3 }
		/^\[ +OK +\] .* ms\)$/ { print "ok " ++n " " $4 }
		/^\[ +FAILED +\] .* ms\)$/ { print "not ok " ++n " " $4 }
		/^\[ +SKIPPED +\] .* ms\)$/ { print "ok " ++n " " $4 " # SKIP" }' $log
	exit $code
	;;
cam)
	for n in 0 1 2 3; do
		result=ok
		cam Virtual$n && [ "$(grep -c " seq: " $log)" = 60 ] || result="not ok"
		sed 's/^/# /' $log
		echo "$result $((n + 1)) 60 frames of Virtual$n"
	done
	echo 1..4
	;;
esac
