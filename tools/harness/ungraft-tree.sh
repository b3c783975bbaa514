#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# ungraft-tree.sh TREE: undo what graft-tree.sh did to TREE, to the last byte and
# directory.  A graft that was interrupted can be undone too.
#
# Promises: when a grafted file was changed since, it is named and nothing is
# touched, unless FORCE=1: then the change is lost.
. "$(dirname "$0")/lib.sh"
. "$HARNESS/series-lib.sh"

may_be FORCE 1 1
[ -n "${1:-}" ] || die "usage: make ungraft TREE=/path/to/linux"
tree=$(tree_path "$1")
record=$tree/$tree_record
[ -d "$record" ] || die "$tree was not grafted (there is no $tree_record)"
# Without a list no file was touched yet.
[ -f "$record/list" ] || : >"$record/list"

changed=
while read -r what sum path; do
	if [ "$what" = changed ] && cmp -s "$tree/$path" "$record/orig/$path"; then
		continue
	elif [ "$what" = added ] && [ ! -e "$tree/$path" ]; then
		continue
	elif [ "$(sha256sum 2>/dev/null <"$tree/$path" | cut -d' ' -f1)" != "$sum" ]; then
		changed="$changed
  $path"
	fi
done <"$record/list"
[ -z "$changed" ] || [ "${FORCE:-}" = 1 ] ||
	die "changed since they were grafted, FORCE=1 drops that:$changed"

# With a new time, or make would believe objects of the grafted files.
while read -r what _ path; do
	rm -f "$tree/$path.graft-new"
	if [ "$what" = added ]; then
		rm -f "$tree/$path"
	elif ! cmp -s "$tree/$path" "$record/orig/$path"; then
		mkdir -p "$tree/$(dirname "$path")"
		cp -p "$record/orig/$path" "$tree/$path.graft-new"
		touch "$tree/$path.graft-new"
		mv "$tree/$path.graft-new" "$tree/$path"
	fi
done <"$record/list"
if [ -f "$record/directories" ]; then
	sort -r "$record/directories" | while read -r d; do
		[ ! -d "$tree/$d" ] || rmdir "$tree/$d" 2>/dev/null || say "left: $d, there is something in it"
	done
fi
n=$(wc -l <"$record/list")
rm -rf "$record"
say "ungrafted: $n files as they were"
