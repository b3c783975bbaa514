#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# programs.sh DIR NAME: compile into out/NAME/bin/ what runs in the guest of kernel NAME:
# bench/heap-bench.c, dma-heap, the tests in guest/tests/, and the selftests of the tree in
# DIR, by the kernel's own makefiles.  All are static and use that kernel's headers.
# The kernel's modules are there, too.
. "$(dirname "$0")/../lib.sh"

tree=$1/linux
build=$(build_dir "$1" "$2")
out=$OUT/$2
made=$build/guest
log=$build/programs.log
headers=$build/usr/include
. "$HARNESS/guest/bin.sh"

# Programs for User Mode Linux use the headers of x86.
headers_arch=(ARCH="${kbuild_arch/#um/x86}")
"${KERNEL_MAKE[@]}" "${headers_arch[@]}" -C "$tree" O="$build" headers >>"$log" 2>&1 || failed "the kernel's headers"

compile heap-bench -isystem "$headers" "$HARNESS/bench/heap-bench.c"
compile dma-heap -isystem "$headers" "$TOP"/tools/dma-heap/*.c
selftests=$tree/tools/testing/selftests
for source in "$HARNESS"/guest/tests/*.c; do
	compile "$(basename "$source" .c)" -isystem "$headers" -D_GNU_SOURCE -I "$selftests" "$source"
done
grep -A4 "warning:" "$log" >&2 || true
# Modules, if kernel.sh has built some.
if [ -f "$build/modules.order" ]; then
	while read -r object; do
		keep "$build/${object%.o}.ko" "$(basename "${object%.o}").ko"
	done <"$build/modules.order"
fi
"${KERNEL_MAKE[@]}" "${headers_arch[@]}" -C "$selftests" TARGETS=dmabuf-heaps O="$build" \
	KHDR_INCLUDES="-isystem $headers" >>"$log" 2>&1 </dev/null || failed "the selftests"
for source in "$selftests"/dmabuf-heaps/*.c; do
	program=$(basename "$source" .c)
	keep "$build/kselftest/dmabuf-heaps/$program" "$program"
done
only_kept
# It was made with the kernel.
put "$build/usr/gen_init_cpio" "$out/gen_init_cpio"
