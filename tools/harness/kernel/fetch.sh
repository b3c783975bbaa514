#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Bring the kernel source that KERNEL= asks for (default: the newest supported
# one that is available) into the cache.  Prints its directory there; besides the
# tree itself (linux/) that directory holds the full version (version), and the package's
# name and version (package).
#
# fetch.sh few: only those files of the source that the series changes or the tests
# need; they are in linux/ of the printed directory.
#
# Promises: what is half downloaded or half unpacked is never used; a package that was
# fetched before is used, with a message, when the mirror cannot be reached.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/kernel/apt.sh"

debs=$CACHE/deb
trees=$CACHE/tree

# Sets $deb to the package file; fails when neither mirror nor cache has it.
get_deb() {	# PACKAGE MIRROR SUITE
	deb=$(find "$debs" -maxdepth 1 -name "$1_*.deb" | sort -V | tail -n 1)
	once_a_day "$debs/$1" "$deb" get_newer "$@"
}
# shellcheck disable=SC2317 # once_a_day calls it
get_newer() {
	local file
	apt_setup "$2" "$3" && apt_update || return 1
	file=$(apt_private apt-get --print-uris download "$1" 2>>"$apt/log" | cut -d ' ' -f 2) || return 1
	if [ ! -e "$debs/$file" ]; then
		say "fetching ${file%_*}"
		need_space 400 "the download"
		download "$debs/tmp" download "$1" && mv "$debs/tmp/deb/$file" "$debs" || return 1
		rm -rf "$debs/tmp"
	fi
	deb=$debs/$file
}

# unpack_kernel DIR MIB [PATH...]: unpack $deb, or those PATHs that it has, into DIR/linux.
unpack_kernel() {
	local tmp=$1.tmp said paths=("${@:3}")
	need_space "$2" "unpacking a kernel"
	[ $# -gt 2 ] || say "unpacking $(basename "$deb")"
	rm -rf "$tmp"
	mkdir -p "$tmp/linux"
	said=$(dpkg-deb --fsys-tarfile "$deb" | tar -xOf - "./usr/src/$package.tar.xz" | xz -dc -T0 |
		tar -xf - -C "$tmp/linux" --strip-components=1 --no-same-owner "${paths[@]/#/$package/}" 2>&1) || {
		# A PATH may be missing; other errors count.
		said=$(grep -v ': Not found in archive$\|: Exiting with failure status' <<<"$said") || true
		if [ $# = 2 ] || [ -n "$said" ]; then
			die "$(basename "$deb") did not unpack${said:+: $said}; if the disk is not full, remove $deb"
		fi
	}
	echo "${version%%[-~]*}" >"$tmp/version"
	rm -rf "$1"
	mv "$tmp" "$1"
}

few_paths() {
	awk '$1 == "file" { for (i = 2; i <= NF; i++) print $i }' \
		"$HARNESS/kernel/series.edit" "$TOP/drivers/dma-buf/heaps/system_heap.edit"
	printf '%s\n' Makefile LICENSES usr/gen_init_cpio.c tools/testing/selftests/{kselftest.h,kselftest_harness.h,dmabuf-heaps}
}

# For a few files a newer kernel will do: they change little.
get_newest() {
	local newest
	newest=$(apt_private apt-cache pkgnames linux-source- | grep '^linux-source-[7-9]\.' | sort -V | tail -n 1)
	[ -n "$newest" ] || return 1
	say "Debian has no $package any more; taking $newest"
	package=$newest
	get_deb "$package" "$mirror" "$suite"
}

lock 7 fetch
mkdir -p "$debs" "$trees"
wanted=${KERNEL:-$(names kernel/versions.list)}
for name in $wanted; do
	read -r _ package mirror suite <<<"$(row kernel/versions.list "$name")"
	if get_deb "$package" "$mirror" "$suite" || { [ "${1:-}" = few ] && get_newest; }; then
		# The key of everything made from this package.
		version=$(dpkg-deb -f "$deb" Version)
		key=$(tr -c 'A-Za-z0-9.\n-' _ <<<"$version")
		dir=$trees/$key
		if [ "${1:-}" = few ]; then
			mapfile -t paths < <(few_paths | sort -u)
			dir=$CACHE/few/$key-$(printf '%s\n' "${paths[@]}" | sha256sum | cut -c1-12)
			[ -d "$dir" ] || unpack_kernel "$dir" 100 "${paths[@]}"
		fi
		[ -f "$dir/version" ] || unpack_kernel "$dir" 2500
		echo "$package $version" >"$dir/package"
		[ "${1:-}" = few ] || say "linux $(cat "$dir/version") ($version)"
		echo "$dir"
		exit 0
	fi
	say "linux $name is not available"
done
die "no kernel source: neither in the cache nor on the mirror"
