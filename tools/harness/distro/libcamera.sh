#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# libcamera.sh GEN_INIT_CPIO: print an archive for guests, made in the cache by the
# kernel's program of that name: cam and lc-compliance of Debian's newest libcamera,
# the libraries that these need, and virtual cameras as its example has them.
#
# Promises: as fetch.sh.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/kernel/apt.sh"

cache=$CACHE/libcamera
tmp=$cache/tmp
root=$tmp/new
libs=/usr/lib/x86_64-linux-gnu
id=$(sha256sum <"$0" | cut -c1-8)	# what is in it is decided here
fresh_minutes=1440	# how long an answer of the mirror is believed

# What goes where, as gen_init_cpio wants it
contents() {
	local dir file loader=/lib64/ld-linux-x86-64.so.2
	for dir in /usr /usr/bin /usr/lib $libs /lib64 /usr/share{,/libcamera{,/pipeline{,/virtual}}}; do
		echo "dir $dir 755 0 0"
	done
	dir=/usr/share/libcamera/pipeline/virtual
	echo "file $dir/virtual.yaml $root$dir/virtual.yaml.example 644 0 0"
	echo "file $loader $root$loader 755 0 0"
	for file in /usr/bin/cam /usr/bin/lc-compliance; do
		echo "file $file $root$file 755 0 0"
		"$root$loader" --inhibit-cache --library-path "$root$libs:$root$libs/pulseaudio" \
			--list "$root$file" >"$tmp/needs" && ! grep "not found" "$tmp/needs" >&2 || return 1
		sed -n "s,^\t\([^ ]*\) => \($root/[^ ]*\) .*,file $libs/\1 \2 755 0 0,p" "$tmp/needs"
	done
}

# Sets $archive; fails when the mirror does not give it.
get() {
	local dir version
	apt_setup main trixie-backports trixie && apt_update || return 1
	version=$(apt_private apt-cache show libcamera-tools | awk '/^Version:/ { print $2 }' |
		sort -V | tail -n 1)
	[ -n "$version" ] || return 1
	archive=$cache/$(tr -c 'A-Za-z0-9.\n-' _ <<<"$version")-$id.cpio
	if [ ! -e "$archive" ]; then
		say "fetching libcamera $version and what it needs (100 MB)"
		need_space 800 "libcamera"
		download "$tmp" -t trixie-backports --download-only install \
			libcamera-tools libcamera-ipa || return 1
		say "unpacking it"
		mkdir -p "$root"/usr/{bin,sbin,lib,lib64}
		for dir in bin sbin lib lib64; do ln -s usr/$dir "$root/$dir"; done
		unpack "$tmp"
		{ contents | sort -u >"$tmp/list" && "$1" "$tmp/list" >"$tmp/cpio"; } ||
			die "no archive of libcamera could be made"
		mv "$tmp/cpio" "$archive"
	fi
	touch "$archive.asked"
}

lock 7 distro		# and of what apt has for fetch.sh
mkdir -p "$cache"
old=$(find "$cache" -name "*-$id.cpio" | sort -V | tail -n 1)
archive=$old
if [ -z "$old" ] || [ -z "$(find "$cache" -path "$old.asked" -mmin "-$fresh_minutes")" ]; then
	if ! get "$1"; then
		[ ! -s "${apt:-}/log" ] || tail -n 3 "$apt/log" >&2
		[ -n "$old" ] || die "libcamera is not in the cache, and the mirror did not give it"
		say "the mirror cannot be asked; using $(basename "$old" "-$id.cpio") fetched before"
		archive=$old
	fi
	rm -rf "$tmp"
fi
echo "$archive"
