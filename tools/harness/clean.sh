#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# clean.sh [all]: remove out/, with "all" the project's cache too, and nothing else.
#
# Promises: nothing is removed while another script holds a lock in these directories.  We
# hold the locks meanwhile, and remove them last.  A script that starts now waits, finds
# that its lock is gone (lock_file), and takes a new one.
. "$(dirname "$0")/lib.sh"

case ${1:-} in
'') dirs=("$TOP/out") ;;
all) dirs=("$TOP/out" "$CACHE") ;;
*) die "usage: clean.sh [all]" ;;
esac

# Each ARCH but x86 has a directory of its own in out/.
while read -r file; do
	exec {fd}>>"$file"
	flock -n "$fd" || die "another run holds $file; nothing was removed"
done < <(find "${dirs[@]}" -mindepth 1 -maxdepth 2 -name '*.lock' 2>/dev/null)
for dir in "${dirs[@]}"; do
	[ -d "$dir" ] || continue
	say "removing $dir"
	find "$dir" ! -type d ! -name '*.lock' -delete
	find "$dir" -name '*.lock' -delete
	# A script that started meanwhile has a new lock in it.
	find "$dir" -type d -empty -delete
done
