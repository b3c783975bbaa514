#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# deps.sh [LIST]: install, by package name, what LIST asks for (default: deps.list) and
# the machine lacks; with what builds or runs kernels, deps-ARCH.list too if there is one.
# Promises: apt is not touched when nothing is missing; without the right or
# the means to install, one line names the packages and the exit is non-zero.
. "$(dirname "$0")/../lib.sh"

lists=("$HARNESS/kernel/${1:-deps.list}")
of_arch=$HARNESS/kernel/deps-${ARCH:-x86}.list
case ${1:-}${cross:+-cross} in
'' | -cross | deps-run.list-cross) [ ! -e "$of_arch" ] || lists+=("$of_arch") ;;
esac

missing() {
	local probe package
	while read -r probe package; do
		case $probe in
		''|'#'*) ;;
		perl:*) perl -e "require ${probe#perl:}" 2>/dev/null || echo "$package" ;;
		/*) [ -e "$probe" ] || echo "$package" ;;
		*) command -v "$probe" >/dev/null || echo "$package" ;;
		esac
	done < <(cat "${lists[@]}")
}

wanted=$(missing | sort -u | tr '\n' ' ')
[ -n "$wanted" ] || exit 0

hint="install these packages: $wanted"
[ "$(id -u)" = 0 ] || die "not root; $hint"
command -v apt-get >/dev/null || die "no apt-get; $hint"

lock 7 deps
wanted=$(missing | sort -u | tr '\n' ' ')
[ -n "$wanted" ] || exit 0
log=$CACHE/deps.log
say "installing: $wanted"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of package names
{ apt-get update && apt-get install -y --no-install-recommends \
	-o DPkg::Lock::Timeout=300 $wanted; } \
	</dev/null >"$log" 2>&1 || { tail -n 5 "$log" >&2; die "apt failed ($log); $hint"; }
left=$(missing | sort -u | tr '\n' ' ')
[ -z "$left" ] || die "still missing after apt: $left"
