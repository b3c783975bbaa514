#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# distro.sh [-l] [NAME...]: boot the kernels of distro/kernels.list (default: all)
# with the heap as a module, in the ways that its column "boots" says, and run
# every test that they allow (distro/debian-tests.list, check/skips.list).  -l adds those
# that take long.  "tools" runs the tests of make try and of make deb.  The last line is
# "N passed, N failed", as in test.sh.
. "$(dirname "$0")/lib.sh"
. "$HARNESS/check/judge.sh"

long=
if [ "${1:-}" = -l ]; then
	long=long
	shift
fi
names=" $(names distro/kernels.list) tools "
# shellcheck disable=SC2086 # a list of names
[ $# -gt 0 ] || set -- $names
for name in "$@"; do
	[[ $names = *" $name "* ]] || die "ONLY=$name: must be some of$names"
done

lock_out
"$HARNESS/kernel/deps.sh" run
for name in "$@"; do
	case $name in
	tools)
		for kernel in stable cloud-7.2 cloud; do
			echo "== make try on $kernel"
			script "try-$kernel" "$HARNESS/check/try-test.sh" "$kernel"
		done
		echo "== make deb"
		script deb "$HARNESS/deb/deb-test.sh"
		;;
	*) distro_kernel "$name" $long ;;
	esac
done
summary
