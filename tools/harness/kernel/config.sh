#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# config.sh DIR NAME: configure DIR/linux for kernel NAME where build_dir says:
# tinyconfig, then what kernels.config has for NAME.
#
# Promises: every symbol has the value asked for, or this fails with a
# list of those that do not; nothing is redone while its inputs stay the same.
. "$(dirname "$0")/../lib.sh"

tree=$1/linux
build=$(build_dir "$1" "$2")
wanted=$build/wanted.config
mkdir -p "$build"

# A kernel's name in versions.list is its version's first two numbers.
kernel=$(cut -d. -f1,2 "$1/version")
arch=${ARCH:-x86}
list=$HARNESS/kernel/kernels.config
kind=$2
[[ $kind = @(bench|native|android) ]] || kind="test"
grep -q "^\[.*\<$2\>" "$list" || die "no kernel $2 in $list"
sections "$list" "$arch" "$kernel" "$2" "$kind" "$kind-$arch" "$kind-$kernel" >"$wanted.tmp"

kconfig_files=$(grep Kconfig "$1/grafted" | sed "s,^,$tree/,")
# shellcheck disable=SC2086 # a list of paths without blanks
stamp=$({ echo "$kbuild_arch" && cat "$wanted.tmp" "$HARNESS/kernel/config.sh" $kconfig_files; } | sha256sum)
if [ "$(cat "$build/wanted.stamp" 2>/dev/null)" = "$stamp" ] && [ -f "$build/.config" ]; then
	rm "$wanted.tmp"
	exit 0
fi
mv "$wanted.tmp" "$wanted"
# From here on the stamp is invalid, even if this fails.
rm -f "$build/wanted.stamp"

log=$build/config.log
{
	"${KERNEL_MAKE[@]}" -C "$tree" O="$build" tinyconfig
	cat "$wanted" >>"$build/.config"
	"${KERNEL_MAKE[@]}" -C "$tree" O="$build" olddefconfig
} >"$log" 2>&1 </dev/null || { tail -n 20 "$log" >&2; die "configuring failed ($log)"; }

# Of two lines for a symbol the last counts.  What .config does not name is n.
settings() { sed -n 's/^# \(CONFIG_[A-Za-z0-9_]*\) is not set$/\1=n/p; /^CONFIG_/p' "$1"; }
bad=$(settings "$wanted" | tac | sort -t = -k 1,1 -s -u | grep -vxFf <(settings "$build/.config") |
	while IFS='=' read -r symbol value; do
		is=$(sed -n "s/^$symbol=//p" "$build/.config")
		[ "${is:-n}" = "$value" ] || echo "  $symbol is ${is:-n}, not $value"
	done)
[ -z "$bad" ] || { say "$bad"; die "the $2 kernel cannot be configured as kernels.config asks"; }
echo "$stamp" >"$build/wanted.stamp"
