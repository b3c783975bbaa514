#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# patches.sh [WHAT]: cut or test the series for the kernel that KERNEL chooses.  WHAT is
#   make      (default) write patches for git am into out/series/KERNEL/.  series/cut.sh
#             makes them and says what AUTHOR, SIGNOFF and TRAILERS are.
#   test      check that it can be cut and applies with git am, and with git am -3 to
#             another system_heap.c
#   exporter  print the kernel's system_heap.c with drivers/dma-buf/heaps/system_heap.edit
#
# Promises: the same tree and figures give the same patches to the last byte;
# out/series/KERNEL has a whole series, or the one that was there before.
. "$(dirname "$0")/lib.sh"
only_x86

heap=drivers/dma-buf/heaps/system_heap.c
tmp=$(mktemp -d "${TMPDIR:-/tmp}/series.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
case ${1:-make} in
exporter)
	few=$("$HARNESS/kernel/fetch.sh" few)
	"$HARNESS/kernel/stage.sh" series "$(cat "$few/version")" "$tmp/stage" "$few/linux"
	cat "$tmp/stage/$heap"
	;;
test)
	unset AUTHOR SIGNOFF TRAILERS
	export GIT_{AUTHOR,COMMITTER}_NAME=Nobody GIT_{AUTHOR,COMMITTER}_EMAIL=nobody@invalid
	"$HARNESS/series/cut.sh" "$tmp"
	base() { git_plain -C "$tmp/base" "$@"; }
	base checkout -q --detach
	for set in $(series_sets); do
		base am -q --empty=drop --whitespace=error-all "$tmp/$set"/* || die "git am rejects $set"
		base diff --exit-code --stat "$set" || die "git am does not give the files of $set"
	done
	# Apply it as docs/integrating.md says, to a tree with another system_heap.c.
	base checkout -q --detach pristine
	sed -i '/^#include <linux\/vmalloc.h>/i #include <linux/yours.h>' "$tmp/base/$heap"
	base commit -q -a -m yours
	said=$(base am -3 --empty=drop "$tmp"/{uapi,part-1}/* 2>&1) ||
		die "git am -3 does not merge the series with another system_heap.c: $said"
	grep -q '^Auto-merging' <<<"$said" || die "git am -3 had nothing to merge"
	;;
make)
	may_be AUTHOR '"Name <mail>"' '[^<>]+ <[^<> ]+@[^<> ]+>'
	may_be SIGNOFF 1 1
	may_be TRAILERS '"Key: value; Key: value"' '( *[A-Za-z][A-Za-z-]*: *[^ ;][^;]*;?)+'
	[ -z "${SIGNOFF:-}" ] || [ -n "${AUTHOR:-}" ] || die "SIGNOFF=1 needs AUTHOR=\"Name <mail>\""
	lock_out
	"$HARNESS/kernel/deps.sh"
	few=$("$HARNESS/kernel/fetch.sh" few)
	out=$OUT/series/$(cut -d. -f1,2 "$few/version")
	rm -rf "$OUT/series/tmp"
	"$HARNESS/series/cut.sh" "$OUT/series/tmp"
	rm -rf "$out"
	mv "$OUT/series/tmp" "$out"
	(cd "$out" && for set in $(series_sets); do printf '  %s\n' "$set"/*.patch; done) >&2
	[ -n "${AUTHOR:-}" ] || say "From: nobody; AUTHOR=\"Name <mail>\" SIGNOFF=1 makes it yours"
	echo "$out"
	;;
*) die "usage: patches.sh [make | test | exporter]" ;;
esac
