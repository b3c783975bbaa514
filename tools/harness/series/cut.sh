#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# cut.sh REPO BASE STAGE VERSION: make commits of the staged series (from
# stage.sh) on top of commit BASE in the git repository REPO, one for each patch
# in series/patches.list.  Prints the commits, oldest first.  Each has the message
# series/NAME.message with figures filled in from the file $SERIES_NUMBERS (or not,
# if there is none), see fill.awk.
#
# AUTHOR="Name <mail>", SIGNOFF=1 and TRAILERS="Key: value; Key: value" are as in
# patches.sh.
#
# Promises: the last commit's tree is BASE's with the staged files, or the exit is
# non-zero; nothing in REPO changes but that objects are added; the same input gives
# the same commits.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/series/lib.sh"

repo=$1
base=$2
stage=$3
version=$4
kernel=$(echo "$version" | cut -d. -f1,2)

tmp=$(mktemp -d "${TMPDIR:-/tmp}/series.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

"$HARNESS/series/states.sh" "$stage" "$kernel" "$tmp"
mapfile -t names < <(series_names)
n=${#names[@]}

export GIT_INDEX_FILE=$tmp/index
author=${AUTHOR:-Nobody <nobody@invalid>}
[[ $author =~ ^[^\<\>]+\ \<[^\<\>\ ]+@[^\<\>\ ]+\>$ ]] || die "AUTHOR is not of the form \"Name <mail>\": $author"
GIT_AUTHOR_NAME=${author% <*}
GIT_AUTHOR_EMAIL=${author##*<}
GIT_AUTHOR_EMAIL=${GIT_AUTHOR_EMAIL%>}
export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL
# shellcheck disable=SC2031 # the subshell is import_pristine's, with names of its own
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL

message() {	# NAME
	local line trailers=()
	while read -r line; do
		[ -z "$line" ] || trailers+=(--trailer "$line")
	done < <(tr ';' '\n' <<<"${TRAILERS:-}")
	[ -z "${SIGNOFF:-}" ] || trailers+=(--trailer "Signed-off-by: $author")
	series_fill "$kernel" "$series/$1.message" >"$tmp/message"
	[ -n "$(head -n 1 "$tmp/message")" ] || die "series/$1.message has no subject"
	[ ${#trailers[@]} = 0 ] ||
		git_plain -C "$repo" interpret-trailers --in-place "${trailers[@]}" "$tmp/message"
}

git_plain -C "$repo" read-tree "$base"
# What the kernel's own files are: executable or not.
xargs git -C "$repo" ls-files -s -- <"$tmp/staged" >"$tmp/modes"
parent=$base
for ((i = 1; i <= n; i++)); do
	name=${names[i - 1]}
	(cd "$tmp/$i" && find . -type f | sed 's,^\./,,' | sort) >"$tmp/files"
	(cd "$tmp/$i" && sed "s,^,$PWD/," "$tmp/files") |
		git_plain -C "$repo" hash-object -w --no-filters --stdin-paths |
		paste - "$tmp/files" |
		while IFS=$'\t' read -r blob path; do
			mode=$(awk -F'\t' -v p="$path" '$2 == p { print substr($1, 1, 6); exit }' "$tmp/modes")
			if [ -z "$mode" ]; then
				mode=100644
				[ ! -x "$tmp/$i/$path" ] || mode=100755
			fi
			printf '%s %s\t%s\n' "$mode" "$blob" "$path"
		done >"$tmp/entries"
	git_plain -C "$repo" update-index --add --index-info <"$tmp/entries"
	tree=$(git_plain -C "$repo" write-tree)
	[ "$tree" != "$(git_plain -C "$repo" rev-parse "$parent^{tree}")" ] ||
		die "patch $name changes nothing"
	message "$name"
	# A minute after the one before, so that mail programs keep the order.
	when=$(printf '2026-01-02T00:%02d:00Z' "$i")
	parent=$(GIT_AUTHOR_DATE=$when GIT_COMMITTER_DATE=$when \
		git_plain -C "$repo" commit-tree "$tree" -p "$parent" -F "$tmp/message")
	echo "$parent"
done
