#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# test.sh: run the tests for a change: the host checks (check/host.sh), KUnit, the kernel's
# own and our selftests (check/tests.list), tests on three of Debian's kernels
# (distro/debian-tests.list) and on arm64, and a comparison with the figures in docs/
# (bench.sh guard).  The consoles of all guests are checked.  With ARCH only guests of that
# architecture run; BOOTS="NAME..." runs those guests of check/boots.list.  The last line is
# "N passed, N failed".  Exits with 0 only if something passed and nothing failed.
. "$(dirname "$0")/lib.sh"
. "$HARNESS/check/judge.sh"

case ${ARCH:-x86} in
i386) boots=highmem ;;
um) boots=um ;;
*) boots="debug nodes small" ;;
esac
boots=${BOOTS:-$boots}
kernels=
for boot in $boots; do
	read -r _ arch kernel _ < <(row check/boots.list "$boot") ||
		die "BOOTS=$boot is not in tools/harness/check/boots.list"
	[ "$arch" = any ] || [ "$arch" = "${ARCH:-x86}" ] || die "BOOTS=$boot needs ARCH=$arch"
	[[ " $kernels " = *" $kernel "* ]] || kernels="$kernels $kernel"
done

lock_out
# Print counts in the last line, whatever happens.
# shellcheck disable=SC2086 # a list of names
if ! dir=$("$HARNESS/kernel/fetch.sh") || ! "$HARNESS/kernel/kernel.sh" $kernels >/dev/null; then
	echo "FAILED build: there are no kernels to test"
	echo "0 passed, 1 failed"
	exit 1
fi
mkdir -p "$OUT/test"
expand_list "$HARNESS/check/tests.list" >"$tests"

if [ -z "${BOOTS:-}$arch_dir" ]; then
	echo "== host checks"
	script host "$HARNESS/check/host.sh" "$dir"
fi
for boot in $boots; do
	read -r _ _ kernel words < <(row check/boots.list "$boot")
	# shellcheck disable=SC2086 # variables of guest/boot.sh
	boot "$boot" "$kernel" $words
done
if [ -z "${BOOTS:-}$arch_dir" ]; then
	for name in cloud stable stable-arm64; do distro_kernel "$name"; done
	other arm64 ARCH=arm64 BOOTS=quick "$HARNESS/test.sh"
fi
if [ -z "${BOOTS:-}" ] && [[ ${ARCH:-x86} != @(i386|um) ]]; then
	echo "== guard: allocating and closing, beside the figures in docs/"
	script guard "$HARNESS/bench/bench.sh" guard
fi

summary
