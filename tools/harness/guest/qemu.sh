#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# qemu.sh: print the words that run trixie's QEMU, for arm64 guests with memory tags:
# under bookworm's (7.2) the kernel dies on a tag of its own in kmem_cache_init().
# It is fetched into the cache once, with its libraries and their loader.
ARCH=	# this machine's
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/kernel/apt.sh"

cache=$CACHE/qemu
tmp=$cache/tmp

lock 7 qemu
mkdir -p "$cache"
root=$(find "$cache" -mindepth 1 -maxdepth 1 -name '[0-9]*' | sort -V | tail -n 1)
if [ -z "$root" ]; then
	say "fetching trixie's QEMU for arm64 (36 MB)"
	need_space 300 "the emulator"
	{ apt_setup main trixie && apt_update && download "$tmp" --download-only install qemu-system-arm; } ||
		die "trixie's QEMU cannot be had${apt:+ ($apt/log)}"
	unpack "$tmp"
	root=$cache/$(dpkg-deb -f "$tmp"/deb/qemu-system-arm_*.deb Version | tr -c 'A-Za-z0-9.\n-' _)
	mv -T "$tmp/new" "$root"
	rm -rf "$tmp"
fi
echo "$root/usr/lib64/ld-linux-x86-64.so.2 --library-path $root/usr/lib/x86_64-linux-gnu" \
	"$root/usr/bin/qemu-system-aarch64 -L $root/usr/share/qemu"
