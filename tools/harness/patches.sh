#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# patches.sh [WHAT]: the series for the kernel that KERNEL chooses.  WHAT is
#   make      (default) as patches that git am takes, in out/series/KERNEL/.  series/cut.sh
#             makes them and says what AUTHOR, SIGNOFF and TRAILERS are.
#   test      whether it can be cut and applies with git am, on the files that it touches,
#             and with git am -3 on others.  Says nothing when all is well.
#   exporter  print the kernel's system_heap.c with drivers/dma-buf/heaps/system_heap.edit
#
# Promises: the same tree and figures give the same patches to the last byte;
# out/series/KERNEL has a whole series, or the one that was there before.
. "$(dirname "$0")/lib.sh"
. "$HARNESS/series/git.sh"
only_x86

if [ "${1:-make}" != make ]; then
	dir=$("$HARNESS/kernel/fetch.sh" few)
	version=$(cat "$dir/version")
	tmp=$(mktemp -d "${TMPDIR:-/tmp}/series.XXXXXX")
	trap 'rm -rf "$tmp"' EXIT
	"$HARNESS/kernel/stage.sh" series "$version" "$tmp/stage" "$dir/linux"
fi
case ${1:-make} in
exporter)
	cat "$tmp/stage/drivers/dma-buf/heaps/system_heap.c"
	exit
	;;
test)
	cp -r "$dir/linux" "$tmp/repo"
	import_pristine "$tmp/repo" "Linux $version"
	unset AUTHOR SIGNOFF TRAILERS
	tip=$("$HARNESS/series/cut.sh" "$tmp/repo" "$tmp/stage" "${version%.*}" "$tmp/patches" 2>"$tmp/said") ||
		{ cat "$tmp/said" >&2; exit 1; }
	apply_series "$tmp/repo" "$tmp/patches" "$tip"
	# As docs/integrating.md has it, into a tree with another system_heap.c.
	heap=drivers/dma-buf/heaps/system_heap.c
	cp -r "$dir/linux" "$tmp/yours"
	sed -i '/^#include <linux\/vmalloc.h>/i #include <linux/yours.h>' "$tmp/yours/$heap"
	import_pristine "$tmp/yours" "yours"
	git_plain -C "$tmp/yours" fetch -q "$tmp/repo" pristine
	git_plain -C "$tmp/yours" am -3 --empty=drop "$tmp/patches"/{uapi,part-1}/* >"$tmp/said" 2>&1 ||
		{ cat "$tmp/said" >&2; die "git am -3 does not merge the series with another system_heap.c"; }
	grep -q '^Auto-merging' "$tmp/said" || die "git am -3 had nothing to merge"
	exit
	;;
make) ;;
*) die "usage: patches.sh [make | test | exporter]" ;;
esac

may_be AUTHOR '"Name <mail>"' '[^<>]+ <[^<> ]+@[^<> ]+>'
may_be SIGNOFF 1 1
may_be TRAILERS '"Key: value; Key: value"' '( *[A-Za-z][A-Za-z-]*: *[^ ;][^;]*;?)+'
[ -z "${SIGNOFF:-}" ] || [ -n "${AUTHOR:-}" ] || die "SIGNOFF=1 needs AUTHOR=\"Name <mail>\""
lock_out
"$HARNESS/kernel/deps.sh"
dir=$("$HARNESS/kernel/fetch.sh")
few=$("$HARNESS/kernel/fetch.sh" few 2>/dev/null)
version=$(cat "$dir/version")
kernel=$(cut -d. -f1,2 <<<"$version")
out=$OUT/series/$kernel
series_base "$dir"

work=$OUT/series/tmp
rm -rf "$work"
mkdir -p "$work"
git_plain clone -q --shared --no-checkout --branch pristine "$repo" "$work/repo"
"$HARNESS/kernel/stage.sh" series "$version" "$work/stage" "$few/linux"
"$HARNESS/series/cut.sh" "$work/repo" "$work/stage" "$kernel" "$work/patches" >/dev/null
rm -rf "$out"
mv "$work/patches" "$out"
rm -rf "$work"
(cd "$out" && for set in $(series_sets); do printf '  %s\n' "$set"/*.patch; done) >&2
[ -n "${AUTHOR:-}" ] || say "From: nobody; AUTHOR=\"Name <mail>\" SIGNOFF=1 makes it yours"
echo "$out"
