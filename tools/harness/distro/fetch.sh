#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# fetch.sh FLAVOUR...: bring Debian's kernels of these flavours (cloud, generic, rt)
# into the cache, and what modules for them are built with.  Prints a directory with
#   version        of Debian's packages
#   release        of the kernels, without the flavour
#   root/          the headers of all flavours and their compiler, for root.sh
#   FLAVOUR/       vmlinuz, release, and but for cloud lib/modules/
#
# Promises: packages come from the machine's own mirror, with apt's checks of
# signature and hash; nothing half downloaded or half unpacked is used; what was
# fetched before is used when the mirror cannot be reached, and that is said.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/kernel/apt.sh"

cache=$CACHE/distro
fresh_minutes=1440	# how long an answer of the mirror is believed
# What the makefiles of the headers run, but do not depend on.
tools="make binutils dash bash coreutils sed grep mawk findutils perl-base"

suffix() {	# FLAVOUR
	case $1 in
	cloud | rt) echo "-$1-amd64" ;;
	generic) echo "-amd64" ;;
	*) die "no flavour $1: cloud, generic or rt" ;;
	esac
}

# complete DIR FLAVOUR...
complete() {
	local flavour
	[ -e "$1/root-$tools_id/mnt" ] || return 1
	for flavour in "${@:2}"; do [ -e "$1/$flavour/vmlinuz" ] || return 1; done
}

# The newest 7.3 that there is with headers, else the newest of all: "RELEASE VERSION".
newest() {
	local all release version
	all=$(apt_private apt-cache pkgnames linux-headers- |
		sed -n 's/^linux-headers-\([7-9]\.[0-9.]*+.*\)-cloud-amd64$/\1/p' | sort -V)
	release=$(grep '^7\.3\.' <<<"$all" | tail -n 1) || release=$(tail -n 1 <<<"$all")
	[ -n "$release" ] || return 1
	[[ $release = 7.3.* ]] || say "Debian has no Linux 7.3 any more; taking $release"
	version=$(apt_private apt-cache show "linux-headers-$release-cloud-amd64" |
		awk '/^Version:/ { print $2; exit }')
	echo "$release $version"
}

get_root() {
	local dir
	say "fetching the headers of Debian's $release kernels and their compiler (95 MB)"
	need_space 800 "the compiler and the headers"
	# shellcheck disable=SC2086 # a list of package names
	download "$tmp" --download-only install $tools \
		"linux-headers-$release"{-cloud-amd64,-amd64,-rt-amd64} || return 1
	mkdir -p "$tmp"/new/usr/{bin,sbin,lib,lib64}
	for dir in bin sbin lib lib64; do ln -s usr/$dir "$tmp/new/$dir"; done
	unpack "$tmp"
	ln -s mawk "$tmp/new/usr/bin/awk"
	mkdir -p "$tmp/new/proc" "$tmp/new/tmp" "$tmp/new/mnt"
	mv -T "$tmp/new" "$1"
}

get_kernel() {	# DIR FLAVOUR
	local name packages
	name=$release$(suffix "$2")
	packages=("linux-binary-$name=$version")
	[ "$2" = cloud ] || packages+=("linux-"{base,modules}"-$name=$version")
	say "fetching Debian's $name kernel"
	need_space 500 "a kernel"
	download "$tmp" download "${packages[@]}" || return 1
	unpack "$tmp"
	find "$tmp/new" -name 'vmlinuz*' -exec mv {} "$tmp/new/vmlinuz" \;
	[ -s "$tmp/new/vmlinuz" ] || die "there is no kernel in linux-binary-$name"
	echo "$name" >"$tmp/new/release"
	if [ "$2" != cloud ]; then
		[ -d "$tmp/new/lib" ] || ln -s usr/lib "$tmp/new/lib"
		/sbin/depmod -b "$tmp/new" "$name" || die "depmod failed for linux-modules-$name"
	fi
	mv -T "$tmp/new" "$1"
}

# Sets $dir to what is complete; fails when the mirror does not give it.
get() {
	local flavour
	apt_setup main trixie-backports trixie && apt_update || return 1
	read -r release version <<<"$(newest)"
	[ -n "${version:-}" ] || return 1
	dir=$cache/$(tr -c 'A-Za-z0-9.\n-' _ <<<"$version")
	mkdir -p "$dir"
	[ -e "$dir/root-$tools_id" ] || get_root "$dir/root-$tools_id" || return 1
	for flavour in "$@"; do
		[ -e "$dir/$flavour" ] || get_kernel "$dir/$flavour" "$flavour" || return 1
	done
	echo "$release" >"$dir/release"
	echo "$version" >"$dir/version"
	touch "$dir/asked"
}

for flavour in "$@"; do suffix "$flavour" >/dev/null; done
lock 7 distro
tools_id=$(sha256sum <<<"$tools" | cut -c1-8)
tmp=$cache/tmp
mkdir -p "$cache"
old=$(find "$cache" -mindepth 2 -maxdepth 2 -name version 2>/dev/null | sort -V | tail -n 1)
dir=${old%/version}
if [ -z "$dir" ] || ! complete "$dir" "$@" ||
	[ -z "$(find "$dir/asked" -mmin "-$fresh_minutes")" ]; then
	if ! get "$@"; then
		[ ! -s "${apt:-}/log" ] || tail -n 3 "$apt/log" >&2
		dir=${old%/version}
		if [ -z "$dir" ] || ! complete "$dir" "$@"; then
			die "Debian's kernel is not in the cache, and the mirror did not give it"
		fi
		say "the mirror cannot be asked; using $(cat "$dir/version") fetched before"
	fi
	rm -rf "$tmp"
fi
ln -sfn "root-$tools_id" "$dir/root"
echo "$dir"
