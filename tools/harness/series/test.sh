#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# test.sh DIR: whether the series for the kernel in DIR (from fetch.sh) can
# be cut, applies with git am, and gives the files that a graft gives.  The quick
# part of "make check": not on all of the kernel's files but on those that the
# series touches, taken from its package.  Says nothing when all is well.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/series/lib.sh"

version=$(cat "$1/version")
kernel=$(echo "$version" | cut -d. -f1,2)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/series-test.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

few=$(series_few "$1")

cp -r "$few" "$tmp/repo"
"$HARNESS/kernel/stage.sh" series "$version" "$tmp/stage" "$tmp/repo"
unset AUTHOR SIGNOFF TRAILERS SERIES_NUMBERS
"$HARNESS/series/cut.sh" "$tmp/repo" pristine "$tmp/stage" "$version" >"$tmp/commits"
series_format "$tmp/repo" pristine "$tmp/commits" "$kernel" "$tmp/patches"
"$HARNESS/series/apply.sh" "$tmp/repo" pristine "$tmp/patches" "$tmp/stage" >"$tmp/applied"
cmp <(wc -l <"$tmp/commits") <(wc -l <"$tmp/applied") >/dev/null || die "git am made other commits"
