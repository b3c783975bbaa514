#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# patches.sh: the series as patches that git am takes, for the kernel that KERNEL
# chooses, in out/series/KERNEL/.  What is in which patch and what the messages
# are is in series/; their figures come from out/bench-KERNEL.json or else from docs/,
# and if they were measured with other sources than these it is said.  Those of
# single patches come from out/bench-series-KERNEL.json (make bench-series).
#
#   AUTHOR="Name <mail>"    who sends it; without, nobody does, and that is said
#   SIGNOFF=1               add the author's Signed-off-by
#   TRAILERS="Key: value; Key: value"  add these to each patch
#
# Promises: the same tree and figures give the same patches to the last byte;
# out/series/KERNEL has a whole series, or the one that was there before.
. "$(dirname "$0")/lib.sh"
. "$HARNESS/series/lib.sh"
only_x86

may_be AUTHOR '"Name <mail>"' '[^<>]+ <[^<> ]+@[^<> ]+>'
may_be SIGNOFF 1 1
may_be TRAILERS '"Key: value; Key: value"' '( *[A-Za-z][A-Za-z-]*: *[^ ;][^;]*;?)+'
[ -z "${SIGNOFF:-}" ] || [ -n "${AUTHOR:-}" ] || die "SIGNOFF=1 needs AUTHOR=\"Name <mail>\""
lock_out
"$HARNESS/kernel/deps.sh"
dir=$("$HARNESS/kernel/fetch.sh")
version=$(cat "$dir/version")
kernel=$(echo "$version" | cut -d. -f1,2)
out=$OUT/series/$kernel

figures=$(bench_figures "$kernel")
work=$OUT/series/tmp
rm -rf "$work"
mkdir -p "$work"
awk -v version="$version" -f "$HARNESS/series/numbers.awk" "$figures" >"$work/numbers" ||
	die "$figures does not do: run make bench KERNEL=$kernel first"
arm64_numbers "$kernel" "$version" >>"$work/numbers" ||
	die "run make bench KERNEL=$kernel ARCH=arm64 first"

grep -qF "\"sources\":\"$(sources_id)\"" "$figures" ||
	say "$figures is of other sources than these: make bench KERNEL=$kernel measures them"

each=$(series_figures_each "$kernel")
if [ ! -f "$each" ]; then
	say "figures of single patches are those of all together: make bench-series KERNEL=$kernel"
else
	awk -f "$HARNESS/series/each.awk" "$each" >>"$work/numbers" ||
		die "$each does not do: run make bench-series KERNEL=$kernel again"
	grep -qF "\"sources\":\"$(sources_id)\"" "$each" ||
		say "$each is of other sources than these: make bench-series KERNEL=$kernel"
fi

repo=$("$HARNESS/series/base.sh" "$dir")
base=$(git_plain -C "$repo" rev-parse pristine)
"$HARNESS/kernel/stage.sh" series "$version" "$work/stage" "$(series_few "$dir")"
series_numbers_more "$repo" >>"$work/numbers"
export SERIES_NUMBERS=$work/numbers
"$HARNESS/series/cut.sh" "$repo" "$base" "$work/stage" "$version" >"$work/commits"
series_format "$repo" "$base" "$work/commits" "$kernel" "$work/patches"

rm -rf "$out"
mv "$work/patches" "$out"
rm -rf "$work"
(cd "$out" && for set in $(series_sets); do printf '  %s\n' "$set"/*.patch; done) >&2
[ -n "${AUTHOR:-}" ] || say "From: nobody; AUTHOR=\"Name <mail>\" SIGNOFF=1 makes it yours"
echo "$out"
