#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# shell.sh: an interactive guest on the bench kernel, with busybox, the
# programs of bench/ and the selftests in /bin.
. "$(dirname "$0")/lib.sh"

lock_out
"$HARNESS/kernel/kernel.sh" bench >/dev/null
"$HARNESS/guest/boot.sh" bench shell shell
