#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# errors.sh: check that a make target fails with an error of one line.  It tries a
# bad value of each variable in make help V=1, and build directories that make module cannot
# use.  Says nothing when all is well.
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
		bench|JOBS=1000
		run|V=yes
		run|KERNEL=7x3
		test|KERNEL=stable
		run|ARCH=arm
		run|ARCH=um
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
module() { expect "$1" module "KDIR=$kdir"; }
option() { echo "CONFIG_$1=y" >>"$kdir/include/config/auto.conf"; }
# build COMMAND WORDS: make module fails with the WORDS if a build in KDIR runs the COMMAND.
build() {
	printf 'all:\n\t%s\n' "$1" >"$kdir/Makefile"
	module "$2"
}
check_module() {
	local option symbol compiler="gcc-99 (GCC) 99.1"
	module "KDIR= is the build directory of a kernel"
	mkdir -p "$kdir/include/config"
	module "no Makefile in $kdir"
	echo "0x0 printk vmlinux EXPORT_SYMBOL" | tr ' ' '\t' >"$kdir/Module.symvers"
	echo 0.0.0-fake >"$kdir/include/config/kernel.release"
	echo "CONFIG_CC_VERSION_TEXT=$compiler" >"$kdir/include/config/auto.conf"
	echo "all: ; false" >"$kdir/Makefile"
	for option in MODULES DMA_SHARED_BUFFER PAGE_POOL; do
		module "linux 0.0.0-fake is built without CONFIG_$option"
		option "$option"
	done
	module "is for unknown, not $(uname -m): ARCH="
	option "$(uname -m | sed 's/aarch64/ARM64/; s/x86/X86/')"
	for symbol in dma_buf_export page_pool_create shrinker_alloc; do
		module "does not export $symbol"
		printf '0x0\t%s\tvmlinux\tEXPORT_SYMBOL_GPL\t\n' "$symbol" >>"$kdir/Module.symvers"
	done
	build 'gcc-99 -c x.c' "whose compiler is $compiler: make: gcc-99: No such"
	build 'gcc -fno-such-flag -c -x c /dev/null -o /dev/null' "whose compiler is $compiler: gcc: error: unrecognized"
	build '@echo ERROR: modpost: \"page_pool_create\" undefined!; false' '"page_pool_create" undefined!'
	build '@echo heap_pool.c:1:1: warning: odd' "the build warned"
}

{ check_variables; check_module; } >"$tmp/found"
cat "$tmp/found"
[ ! -s "$tmp/found" ]
