#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# tool.sh busybox: print the path of a busybox that runs in the guest: the machine's own,
#         or for another ARCH one that is fetched into the cache once.
# tool.sh qemu: print the command that runs trixie's QEMU, for arm64 guests with memory tags.
#         Under bookworm's (7.2) the kernel dies on a tag of its own in kmem_cache_init().
[ "${1:-}" != qemu ] || ARCH=	# this machine's
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/kernel/apt.sh"

# fetch NAME APT-GET-ARGUMENT...: sets $root to the files of trixie's packages.
fetch() {
	root=$CACHE/tools/$1
	lock 7 "$1"
	[ ! -d "$root" ] || return 0
	say "fetching $1 of trixie"
	need_space 300 "$1"
	{ apt_setup main trixie && apt_update && download "$root.tmp" "${@:2}"; } ||
		die "$1 of trixie is not available${apt:+ ($apt/log)}"
	unpack "$root.tmp"
	mv -T "$root.tmp/new" "$root"
	rm -rf "$root.tmp"
}

case ${1:-} in
busybox)
	[ -n "$cross" ] || { command -v busybox; exit; }
	fetch "busybox-$deb_arch" download busybox-static
	find "$root" -path '*bin/busybox'
	;;
qemu)
	fetch qemu --download-only install qemu-system-arm
	# With its own libraries and their loader
	echo "$root/usr/lib64/ld-linux-x86-64.so.2 --library-path $root/usr/lib/x86_64-linux-gnu" \
		"$root/usr/bin/qemu-system-aarch64 -L $root/usr/share/qemu"
	;;
*) die "usage: tool.sh busybox|qemu" ;;
esac
