#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# stage.sh WHAT VERSION STAGE ORIGINAL...: put into the new directory STAGE what
# this repository adds to a kernel of that VERSION, and what it changes in files
# that the kernel has: those are looked for in the directories ORIGINAL, in
# order.  All of it is then made to fit an older kernel by backport/KERNEL.edit, if
# there is one.  WHAT is
#   series   what goes upstream
#   bench    that, and the yardsticks of the bench kernel (bench/heaps/); of the
#            series as it is after the patch SERIES_AT of series/patches.list, if set
#
# Promises: reads ORIGINAL and this repository, writes STAGE and nothing else; no
# STAGE is left when an edit does not fit.
. "$(dirname "$0")/../lib.sh"

what=$1
version=$2
stage=$3
shift 3
# A kernel's name in kernels.list is its version's first two numbers.
kernel=$(echo "$version" | cut -d. -f1,2)
selftests=tools/testing/selftests/dmabuf-heaps

# Fragments of upstream files; edits/series.edit says where they go.
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

# at PATCH ORIGINAL...: the series up to that patch, all of it but for the tests.
at() {
	local work=$stage.states n
	n=$(awk -v name="$1" '!/^#/ && NF && !seen[$2]++ { n++ } $2 == name { print n; exit }' \
		"$HARNESS/series/patches.list")
	[ -n "$n" ] || die "SERIES_AT=$1: no patch in series/patches.list"
	rm -rf "$work"
	mkdir -p "$work"
	"$HARNESS/kernel/stage.sh" series "$version" "$work/stage" "${@:2}"
	"$HARNESS/series/states.sh" "$work/stage" "$kernel" "$work"
	rm -rf "$stage"
	mv "$work/$n" "$stage"
	rm -rf "$work"
}

rm -rf "$stage"
if [ "$what" = bench ] && [ -n "${SERIES_AT:-}" ]; then
	at "$SERIES_AT" "$@"
	cp "$HARNESS/bench/heaps/"*.c "$stage/drivers/dma-buf/heaps/"
	perl "$HARNESS/kernel/edit.pl" "linux $version" "$kernel" "$TOP" "$stage" "$@" -- \
		"$HARNESS/bench/heaps/bench.edit" || die "the yardsticks do not fit linux $version"
	exit
fi
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

edits=("$HARNESS"/kernel/edits/*.edit "$TOP/drivers/dma-buf/heaps/system_heap.edit")
if [ "$what" = bench ]; then
	cp "$HARNESS/bench/heaps/"*.c "$stage/drivers/dma-buf/heaps/"
	edits+=("$HARNESS/bench/heaps/bench.edit")
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
backport=$HARNESS/kernel/backport/$kernel.edit
[ ! -f "$backport" ] || edit "$stage" -- "$backport"
