#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# module.sh [KDIR]: build the series as one module, system_heap_pooled.ko, for the kernel
# whose build directory is KDIR (default: the running kernel's), and print its path,
# out/module/RELEASE/system_heap_pooled.ko (with ARCH, out/ARCH/module/...). With MODULE_ROOT,
# KDIR is a path in that root, and so is the compiler (distro/in-root.sh).
#
# Promises: one line says what KDIR lacks; it writes only to out/ and the cache, apart from
# packages that deps.sh installs; a module that is there was built from these sources without a warning.
. "$(dirname "$0")/lib.sh"

root=${MODULE_ROOT:-}
running=$(uname -r)
kdir=${1:-/lib/modules/$running/build}
[ -n "$root" ] || kdir=$(realpath -ms -- "$kdir")
conf=$root$kdir/include/config/auto.conf

if [ ! -d "$root$kdir" ]; then
	hint="install linux-headers-$running"
	[ -z "${1:-}" ] || hint="KDIR= is the build directory of a kernel"
	die "no $kdir: $hint"
fi
for file in Makefile Module.symvers include/config/auto.conf include/config/kernel.release; do
	[ -s "$root$kdir/$file" ] || die "no $file in $kdir: no kernel was built or installed there"
done
release=$(cat "$root$kdir/include/config/kernel.release")
for option in MODULES DMA_SHARED_BUFFER PAGE_POOL; do
	grep -qx "CONFIG_$option=y" "$conf" || die "linux $release is built without CONFIG_$option"
done
machine=$(sed -n 's/^CONFIG_X86_64=y$/x86_64/p; s/^CONFIG_ARM64=y$/aarch64/p' "$conf")
case ${ARCH:-} in
'') wanted=$(uname -m) ;;
x86) wanted=x86_64 ;;
arm64) wanted=aarch64 ;;
*) wanted=$ARCH ;;
esac
[ "$machine" = "$wanted" ] ||
	die "linux $release is for ${machine:-unknown}, not $wanted: ARCH= chooses which to build for"
# shrinker_alloc is the newest symbol that a kernel must export; 6.7 added it.
for symbol in dma_buf_export page_pool_create shrinker_alloc; do
	grep -qP "\t$symbol\t" "$root$kdir/Module.symvers" || die "linux $release does not export $symbol"
done

[ -n "$root" ] || "$HARNESS/kernel/deps.sh" module
lock_out
dir=$OUT/module/$release
build=$dir/build
log=$dir/build.log
module=$dir/system_heap_pooled.ko

mkdir -p "$dir"
"$HARNESS/module/sources.sh" "$build"

build_module=(env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u KERNEL -u V -u O -u ARCH
	make "-j$JOBS" -C "$kdir")
# That root lacks dpkg, whose answer Debian's headers need.  It also lacks what kernel-doc
# needs, so W=1 must not run kernel-doc; make check does.
[ -z "$root" ] || build_module+=(DEB_BUILD_ARCH=amd64 W=1 cmd_checkdoc=)
[ -z "${ARCH:-}" ] || build_module+=("ARCH=$kbuild_arch" "CROSS_COMPILE=$cross")
clang=$(sed -n 's/^CONFIG_CLANG_VERSION=\([0-9]*\)[0-9]\{4\}$/\1/p' "$conf")
[ -z "$clang" ] || [ -n "${LLVM:-}" ] || build_module+=("LLVM=$(! command -v "clang-$clang" >/dev/null && echo 1 || echo "-$clang")")
say "building system_heap_pooled.ko for linux $release"
rm -f "$module"
if [ -n "$root" ]; then
	"$HARNESS/distro/in-root.sh" "$root" "$build" "${build_module[@]}" M=/mnt
else
	"${build_module[@]}" M="$build"
fi >"$log" 2>&1 </dev/null || {
	compiler=$(sed -n 's/^CONFIG_CC_VERSION_TEXT="\?\([^"]*\)"\?$/\1/p' "$conf")
	why=$(grep -m 1 -E -e '(gcc|clang|ld|pahole)[^ :]*: .*(not found|No such file)' -e 'cannot execute' \
		-e 'error:|\*\*\*|undefined!|not support fentry' -e '^(unshare|mount|chroot|sh): ' "$log") ||
		why="the build failed"
	die "linux $release, whose compiler is $compiler: $why (all of it: $log)"
}
! grep -E 'warning:|WARNING:' "$log" >&2 || die "linux $release: the build warned (all of it: $log)"
sources_id >"$dir/sources"
put "$build/system_heap_pooled.ko" "$module"
echo "$module"
[ -n "$root" ] || say "To load it: insmod $module
It becomes /dev/dma_heap/system if there is no such heap, else system_pooled; name= sets
another. Like every heap it stays until reboot."
