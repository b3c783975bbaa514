#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# states.sh STAGE KERNEL DIR: the files of the staged series (from stage.sh) as they
# are after each patch of series/patches.list, in DIR/1, DIR/2 and so on; and in
# DIR/staged the list of all.
#
# Promises: every staged file is in exactly one patch, or the exit is non-zero.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/series/lib.sh"

stage=$1
kernel=$2
dir=$3

mapfile -t names < <(series_names)
[ ${#names[@]} -gt 0 ] || die "no patches in series/patches.list"
for name in "${names[@]}"; do
	[ -f "$series/$name.message" ] || die "no series/$name.message"
done
for file in "$series"/*.without "$series"/*.message "$series"/*.cover; do
	name=$(basename "${file%.*}")
	case " $(series_sets | tr '\n' ' ') ${names[*]} " in
	*" $name "*) ;;
	*) die "series/$(basename "$file") is of no patch in series/patches.list" ;;
	esac
done

# "NAME PATH" for each staged file: the first pattern that fits.
(cd "$stage" && find . -type f | sed 's,^\./,,' | sort) >"$dir/staged"
perl -e '
	my (@patterns, %used, $bad);
	open(my $list, "<", shift) or die;
	while (<$list>) {
		next if /^#|^\s*$/;
		my (undef, $name, @globs) = split;
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
' "$series/patches.list" <"$dir/staged" >"$dir/owners" || die "the series cannot be cut"

# From the end to the beginning: take out one patch after the other.
n=${#names[@]}
cp -r "$stage" "$dir/$n"
for ((i = n; i > 1; i--)); do
	name=${names[i - 1]}
	before=$dir/$((i - 1))
	cp -r "$dir/$i" "$before"
	# The files that come with the patch first: its edits are of the others.
	awk -v n="$name" '$1 == n { print $2 }' "$dir/owners" |
		(cd "$before" && xargs -r rm --)
	[ ! -f "$series/$name.without" ] ||
		perl "$HARNESS/kernel/edit.pl" "the series before \"$name\"" "$kernel" "$TOP" "$before" -- \
			"$series/$name.without" || die "series/$name.without does not fit the files"
done
