#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# initramfs.sh KERNEL FILE <commands: write the guest's root with the kernel's gen_init_cpio:
# out/KERNEL/bin and busybox in /bin, and the commands as /etc/guest.cmds.  GUEST_EXTRA is an
# archive with more.  It needs no privilege and no mount.
. "$(dirname "$0")/../lib.sh"

bin=$OUT/$1/bin
cmds=$2.cmds
busybox=$("$HARNESS/guest/tool.sh" busybox)
cat >"$cmds"

{
	echo "dir /dev 755 0 0"
	echo "nod /dev/console 600 0 0 c 5 1"
	for dir in bin etc tmp proc sys; do
		echo "dir /$dir 755 0 0"
	done
	echo "file /init $HARNESS/guest/init.sh 755 0 0"
	echo "file /etc/guest.cmds $cmds 644 0 0"
	echo "file /bin/busybox $busybox 755 0 0"
	for program in "$bin"/*; do
		echo "file /bin/$(basename "$program") $program 755 0 0"
	done
	busybox --list | grep -vx busybox | while read -r applet; do
		[ -e "$bin/$applet" ] || echo "slink /bin/$applet busybox 777 0 0"
	done
} >"$2.list"

"$OUT/$1/gen_init_cpio" "$2.list" >"$2.tmp"
[ -z "${GUEST_EXTRA:-}" ] || cat "$GUEST_EXTRA" >>"$2.tmp"
mv "$2.tmp" "$2"
