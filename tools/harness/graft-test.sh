#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# graft-test.sh DIR: whether graft-tree.sh and ungraft-tree.sh keep their promises,
# on small trees of the kernel in DIR (from fetch.sh), with git and without.  Says
# nothing when all is well.
. "$(dirname "$0")/lib.sh"
. "$HARNESS/series-lib.sh"

version=$(cat "$1/version")
few=$(series_few "$1")
tmp=$(mktemp -d "${TMPDIR:-/tmp}/graft-test.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
tree=$tmp/tree

graft() { "$HARNESS/graft-tree.sh" "$tree" >"$tmp/said" 2>&1; }
ungraft() { "$HARNESS/ungraft-tree.sh" "$tree" >"$tmp/said" 2>&1; }
# Content, modes and directories of everything but git's own.
look() { (cd "$tree" && find . -path ./.git -prune -o -printf '%y %m %p ' -type f -exec sha256sum {} \; -o -printf '\n') | sort; }
refused() {	# WHY
	! graft || die "grafts a tree that $1"
	grep -q "^error: .*$2" "$tmp/said" || die "refuses a tree that $1 without saying \"$2\": $(cat "$tmp/said")"
	look | cmp -s - "$tmp/before" || die "changed a tree that $1 though it refused"
}
fresh() { rm -rf "$tree"; cp -rp "$few" "$tree"; }

"$HARNESS/stage.sh" series "$version" "$tmp/stage" "$few"
for git in with without; do
	fresh
	[ $git = with ] || rm -rf "$tree/.git"
	look >"$tmp/before"
	graft || die "does not graft a tree $git git: $(cat "$tmp/said")"
	while read -r path; do
		cmp "$tmp/stage/$path" "$tree/$path" || die "$path is not what it should be"
		grep -qE "^(added|changed) +$path\$" "$tmp/said" || die "$path is not said to be changed"
	done < <(cd "$tmp/stage" && find . -type f | sed 's,^\./,,')
	look >"$tmp/grafted"
	! graft || die "grafts twice"
	look | cmp -s - "$tmp/grafted" || die "a second graft changed something"
	if [ $git = with ]; then
		seen=$(git -C "$tree" status --porcelain)
		[[ $seen != *"$tree_record"* ]] || die "git sees the record"
	fi

	echo "/* mine */" >>"$tree/drivers/dma-buf/heaps/heap_pool.c"
	look >"$tmp/grafted"
	! ungraft || die "ungrafts a file that was changed since"
	grep -q "drivers/dma-buf/heaps/heap_pool.c" "$tmp/said" || die "does not name the changed file"
	look | cmp -s - "$tmp/grafted" || die "a refused ungraft changed something"
	FORCE=1 ungraft || die "does not ungraft with FORCE=1: $(cat "$tmp/said")"
	look | cmp - "$tmp/before" || die "ungraft left a difference $git git"
	! ungraft || die "ungrafts twice"
done

fresh
rm "$tree/Kbuild"
look >"$tmp/before"
refused "is no kernel" "not a kernel tree"
fresh
sed -i 's/^PATCHLEVEL = .*/PATCHLEVEL = 99/' "$tree/Makefile"
look >"$tmp/before"
refused "is not supported" "99.*supported: "
fresh
echo >>"$tree/MAINTAINERS"
look >"$tmp/before"
refused "is dirty" "uncommitted"
fresh
rm -rf "$tree/.git"
echo "gitdir: nowhere" >"$tree/.git"
look >"$tmp/before"
refused "git cannot look at" "cannot tell whether"
for path in drivers/dma-buf/heaps/system_heap.c drivers/dma-buf/heaps/Kconfig; do
	fresh
	rm -rf "$tree/.git"
	sed -i 's/DMABUF_HEAPS/DMABUF_HIPS/; s/buffer/bluffer/' "$tree/$path"
	look >"$tmp/before"
	refused "has another $path" "series"
	# The one that is replaced as a whole: there is another way, and it is said.
	[ "$path" != drivers/dma-buf/heaps/system_heap.c ] ||
		for way in "diff -u .*/orig/$path $tree/$path" "git -C $tree am -3 .*/*.patch"; do
			grep -q "^ *$way\$" "$tmp/said" || die "does not say \"$way\" of another $path"
		done
done
fresh
rm -rf "$tree/.git"
touch "$tree/drivers/dma-buf/heaps/deferred_free.c"
look >"$tmp/before"
refused "has a file of ours" "deferred_free.c already"

# Interrupted in the middle.
fresh
look >"$tmp/before"
graft || die "does not graft"
rm "$tree/drivers/dma-buf/heaps/heap_zero.c"
cp "$tree/$tree_record/orig/MAINTAINERS" "$tree/MAINTAINERS"
ungraft || die "does not undo half a graft: $(cat "$tmp/said")"
look | cmp - "$tmp/before" || die "undoing half a graft left a difference"
