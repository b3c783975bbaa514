#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# apply.sh REPO BASE PATCHES STAGE: apply the series in the directory PATCHES
# to BASE in the git repository REPO and its working tree, the way a maintainer
# does, and compare with the staged files, which is what a graft puts in a tree.
# Prints the commits, oldest first.
#
# Promises: fails unless each staged file is there byte for byte and nothing else
# is different from BASE.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/series/lib.sh"

repo=$1
base=$2
patches=$3
stage=$4

# shellcheck disable=SC2031 # the subshell is import_pristine's, with names of its own
export GIT_COMMITTER_NAME=Nobody GIT_COMMITTER_EMAIL=nobody@invalid
git_plain -C "$repo" am --abort >/dev/null 2>&1 || true
git_plain -C "$repo" checkout -q --force --detach "$base"
git_plain -C "$repo" clean -q -f -d -x
# Set by set, all but the cover letters.
mapfile -t mails < <(for set in $(series_sets); do
	find "$patches/$set" -name '*.patch' ! -name '0000-*' | sort
done)
git_plain -C "$repo" am -q --whitespace=error-all --committer-date-is-author-date \
	"${mails[@]}" >&2 ||
	die "git am does not take the series"

bad=$(diff <(cd "$stage" && find . -type f | sed 's,^\./,,' | sort) \
	<(git_plain -C "$repo" diff --name-only --no-renames "$base" HEAD | sort) || true)
[ -z "$bad" ] || die "the series changes other files than a graft does (<: graft):
$bad"
while read -r path; do
	cmp "$stage/$path" "$repo/$path" >&2 || die "$path is not what a graft makes of it"
done < <(cd "$stage" && find . -type f)
[ -z "$(git_plain -C "$repo" status --porcelain)" ] || die "git am left something behind"
git_plain -C "$repo" rev-list --reverse "$base..HEAD"
