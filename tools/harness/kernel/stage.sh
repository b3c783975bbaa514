#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# stage.sh WHAT VERSION STAGE ORIGINAL...: put the files that this repository
# adds to a kernel of that VERSION into the new directory STAGE, and the kernel's files that
# it changes.  Each of those comes from the first directory ORIGINAL that has it.  KERNEL.edit,
# if there is one, then makes all of it fit an older kernel.  WHAT is
#   series   what goes upstream
#   bench    that, and what the bench kernel has beside it (bench/heaps/)
#            and with KERNEL_ANDROID=1 what Android's kernels have (android.edit)
#
# Promises: reads ORIGINAL and this repository, writes STAGE and nothing else; no
# STAGE is left when an edit does not fit.
. "$(dirname "$0")/../lib.sh"

what=$1
version=$2
stage=$3
shift 3
# A kernel's name in versions.list is its version's first two numbers.
kernel=$(echo "$version" | cut -d. -f1,2)
heaps=drivers/dma-buf/heaps

rm -rf "$stage"
mkdir -p "$stage"
# All but fragments of upstream files; series.edit says where those go.
(cd "$TOP" && find drivers include tools/testing Documentation -type f "${LEFT_BEHIND[@]}" \
	! -path "$heaps/Kconfig" ! -path "$heaps/Makefile" ! -name system_heap.edit \
	! -path tools/testing/selftests/dmabuf-heaps/config -exec cp --parents {} "$stage" \;)

edits=("$HARNESS/kernel/series.edit" "$TOP/$heaps/system_heap.edit")
if [ "$what" = bench ]; then
	cp "$HARNESS/bench/heaps/"*.c "$stage/$heaps/"
	edits+=("$HARNESS/bench/heaps/bench.edit")
	if [ -n "${KERNEL_ANDROID:-}" ]; then
		sed '/^#/d; s/ /\n/g' "$HARNESS/distro/android.symbols" >"$stage/android.symbols"
		edits+=("$HARNESS/kernel/android.edit")
	fi
fi

# edit FROM... -- ARGUMENT...: make edits of files in FROM, into STAGE.
edit() {
	perl "$HARNESS/kernel/edit.pl" "$kernel" "$TOP" "$stage/.edited" "$@" || {
		rm -rf "$stage"
		die "the series does not fit linux $version"
	}
	cp -r "$stage/.edited/." "$stage/"
	rm -rf "$stage/.edited"
}
edit "$stage" "$@" -- "${edits[@]}"
backport=$HARNESS/kernel/$kernel.edit
[ ! -f "$backport" ] || edit "$stage" -- "$backport"
