#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# module-errors.sh: whether make module says in one line what a build directory
# lacks.  Says nothing when all is well.
. "$(dirname "$0")/../lib.sh"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/module.XXXXXX")
trap 'rm -rf "$tmp" "$OUT/module/0.0.0-fake"' EXIT
kdir=$tmp/kdir
unset ARCH LLVM
here=X86_64 other=ARM64 other_machine=aarch64
[ "$(uname -m)" = x86_64 ] || here=ARM64 other=X86_64 other_machine=x86_64

# expect WORDS: the error of make module KDIR=$kdir.
expect() {
	local said
	! said=$(make -s -C "$TOP" module KDIR="$kdir" 2>&1 </dev/null) || echo "'$1' succeeds"
	said=$(grep '^error: ' <<<"$said" || true)
	[[ $(grep -c . <<<"$said") = 1 && $said = *$1* ]] || echo "for '$1' it says '$said'"
}
option() { echo "CONFIG_$1=y" >>"$kdir/include/config/auto.conf"; }
# build COMMAND: what a build in KDIR comes to.
build() { printf 'all:\n\t%s\n' "$1" >"$kdir/Makefile"; }

{
	expect "KDIR= is the build directory of a kernel"
	mkdir -p "$kdir/include/config"
	expect "no Makefile in $kdir"
	build false
	echo "0x0 printk vmlinux EXPORT_SYMBOL" | tr ' ' '\t' >"$kdir/Module.symvers"
	echo 0.0.0-fake >"$kdir/include/config/kernel.release"
	echo 'CONFIG_CC_VERSION_TEXT=gcc-99 (GCC) 99.1' >"$kdir/include/config/auto.conf"
	expect "linux 0.0.0-fake is built without CONFIG_MODULES"
	option MODULES
	expect "without CONFIG_DMA_SHARED_BUFFER"
	option DMA_SHARED_BUFFER
	expect "without CONFIG_PAGE_POOL"
	option PAGE_POOL
	expect "is for unknown, not $(uname -m)"
	option "$other"
	expect "is for $other_machine, not $(uname -m): ARCH="
	sed -i "s/$other/$here/" "$kdir/include/config/auto.conf"
	for symbol in dma_buf_export page_pool_create shrinker_alloc; do
		expect "does not export $symbol"
		printf '0x0\t%s\tvmlinux\tEXPORT_SYMBOL_GPL\t\n' "$symbol" >>"$kdir/Module.symvers"
	done
	build 'gcc-99 -c x.c'
	expect "the kernel's compiler (gcc-99 (GCC) 99.1) is not there, or not all of it: make: gcc-99: No such"
	build "@echo \"gcc: error: cannot execute 'as'\"; false"
	expect "cannot execute 'as'"
	build 'gcc -fno-such-flag -c -x c /dev/null -o /dev/null'
	expect "this is not the kernel's compiler (gcc-99 (GCC) 99.1): gcc: error: unrecognized"
	build '@echo ERROR: modpost: \"page_pool_create\" undefined!; false'
	expect "\"page_pool_create\" undefined!"
	build '@echo heap_pool.c:1:1: warning: odd'
	expect "the build warned"
} >"$tmp/found"
cat "$tmp/found"
[ ! -s "$tmp/found" ]
