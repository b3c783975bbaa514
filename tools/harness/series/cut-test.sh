#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# cut-test.sh: whether the series for the kernel that KERNEL chooses can be cut and applies
# with git am.  The quick part of "make check": not on all of the kernel's files but on
# those that the series touches.  Says nothing when all is well.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/series/git.sh"

dir=$("$HARNESS/kernel/fetch.sh" few)
version=$(cat "$dir/version")
tmp=$(mktemp -d "${TMPDIR:-/tmp}/series-test.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

cp -r "$dir/linux" "$tmp/repo"
import_pristine "$tmp/repo" "Linux $version"
"$HARNESS/kernel/stage.sh" series "$version" "$tmp/stage" "$dir/linux"
unset AUTHOR SIGNOFF TRAILERS
tip=$("$HARNESS/series/cut.sh" "$tmp/repo" "$tmp/stage" "${version%.*}" "$tmp/patches" 2>"$tmp/said") ||
	{ cat "$tmp/said" >&2; exit 1; }
apply_series "$tmp/repo" "$tmp/patches" "$tip"
