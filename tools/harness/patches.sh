#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# patches.sh: the series as patches that git am takes, for the kernel that KERNEL
# chooses, in out/series/KERNEL/.  series/cut.sh makes them and says what AUTHOR, SIGNOFF
# and TRAILERS are.
#
# Promises: the same tree and figures give the same patches to the last byte;
# out/series/KERNEL has a whole series, or the one that was there before.
. "$(dirname "$0")/lib.sh"
. "$HARNESS/series/git.sh"
only_x86

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
