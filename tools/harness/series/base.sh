#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# base.sh DIR: the pristine sources of the kernel in DIR (from fetch.sh) as
# a git repository in the cache, with one commit, on the branch "pristine".
# Prints the repository's directory.
#
# Promises: the commit depends on nothing but the package's files, so that anybody
# who imports the same package gets the same id; a repository that was not finished
# is never used; one run at a time makes one.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/series/lib.sh"

repo=$repos/$(basename "$1")/linux
if [ ! -d "$repo" ]; then
	lock 6 "series-$(basename "$1")"
	if [ ! -d "$repo" ]; then
		need_space 3500 "a repository of the kernel's sources"
		deb=$(package_of "$1")
		say "importing $(basename "$deb") into git; this is done once"
		tmp=$repos/$(basename "$1")/linux.tmp
		rm -rf "$tmp"
		unpack_pristine "$deb" "$tmp"
		import_pristine "$deb" "$(cat "$1/version")" "$tmp"
		mv "$tmp" "$repo"
	fi
fi
echo "$repo"
