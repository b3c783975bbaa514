#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# fetch-debian.sh NAME: bring the kernel NAME of kernels.list into the cache, and what
# modules for it are built with.  Prints a directory with
#   release        of the kernel
#   vmlinuz
#   root           the headers and compilers of all these kernels, for in-root.sh
#
# Promises: nothing half downloaded or half unpacked is used; what was fetched before is
# used, with a message, when the mirror cannot be reached.
read -r _ ARCH wanted flavour _ < <(awk -v n="$1" '!/^#/ && $1 == n' "$(dirname "$0")/kernels.list")
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/kernel/apt.sh"
# The compilers run on this machine.
[ -z "$cross" ] || also=$deb_arch
cross=

cache=$CACHE/distro
# Programs that the headers' makefiles run.  The headers' own dependencies would bring a kernel.
tools="make binutils dash bash coreutils sed grep mawk findutils perl-base pahole libssl3t64
	gcc-14 gcc-14-aarch64-linux-gnu"

get_root() {
	local dir
	say "fetching the compilers of Debian's kernels (120 MB)"
	need_space 1500 "the compilers and the headers"
	# shellcheck disable=SC2086 # a list of package names
	download "$tmp" --download-only install $tools || return 1
	mkdir -p "$tmp"/new/{proc,sys,dev,tmp,mnt,usr/{bin,sbin,lib,lib64}}
	for dir in bin sbin lib lib64; do ln -s usr/$dir "$tmp/new/$dir"; done
	unpack "$tmp"
	ln -s mawk "$tmp/new/usr/bin/awk"
	mv -T "$tmp/new" "$root"
}

# packages PACKAGE...: those of them that exist, as apt-get wants them.
packages() { apt_private apt-cache show "$@" 2>/dev/null | sed -n 's/^Package: //p' | sed "s/-$flavour\$/&${also:+:$also}/"; }

get_kernel() {	# DIR
	local common=${release%"-$flavour"}
	say "fetching Debian's kernel $release"
	need_space 700 "a kernel"
	# Newer kernels are split into several packages.
	mapfile -t debs < <(packages linux-{image,binary,base,modules,headers}-"$release${also:+:$also}" \
		linux-headers-"$common"-common{,-rt} "linux-kbuild-$common")
	download "$tmp" download "${debs[@]}" || return 1
	mkdir -p "$tmp/new/usr/lib" "$tmp/kernel"
	ln -s usr/lib "$tmp/new/lib"
	unpack "$tmp"
	find "$tmp/new" -name 'vmlinuz*' -exec mv {} "$tmp/kernel/vmlinuz" \;
	[ -s "$tmp/kernel/vmlinuz" ] || die "there is no kernel in ${debs[*]}"
	echo "$release" >"$tmp/kernel/release"
	ln -s "../$(basename "$root")" "$tmp/kernel/root"
	rm -rf "$tmp/new/usr/lib/modules"
	cp -a "$tmp/new/usr" "$root/"
	mv -T "$tmp/kernel" "$1"
}

# Sets $dir to a complete kernel; fails if the mirror has none.
get() {
	local all new
	apt_setup main trixie-backports trixie && apt_update || return 1
	all=$(apt_private apt-cache pkgnames linux-headers- |
		sed -n "s/^linux-headers-\([0-9][0-9.]*+[^-]*-$flavour\)\$/\1/p" | sort -V)
	release=$(grep "^${wanted//./\\.}\." <<<"$all" | tail -n 1) ||
		{ release=$(tail -n 1 <<<"$all") && say "Debian has no Linux $wanted any more; taking $release"; }
	[ -n "$release" ] || return 1
	[ -e "$root/mnt" ] || get_root || return 1
	new=$cache/$release-$(basename "$root")
	[ -e "$new" ] || get_kernel "$new" || return 1
	ln -sfn "$(basename "$new")" "$link"
	dir=$new
}

[ -n "${flavour:-}" ] || die "no kernel $1 in distro/kernels.list"
lock 7 distro
root=$cache/root-$(sha256sum <<<"$tools" | cut -c1-8)
link=$cache/$1
tmp=$cache/tmp
mkdir -p "$cache"
dir=$(realpath "$link" 2>/dev/null) || dir=
[ "$(realpath "$dir/root" 2>/dev/null)" = "$root" ] || dir=
once_a_day "$link" "$dir" get || die "Debian's kernel is neither in the cache nor on the mirror"
rm -rf "$tmp"
echo "$dir"
