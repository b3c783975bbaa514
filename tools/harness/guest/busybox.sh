#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# busybox.sh: print the path of a busybox that runs in the guest: the machine's own,
# or for another ARCH one that is fetched into the cache once.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/kernel/apt.sh"

[ -n "$cross" ] || { command -v busybox; exit; }
kept=$CACHE/busybox-$deb_arch
if [ ! -s "$kept" ]; then
	lock 7 busybox
fi
if [ ! -s "$kept" ]; then
	tmp=$kept.tmp
	rm -rf "$tmp"
	mkdir -p "$tmp"
	say "fetching busybox for $deb_arch"
	{ apt_setup main trixie && apt_update && cd "$tmp" && apt_private apt-get \
		download busybox-static >>"$apt/log" 2>&1; } ||
		die "busybox-static for $deb_arch cannot be had${apt:+ ($apt/log)}"
	dpkg-deb -x "$tmp"/*.deb "$tmp/root" || die "busybox-static did not unpack"
	cp "$(find "$tmp/root" -path '*bin/busybox')" "$tmp/busybox"
	mv "$tmp/busybox" "$kept"
	rm -rf "$tmp"
fi
echo "$kept"
