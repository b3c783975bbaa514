#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# graft.sh DIR: make the kernel tree in DIR (from fetch.sh) the kernel's own files plus this
# repository's.
#
# Promises: the tree then has pristine files and what stage.sh adds and changes, whatever was
# in it before.  DIR/orig keeps pristine originals.  A file whose content stays the same
# keeps its timestamp, so that make rebuilds only what changed.  One run at a time does
# this and what depends on it (lock_tree).
. "$(dirname "$0")/../lib.sh"

dir=$1
lock_tree "$dir"
tree=$dir/linux
orig=$dir/orig
list=$dir/grafted	# paths that are, or may be, not pristine
stage=$dir/stage

mkdir -p "$orig"
touch "$list"

"$HARNESS/kernel/stage.sh" bench "$(cat "$dir/version")" "$stage" "$orig" "$tree" ||
	die "the tree was left as it was"

(cd "$stage" && find . -type f -printf '%P\n' | sort) >"$dir/grafted.new"
# The pristine file of a path that we replace is saved before it is needed.
comm -13 "$list" "$dir/grafted.new" | while read -r path; do
	[ ! -e "$tree/$path" ] || put "$tree/$path" "$orig/$path"
done

sort -u "$list" "$dir/grafted.new" >"$list.tmp"
mv "$list.tmp" "$list"
while read -r path; do
	if [ -e "$stage/$path" ]; then
		put "$stage/$path" "$tree/$path"
	elif [ -e "$orig/$path" ]; then
		put "$orig/$path" "$tree/$path"
	else
		rm -f "$tree/$path"
	fi
done <"$list"
mv "$dir/grafted.new" "$list"
rm -rf "$stage"
