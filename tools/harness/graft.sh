#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# graft.sh DIR: make the kernel tree in DIR (from fetch.sh) the kernel's own
# files plus this repository's.
#
# Promises: whatever was grafted before, the tree afterwards is pristine files,
# our files, and edits/*.edit applied to pristine originals (kept in DIR/orig);
# a file whose content stays keeps its time, so that make rebuilds only what
# changed.  One run at a time does
# this and what depends on it (lock_tree).
. "$(dirname "$0")/lib.sh"

dir=$1
lock_tree "$dir"
tree=$dir/linux
orig=$dir/orig
list=$dir/grafted	# paths that are, or may be, not pristine
stage=$dir/stage
selftests=tools/testing/selftests/dmabuf-heaps

rm -rf "$stage"
mkdir -p "$stage" "$orig"
touch "$list"

# Fragments of upstream files; edits/series.edit says where they go.
is_fragment() {
	case $1 in
	drivers/dma-buf/heaps/Kconfig | drivers/dma-buf/heaps/Makefile) ;;
	"$selftests"/Makefile | "$selftests"/config | "$selftests"/.gitignore) ;;
	*) return 1 ;;
	esac
}

ours() {
	local root
	for root in drivers include tools/testing Documentation; do
		[ ! -d "$TOP/$root" ] || (cd "$TOP" && find "$root" -type f \
			! -name '*~' ! -name '.*.sw?' ! -name '*.orig' ! -name '*.rej' ! -name '*.o')
	done
}

# The pristine file of a path that we replace is saved before it is needed.
save_original() {
	if [ -e "$tree/$1" ] && [ ! -e "$orig/$1" ] && ! grep -qxF -- "$1" "$list"; then
		mkdir -p "$orig/$(dirname "$1")"
		cp -p "$tree/$1" "$orig/$1.tmp"
		mv "$orig/$1.tmp" "$orig/$1"
	fi
}

tests=
while read -r path; do
	is_fragment "$path" && continue
	mkdir -p "$stage/$(dirname "$path")"
	cp "$TOP/$path" "$stage/$path"
	case $path in
	"$selftests"/*.c) tests="$tests $(basename "$path" .c)" ;;
	esac
done < <(ours | sort)
mkdir -p "$stage/drivers/dma-buf/heaps"
cp "$HARNESS/bench-heaps/"*.c "$stage/drivers/dma-buf/heaps/"

version=$(cat "$dir/version")
# A tree's name in kernels.list is its version's first two numbers.
kernel=$(echo "$version" | cut -d. -f1,2)
tests=${tests# }
perl "$HARNESS/edit.pl" "linux $version" "$kernel" "$TOP" "$stage/.edited" "$orig" "$tree" -- \
	"SELFTESTS=$tests" "SELFTEST_LINES=${tests// /$'\n'}" "$HARNESS"/edits/*.edit ||
	die "the graft does not fit linux $version; the tree was left as it was"
cp -r "$stage/.edited/." "$stage/"
rm -rf "$stage/.edited"

(cd "$stage" && find . -type f | sed 's,^\./,,' | sort) >"$dir/grafted.new"
while read -r path; do save_original "$path"; done <"$dir/grafted.new"

sort -u "$list" "$dir/grafted.new" >"$list.tmp"
mv "$list.tmp" "$list"
while read -r path; do
	if [ -e "$stage/$path" ]; then
		put "$stage/$path" "$tree/$path"
	elif [ -e "$orig/$path" ]; then
		put "$orig/$path" "$tree/$path"
	else
		rm -f "$tree/$path"
	fi
done <"$list"
mv "$dir/grafted.new" "$list"
rm -rf "$stage"
verbose "grafted $(wc -l <"$list") files"
