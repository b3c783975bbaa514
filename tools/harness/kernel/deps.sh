#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# deps.sh [USE]: install the packages that deps.list has for USE (default: build) and that
# the machine lacks.  build and run include the packages of ARCH.
# Promises: apt does not run if nothing is missing.  Without the right or the means to
# install, one line names the packages and this fails.
. "$(dirname "$0")/../lib.sh"

uses=${1:-build}
case $uses${cross:+-cross} in
build | build-cross | run-cross) uses+=,${ARCH:-x86} ;;
esac

installed() { dpkg-query -W -f '${Package} ${db:Status-Status}\n' 2>/dev/null | sed -n 's/ installed$//p'; }
# The packages that are for these uses and not installed.
missing() {
	awk -v uses=",$uses," '!/^#/ && index(uses, "," $1 ",") { for (i = 2; i <= NF; i++) print $i }' \
		"$HARNESS/kernel/deps.list" | sort -u | comm -23 - <(installed | sort -u) | xargs
}

wanted=$(missing)
[ -n "$wanted" ] || exit 0

hint="install these packages: $wanted"
[ "$(id -u)" = 0 ] || die "not root; $hint"
command -v apt-get >/dev/null || die "no apt-get; $hint"

lock 7 deps
log=$CACHE/deps.log
say "installing: $wanted"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of package names
{ apt-get update && apt-get install -y --no-install-recommends \
	-o DPkg::Lock::Timeout=300 $wanted; } \
	</dev/null >"$log" 2>&1 || { tail -n 5 "$log" >&2; die "apt failed ($log); $hint"; }
