#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# cut.sh DIR: cut the series for the kernel that KERNEL chooses into the patches of
# series/patches.list: mails in DIR/SET, and commits in the repository DIR/base.  Its
# branch "pristine" has the kernel's own version of the files that the series touches; a
# branch SET is at the end of each set.
#
# In series/NAME.message and SET.cover a line "@NAME@" stands for a table of that
# name, and lines between "@IF NAME@" and "@END@" are left out where there is none:
#   COSTS, COSTS_ARM64, TIME     figures of make bench on x86-64, on arm64, and of make
#                                bench-native, from out/ or else from docs/
#   BASE                         the package that the base commit was made from
#   MEM_ACCOUNTING, CC_SHARED    only for @IF: the kernel's heap has these features
#
#   AUTHOR="Name <mail>"               the author of all patches, or else "Nobody"
#   SIGNOFF=1                          add the author's Signed-off-by
#   TRAILERS="Key: value; Key: value"  add these to each patch
#
# Promises: the last commit's tree is that of "pristine" with the staged files; every
# staged file is in one patch; the same input gives the same output to the last byte.
. "$(dirname "$0")/../lib.sh"

out=$1
repo=$out/base
work=$out/tmp
stage=$work/stage
export heaps=drivers/dma-buf/heaps selftests=tools/testing/selftests/dmabuf-heaps
author=${AUTHOR:-Nobody <nobody@invalid>}
mail=${author##*<}
export GIT_AUTHOR_NAME="${author% <*}" GIT_AUTHOR_EMAIL="${mail%>}"
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL

few=$("$HARNESS/kernel/fetch.sh" few)
version=$(cat "$few/version")
kernel=$(cut -d. -f1,2 <<<"$version")
mkdir -p "$work"
"$HARNESS/kernel/stage.sh" series "$version" "$stage" "$few/linux"
mapfile -t names < <(series_names)

# Make $repo, always with the same commit for the same files.
base() {
	cp -r "$few/linux" "$repo"
	git_plain -C "$repo" -c init.defaultBranch=pristine init -q
	git_plain -C "$repo" add -f -A
	GIT_AUTHOR_NAME="Kernel source" GIT_AUTHOR_EMAIL=source@invalid \
	GIT_COMMITTER_NAME="Kernel source" GIT_COMMITTER_EMAIL=source@invalid \
	GIT_AUTHOR_DATE="2026-01-01T00:00:00Z" GIT_COMMITTER_DATE="2026-01-01T00:00:00Z" \
		git_plain -C "$repo" commit -q -m "Linux $version, as in Debian's $(cat "$few/package")"
}

# Put the list of files of each patch into $work/NAME.
owners() {
	local name globs
	(cd "$stage" && find . -type f -printf '%P\n' | sort) >"$work/left"
	grep -v '^#\|^$' "$series/patches.list" | while read -r _ name globs; do
		globs=$(sed 's/\./\\./g; s/\*\+/.*/g; s/ \+/|/g' <<<"$globs")
		grep -xE "$globs" "$work/left" >>"$work/$name" || die "$name: no file matches $globs"
		grep -vxE "$globs" "$work/left" >"$work/new" || true
		mv "$work/new" "$work/left"
	done
	[ ! -s "$work/left" ] || die "in no patch of series/patches.list: $(tr '\n' ' ' <"$work/left")"
}

# missing DIR: remove references to missing tests, objects and test programs from the
# files in DIR.
missing() (
	cd "$1"
	if [ ! -d $heaps/tests ] && [ -d $heaps ]; then
		find $heaps -name '*.c' -o -name Kconfig | xargs -r perl -0pi -e '
			s/\n#ifdef CONFIG_DMABUF_HEAPS_KUNIT_TEST\n#include [^\n]*\n#endif\n\z//;
			s/^#include <kunit\/.*\n//mg;
			s/^\tKUNIT_STATIC_STUB_REDIRECT\([^;]*\);\n\n?//mg;
			s/^config DMABUF_HEAPS_KUNIT_TEST\n.*?(?=^config )//ms'
		! grep -rni kunit $heaps >&2 || die "KUnit code is left that cut.sh cannot remove"
	fi
	[ ! -f $heaps/Makefile ] || perl -pi -e '
		s/ (\w+)\.o/-e "$ENV{heaps}\/$1.c" ? $& : ""/ge if /^dma_heap_pool-y/' $heaps/Makefile
	perl -pi -e '
		s/ ?\b(system-[\w-]+)\n?/-e "$ENV{selftests}\/$1.c" ? $& : ""/ge' $selftests/{Makefile,.gitignore}
)

# Put the files as they are after each patch into $work/1, $work/2 and so on.
states() {
	local i name n=${#names[@]}
	cp -r "$stage" "$work/$n"
	for ((i = n - 1; i > 0; i--)); do
		name=${names[i]}
		cp -r "$work/$((i + 1))" "$work/$i"
		(cd "$work/$i" && xargs rm -- && find . -type d -empty -delete) <"$work/$name"
		missing "$work/$i"
		[ ! -f "$series/$name.without" ] ||
			perl "$HARNESS/kernel/edit.pl" "$kernel" "$TOP" "$work/$i" -- "$series/$name.without" ||
				die "series/$name.without does not fit the files"
	done
}

# figures FILE...: make a table of the first FILE that exists.
figures() {
	local file
	for file in "$@"; do
		[ -f "$file" ] || continue
		awk -v table=message -f "$HARNESS/bench/tables.awk" "$file" | sed 1d
		grep -qF "\"sources\":\"$(sources_id)\"" "$file" ||
			say "$file was measured with other sources"
		return
	done
}
tables() {
	COSTS=$(figures "$TOP"/{out,docs}/bench-"$kernel".json "$TOP/docs/bench-$(newest).json")
	COSTS_ARM64=$(figures "$TOP"/{out,docs}/bench-"$kernel"-arm64.json)
	TIME=$(figures "$TOP"/{out,docs}/bench-native.json)
	BASE=$(cat "$few/package")
	MEM_ACCOUNTING=$(grep -w mem_accounting "$stage/$heaps/system_heap.c") || true
	CC_SHARED=$(grep -w cc_shared "$stage/$heaps/system_heap.c") || true
	export COSTS COSTS_ARM64 TIME BASE MEM_ACCOUNTING CC_SHARED
}

fill() {	# FILE
	perl -0pe '
		s/^\@IF (\w+)\@\n(.*?)^\@END\@\n/$ENV{$1} ? $2 : ""/gmse;
		s/^\@(\w+)\@$/$ENV{$1} || die "no table $1\n"/gme' "$1" ||
		die "$(basename "$1") cannot be filled in"
}

message() {	# NAME
	local trailers
	mapfile -t trailers < <(tr ';' '\n' <<<"${TRAILERS:-}" | sed -n 's/^ *\(.\)/--trailer=\1/p')
	[ -z "${SIGNOFF:-}" ] || trailers+=("--trailer=Signed-off-by: $author")
	fill "$series/$1.message" >"$work/message"
	[ ${#trailers[@]} = 0 ] ||
		git_plain interpret-trailers --in-place "${trailers[@]}" "$work/message"
}

commits() {
	local i=0 set name
	for set in $(series_sets); do
		git_plain -C "$repo" checkout -q -b "$set"
		for name in $(series_names "$set"); do
			i=$((i + 1))
			cp -r "$work/$i/." "$repo"
			git_plain -C "$repo" -c core.fileMode=false add -f .
			message "$name"
			# A minute apart, so that mail programs show them in order.
			GIT_COMMITTER_DATE=$(printf '2026-01-02T00:%02d:00Z' "$i")
			export GIT_COMMITTER_DATE GIT_AUTHOR_DATE=$GIT_COMMITTER_DATE
			git_plain -C "$repo" commit -q --cleanup=verbatim -F "$work/message" ||
				die "patch $name changes nothing"
		done
	done
	git_plain -C "$repo" checkout -q pristine
}

mails() {
	local base=pristine set cover
	for set in $(series_sets); do
		cover=
		[ ! -f "$series/$set.cover" ] || cover=$(fill "$series/$set.cover")
		GIT_COMMITTER_DATE=2026-01-02T00:00:00Z git_plain -C "$repo" -c "branch.$set.description=$cover" \
			-c format.coverLetter=auto format-patch -q --cover-from-description=subject \
			--base="$base" --full-index --no-renames --no-signature \
			--diff-algorithm=histogram --stat=72 -o "$out/$set" "$base..$set"
		base=$set
	done
}

base
owners
states
tables
commits
mails
rm -rf "$work"
