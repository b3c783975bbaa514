#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# graft-tree.sh TREE: put the series into somebody's own kernel tree, and print
# which files were added and changed.  ungraft-tree.sh undoes it.
#
# Promises: TREE is left as it was unless all of the series fits: it has to be a
# kernel of a supported version, without uncommitted changes if git knows it, and
# without any of the series in it; the anchors of all edits have to be found, and a
# file that is replaced has to be the one that the series was made for
# (series/replaced.list), or it is said what to do instead.  What is needed to undo it is in TREE/.dma-buf-system-heap
# before the first file is touched; git does not see that directory.
. "$(dirname "$0")/lib.sh"
. "$HARNESS/series-lib.sh"

[ -n "${1:-}" ] || die "usage: make graft TREE=/path/to/linux"
tree=$(tree_path "$1")
version=$(tree_version "$tree")
kernel=$(echo "$version" | cut -d. -f1,2)
[ -n "$(kernel_row "$kernel")" ] || die "$tree is linux $version; supported: $(supported)"
record=$tree/$tree_record
[ ! -e "$record" ] || die "$tree is grafted already; make ungraft TREE=$1 undoes that"
if git -C "$tree" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
	dirty=$(git -C "$tree" status --porcelain -- . | head -n 5)
	[ -z "$dirty" ] || die "$tree has uncommitted changes:
$dirty"
elif [ -e "$tree/.git" ]; then
	# Somebody else's, for one; or there is no git on this machine.
	die "cannot tell whether $tree has uncommitted changes: $(git -C "$tree" status 2>&1 | head -n 1)"
fi

tmp=$(mktemp -d "${TMPDIR:-/tmp}/graft.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
stage=$tmp/stage
"$HARNESS/stage.sh" series "$version" "$stage" "$tree" || die "$tree was left as it was"

# A file that somebody changed is not overwritten: the ways on from there.
other_file() {	# PATH
	die "$1 of $tree (linux $version) is not the one that the series replaces; nothing was changed
  What is different (after make run KERNEL=$kernel, which fetches Debian's):
    diff -u $CACHE/tree/$kernel.*/orig/$1 $tree/$1
  If you need that difference, let git merge it with the series:
    make bench patches KERNEL=$kernel
    git -C $tree am -3 --empty=drop $TOP/out/series/$kernel/*.patch
  If not, put Debian's file there and graft again."
}

# What the tree has of these files must be there to be changed.
(cd "$stage" && find . -type f | sed 's,^\./,,' | sort) >"$tmp/staged"
awk '$1 == "file" { print $2 }' "$HARNESS"/edits/*.edit | sort -u >"$tmp/edited"
while read -r path; do
	[ -e "$tree/$path" ] || [ -L "$tree/$path" ] || { echo "added $path" >>"$tmp/list"; continue; }
	{ [ -f "$tree/$path" ] && [ ! -L "$tree/$path" ]; } || die "$path in $tree is no ordinary file"
	if grep -qxF -- "$path" "$tmp/edited"; then
		:
	elif awk -v k="$kernel" -v p="$path" '$1 == k && $2 == p' "$series/replaced.list" | grep -q .; then
		sum=$(sha256sum <"$tree/$path" | cut -d' ' -f1)
		awk -v k="$kernel" -v p="$path" -v s="$sum" '$1 == k && $2 == p && $3 == s' \
			"$series/replaced.list" | grep -q . ||
			other_file "$path"
	else
		die "$tree has $path already; nothing was changed"
	fi
	echo "changed $path" >>"$tmp/list"
done <"$tmp/staged"

mkdir "$record" || die "cannot write to $tree"
printf '# What "make graft" changed in this tree, for "make ungraft".\n*\n' >"$record/.gitignore"
echo "$version" >"$record/version"
# Directories that will be new, the outer ones first.
while read -r _ path; do
	d=$(dirname "$path")
	while [ ! -d "$tree/$d" ]; do
		echo "$d"
		d=$(dirname "$d")
	done
done <"$tmp/list" | sort -u >"$record/directories"
while read -r what path; do
	if [ "$what" = changed ]; then
		mkdir -p "$record/orig/$(dirname "$path")"
		cp -p "$tree/$path" "$record/orig/$path"
	fi
	echo "$what $(sha256sum <"$stage/$path" | cut -d' ' -f1) $path"
done <"$tmp/list" >"$record/list.new"
mv "$record/list.new" "$record/list"

while read -r what path; do
	mkdir -p "$tree/$(dirname "$path")"
	cp "$stage/$path" "$tree/$path.graft-new"
	[ "$what" = added ] || chmod --reference="$tree/$path" "$tree/$path.graft-new"
	mv "$tree/$path.graft-new" "$tree/$path"
done <"$tmp/list"
# Only now: whoever reads this may stop doing so.
awk '{ printf "%-8s %s\n", $1, $2 }' "$tmp/list" || true
say "grafted into linux $version: $(grep -c ^added "$tmp/list") files added, $(grep -c ^changed "$tmp/list") changed"
