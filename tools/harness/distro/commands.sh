#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# commands.sh NAME: the commands for guest/boot.sh that load the modules of
# out/NAME/ (from kernel.sh), and let what the kernel does after its start end.
. "$(dirname "$0")/../lib.sh"

while read -r module; do
	echo "${module%.ko} 30 insmod /bin/$module"
done <"$OUT/$1/modules"
echo "settled 30 sleep 5"
