#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# programs.sh DIR NAME: compile into out/NAME/bin/ what runs in the guest of kernel NAME:
# bench/heap-bench.c, dma-heap, the tests in guest/tests/, and the
# selftests of the tree in DIR, by the kernel's own makefiles.  All are static and use that
# kernel's headers.  The kernel's modules are there, too.
#
# Promises: nothing else is in bin/; a program whose source is gone is gone, too.
. "$(dirname "$0")/../lib.sh"

tree=$1/linux
build=$(build_dir "$1" "$2")
bin=$OUT/$2/bin
log=$build/programs.log
headers=$build/usr/include
utils=$TOP/tools/testing/selftests/dmabuf-heaps
export CCACHE_DIR=$CACHE/ccache

mkdir -p "$bin" "$build/guest"
: >"$log"
failed() { tail -n 30 "$log" >&2; die "compiling $1 failed ($log)"; }

# What User Mode Linux runs has the headers of its processor.
headers_arch=(ARCH="${kbuild_arch/#um/x86}")
"${KERNEL_MAKE[@]}" "${headers_arch[@]}" -C "$tree" O="$build" headers >>"$log" 2>&1 || failed "the kernel's headers"
gcc -O2 -o "$build/guest/gen_init_cpio" "$tree/usr/gen_init_cpio.c" >>"$log" 2>&1 ||
	failed gen_init_cpio

kept=" "
keep() {	# PROGRAM NAME
	put "$1" "$bin/$2"
	chmod +x "$bin/$2"
	kept="$kept$2 "
}

compile() {	# SOURCE NAME [FLAG...]
	ccache "${cross}gcc" -O2 -Wall -static -pthread -isystem "$headers" -I "$utils" "${@:3}" \
		-c -o "$build/guest/$2.o" "$1" >>"$log" 2>&1 || failed "$1"
	"${cross}gcc" -static -pthread -o "$build/guest/$2" "$build/guest/$2.o" -lm >>"$log" 2>&1 || failed "$1"
	grep -A4 "^$1.*warning:" "$log" >&2 || true
	keep "$build/guest/$2" "$2"
}

compile "$HARNESS/bench/heap-bench.c" heap-bench

"${cross}gcc" -O2 -Wall -static -isystem "$headers" -o "$build/guest/dma-heap" "$TOP"/tools/dma-heap/*.c \
	>>"$log" 2>&1 || failed dma-heap
keep "$build/guest/dma-heap" dma-heap

selftests=$tree/tools/testing/selftests
for source in "$HARNESS"/guest/tests/*.c; do
	compile "$source" "$(basename "$source" .c)" -D_GNU_SOURCE -I "$selftests"
done
# What kernel.sh has built of modules, if they are enabled.
if [ -f "$build/modules.order" ]; then
	while read -r object; do
		keep "$build/${object%.o}.ko" "$(basename "${object%.o}").ko"
	done <"$build/modules.order"
fi
"${KERNEL_MAKE[@]}" "${headers_arch[@]}" -C "$selftests" TARGETS=dmabuf-heaps O="$build" \
	KHDR_INCLUDES="-isystem $headers" >>"$log" 2>&1 </dev/null || failed "the selftests"
for program in "$build"/kselftest/dmabuf-heaps/*; do
	if [ -x "$program" ] && [ -f "$program" ]; then
		# A test that is gone from the tree leaves its program behind.
		[ -f "$selftests/dmabuf-heaps/$(basename "$program").c" ] || continue
		keep "$program" "$(basename "$program")"
	fi
done
for program in "$bin"/*; do
	[[ $kept = *" $(basename "$program") "* ]] || rm -f "$program"
done
