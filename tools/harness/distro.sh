#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# distro.sh [FLAVOUR...]: boot Debian's own kernels (cloud, generic, rt; default: all)
# with the heap as a module, once in the place of the kernel's heap and once beside
# it, and run every test that they allow (distro/tests.list, distro/skips.list).
# With cloud go the tests of make try and of make deb.
# "users" boots the generic kernel with who really uses the heap (distro/users.list).
# The last line is "N passed, N failed", as of test.sh.
. "$(dirname "$0")/lib.sh"
. "$HARNESS/check/judge.sh"
. "$HARNESS/distro/lib.sh"
. "$HARNESS/distro/users.sh"
only_x86

[ $# -gt 0 ] || set -- cloud generic rt users
for flavour in "$@"; do
	[[ $flavour =~ ^(cloud|generic|rt|users)$ ]] ||
		die "ONLY=$flavour: may be some of cloud, generic, rt and users"
done

lock_out
"$HARNESS/kernel/deps.sh" deps-run.list
for flavour in "$@"; do
	if [ "$flavour" = users ]; then
		users_boot
		continue
	fi
	distro_boot "$flavour" system long
	distro_boot "$flavour" system_pooled time
	if [ "$flavour" = cloud ]; then
		distro_boot cloud system_pooled lean
		echo "== make try"
		script try "$HARNESS/check/try.sh"
		echo "== make deb"
		script deb "$HARNESS/deb/test.sh"
	fi
done
summary
