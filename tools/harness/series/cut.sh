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
# Promises: every staged file is in exactly one patch, and the last commit's tree
# is BASE's with the staged files, or the exit is non-zero; nothing in REPO changes
# but that objects are added; the same input gives the same commits.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/series/lib.sh"

repo=$1
base=$2
stage=$3
version=$4
kernel=$(echo "$version" | cut -d. -f1,2)

tmp=$(mktemp -d "${TMPDIR:-/tmp}/series.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

mapfile -t names < <(series_names)
[ ${#names[@]} -gt 0 ] || die "no patches in series/patches.list"
for name in "${names[@]}"; do
	[ -f "$series/$name.message" ] || die "no series/$name.message"
done
for file in "$series"/*.without "$series"/*.message; do
	name=$(basename "${file%.*}")
	case " cover ${names[*]} " in
	*" $name "*) ;;
	*) die "series/$(basename "$file") is of no patch in series/patches.list" ;;
	esac
done

# "NAME PATH" for each staged file: the first pattern that fits.
(cd "$stage" && find . -type f | sed 's,^\./,,' | sort) >"$tmp/staged"
perl -e '
	my (@patterns, %used, $bad);
	open(my $list, "<", shift) or die;
	while (<$list>) {
		next if /^#|^\s*$/;
		my ($name, @globs) = split;
		for (@globs) {
			my $re = join ".*", map { join "[^/]*", map quotemeta, split /\*/, $_, -1 } split /\*\*/, $_, -1;
			push @patterns, [$name, $_, qr/^$re$/];
		}
	}
	while (<STDIN>) {
		chomp;
		my $path = $_;
		my ($p) = grep { $path =~ $_->[2] } @patterns;
		if (!$p) { print STDERR "  $path\n"; $bad = 1; next }
		$used{$p->[1]} = 1;
		print "$p->[0] $path\n";
	}
	die "these files of the series are in no patch of series/patches.list\n" if $bad;
	for (@patterns) { die "series/patches.list: there is no $_->[1]\n" unless $used{$_->[1]} }
' "$series/patches.list" <"$tmp/staged" >"$tmp/owners" || die "the series cannot be cut"

# From the end to the beginning: take out one patch after the other.
n=${#names[@]}
cp -r "$stage" "$tmp/$n"
for ((i = n; i > 1; i--)); do
	name=${names[i - 1]}
	before=$tmp/$((i - 1))
	cp -r "$tmp/$i" "$before"
	# The files that come with the patch first: its edits are of the others.
	awk -v n="$name" '$1 == n { print $2 }' "$tmp/owners" |
		(cd "$before" && xargs -r rm --)
	[ ! -f "$series/$name.without" ] ||
		perl "$HARNESS/kernel/edit.pl" "the series before \"$name\"" "$kernel" "$TOP" "$before" -- \
			"$series/$name.without" || die "series/$name.without does not fit the files"
done

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
