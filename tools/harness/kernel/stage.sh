#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# stage.sh WHAT VERSION STAGE ORIGINAL...: put into the new directory STAGE what
# this repository adds to a kernel of that VERSION, and what it changes in files
# that the kernel has: those are looked for in the directories ORIGINAL, in
# order.  All of it is then made to fit an older kernel by KERNEL.edit, if
# there is one.  WHAT is
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
selftests=tools/testing/selftests/dmabuf-heaps

# Fragments of upstream files; series.edit says where they go.
is_fragment() {
	case $1 in
	drivers/dma-buf/heaps/Kconfig | drivers/dma-buf/heaps/Makefile) ;;
	drivers/dma-buf/heaps/system_heap.edit) ;;
	"$selftests"/config) ;;
	*) return 1 ;;
	esac
}

ours() {
	local root
	for root in drivers include tools/testing Documentation; do
		[ ! -d "$TOP/$root" ] || (cd "$TOP" && find "$root" -type f "${LEFT_BEHIND[@]}")
	done
}

rm -rf "$stage"
mkdir -p "$stage"
tests=
while read -r path; do
	is_fragment "$path" && continue
	mkdir -p "$stage/$(dirname "$path")"
	cp "$TOP/$path" "$stage/$path"
	case $path in
	"$selftests"/*.c) tests="$tests $(basename "$path" .c)" ;;
	esac
done < <(ours | sort)
tests=${tests# }

edits=("$HARNESS/kernel/series.edit" "$TOP/drivers/dma-buf/heaps/system_heap.edit")
if [ "$what" = bench ]; then
	cp "$HARNESS/bench/heaps/"*.c "$stage/drivers/dma-buf/heaps/"
	edits+=("$HARNESS/bench/heaps/bench.edit")
	if [ -n "${KERNEL_ANDROID:-}" ]; then
		sed '/^#/d; s/ /\n/g' "$HARNESS/distro/android.symbols" >"$stage/android.symbols"
		edits+=("$HARNESS/kernel/android.edit")
	fi
fi

# edit FROM... -- ARGUMENT...: make edits of files in FROM, into STAGE.
edit() {
	perl "$HARNESS/kernel/edit.pl" "linux $version" "$kernel" "$TOP" "$stage/.edited" "$@" || {
		rm -rf "$stage"
		die "the series does not fit linux $version"
	}
	cp -r "$stage/.edited/." "$stage/"
	rm -rf "$stage/.edited"
}
edit "$stage" "$@" -- "SELFTESTS=$tests" "SELFTEST_LINES=${tests// /$'\n'}" "${edits[@]}"
backport=$HARNESS/kernel/$kernel.edit
[ ! -f "$backport" ] || edit "$stage" -- "$backport"
