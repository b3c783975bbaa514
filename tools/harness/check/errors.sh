#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# errors.sh: whether a make target that cannot do what it was told says so in one line,
# before it does anything: for a bad value of each variable in make help V=1, and for a
# build directory that make module cannot use.  Says nothing when all is well.
. "$(dirname "$0")/../lib.sh"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/errors.XXXXXX")
trap 'rm -rf "$tmp" "$OUT/module/0.0.0-fake"' EXIT

run_make() {
	env -u MAKEFLAGS -u MAKELEVEL -u JOBS -u V -u KERNEL -u ARCH -u BOOTS -u LLVM timeout 60 \
		make -s -C "$TOP" "$@" 2>&1 </dev/null
}
# expect WORDS ARGUMENT...: make fails, and its one error has the WORDS.
expect() {
	local said
	! said=$(run_make "${@:2}") || echo "make ${*:2} succeeds"
	said=$(grep '^error: ' <<<"$said" || true)
	[[ $(grep -c . <<<"$said") = 1 && $said = *$1* ]] || echo "make ${*:2} says '$said', not '$1'"
}

# target|bad variable|what else it takes
variables() {
	cat <<-'END'
		run|JOBS=x
		test|JOBS=4 4
		bench|JOBS=1000
		run|V=yes
		test|KERNEL=7x3
		run|KERNEL=7x3
		test|KERNEL=stable
		run|ARCH=arm
		run|ARCH=um
		shell|ARCH=um
		shell|KERNEL=7x3
		check|ARCH=arm64
		test|BOOTS=no-such-guest
		test|BOOTS=16k
		matrix|ONLY=no-such-part
		matrix|KERNEL=6.12
		distro|ONLY=arm
		mutants|ONLY=no-such-mutant
		kcsan|ONLY=no-such-program
		bench-compare|REF=no-such-revision
		bench-native|ROWS=no-such-row
		bench-native|SIZES=many
		module|KDIR=/no/such/kernel
		soak|MINUTES=ten
		soak|MINUTES=0
		soak|SOAK_KERNEL=locks
		patches|AUTHOR=somebody
		patches|SIGNOFF=0|AUTHOR=A B <a@b>
		patches|TRAILERS=reviewed
		deb|AUTHOR=somebody
		deb|VERSION=1_2
		check|STEPS=aply
	END
}
check_variables() {
	local words
	comm -23 <(run_make help V=1 | grep -oE '\<[A-Z_]+=' | sort -u) \
		<(variables | cut -d'|' -f2- | grep -oE '\<[A-Z_]+=' | sort -u) |
		sed 's/$/ is in make help, but not tried/'
	while IFS='|' read -ra words; do expect "${words[1]#*=}" "${words[@]}"; done < <(variables)
}

kdir=$tmp/kdir
here=X86_64 other=ARM64 other_machine=aarch64
[ "$(uname -m)" = x86_64 ] || here=ARM64 other=X86_64 other_machine=x86_64
module() { expect "$1" module "KDIR=$kdir"; }
option() { echo "CONFIG_$1=y" >>"$kdir/include/config/auto.conf"; }
# build COMMAND WORDS: the error where a build in KDIR runs the COMMAND.
build() {
	printf 'all:\n\t%s\n' "$1" >"$kdir/Makefile"
	module "$2"
}
check_module() {
	local symbol compiler="gcc-99 (GCC) 99.1"
	module "KDIR= is the build directory of a kernel"
	mkdir -p "$kdir/include/config"
	module "no Makefile in $kdir"
	echo "0x0 printk vmlinux EXPORT_SYMBOL" | tr ' ' '\t' >"$kdir/Module.symvers"
	echo 0.0.0-fake >"$kdir/include/config/kernel.release"
	echo "CONFIG_CC_VERSION_TEXT=$compiler" >"$kdir/include/config/auto.conf"
	build false "linux 0.0.0-fake is built without CONFIG_MODULES"
	option MODULES
	module "without CONFIG_DMA_SHARED_BUFFER"
	option DMA_SHARED_BUFFER
	module "without CONFIG_PAGE_POOL"
	option PAGE_POOL
	module "is for unknown, not $(uname -m)"
	option "$other"
	module "is for $other_machine, not $(uname -m): ARCH="
	sed -i "s/$other/$here/" "$kdir/include/config/auto.conf"
	for symbol in dma_buf_export page_pool_create shrinker_alloc; do
		module "does not export $symbol"
		printf '0x0\t%s\tvmlinux\tEXPORT_SYMBOL_GPL\t\n' "$symbol" >>"$kdir/Module.symvers"
	done
	build 'gcc-99 -c x.c' "the kernel's compiler ($compiler) is missing or incomplete: make: gcc-99: No such"
	build 'gcc -fno-such-flag -c -x c /dev/null -o /dev/null' "this is not the kernel's compiler ($compiler): gcc: error: unrecognized"
	build '@echo ERROR: modpost: \"page_pool_create\" undefined!; false' '"page_pool_create" undefined!'
	build '@echo heap_pool.c:1:1: warning: odd' "the build warned"
}

{ check_variables; check_module; } >"$tmp/found"
cat "$tmp/found"
[ ! -s "$tmp/found" ]
