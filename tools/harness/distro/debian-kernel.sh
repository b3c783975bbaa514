#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# debian-kernel.sh NAME HEAP PROGRAM...: put the kernel NAME of kernels.list, of this ARCH,
# into out/NAME-HEAP/, for guest/boot.sh, and print NAME-HEAP.  bin/ there has the
# PROGRAMs, or all tests if there is none, and the module, which becomes HEAP.
#
# Promises: as kernel/kernel.sh.
. "$(dirname "$0")/../lib.sh"

name=$1
heap=$2
shift 2
out=$OUT/$name-$heap
log=$out/programs.log
made=$out/made		# where programs are compiled

lock_out
few=$(KERNEL=$(newest) "$HARNESS/kernel/fetch.sh" few)
if [ "$name" = android ]; then
	read -r _ _ KERNEL _ < <(row distro/kernels.list android)
	export KERNEL KERNEL_ANDROID=1
	"$HARNESS/kernel/deps.sh" clang
	tree=$("$HARNESS/kernel/fetch.sh")
	lock_tree "$tree"	# until the module is built
	image=$("$HARNESS/kernel/kernel.sh" android)
	release=$(cat "$tree/version")
	module=$("$HARNESS/module.sh" "$(build_dir "$tree" android)")
	uapi=$tree/linux/include/uapi
else
	dir=$("$HARNESS/distro/fetch-debian.sh" "$name")
	release=$(cat "$dir/release")
	headers=/usr/src/linux-headers-$release
	module=$(MODULE_ROOT=$(realpath "$dir/root") ARCH=${ARCH:-x86} "$HARNESS/module.sh" "$headers")
	uapi=$dir/root$(sed -n 's,^include \(.*\)/Makefile$,\1,p' "$dir/root$headers/Makefile")/include/uapi
	image=$dir/vmlinuz
fi
selftests=$few/linux/tools/testing/selftests
ours=$TOP/tools/testing/selftests/dmabuf-heaps

. "$HARNESS/guest/bin.sh"

flags=("-DHEAP_NAME=\"$heap\"" -DHEAP_MODULE=\"system_heap_pooled\" -DHEAP_STOCK=\"system\")
for program in "$@"; do compile "$program" "${flags[@]}" "$HARNESS/bench/$program.c"; done
if [ $# = 0 ]; then
	compile heap-hold "${flags[@]}" "$HARNESS/distro/heap-hold.c"
	keep "$TOP/Documentation/admin-guide/mm/dma-heap-system.rst" dma-heap-system.rst
	# The machine may have no drm headers.
	flags+=(-D_GNU_SOURCE -D__user= -I "$selftests" -idirafter "$uapi")
	for source in "$selftests/dmabuf-heaps/dmabuf-heap.c" "$ours"/*.c "$HARNESS"/guest/tests/*.c; do
		compile "$(basename "$source" .c)" "${flags[@]}" "$source"
	done
	if [ -z "$cross" ]; then
		ARCH=i386 "$HARNESS/kernel/deps.sh" run
		cross=i686-linux-gnu- compile system-heap-uapi-32 "${flags[@]}" "$ours/system-heap-uapi.c"
	fi
fi

keep "$module" system_heap_pooled.ko
keep "$HARNESS/distro/module-test.sh" module-test
compile dma-heap "$TOP"/tools/dma-heap/*.c
only_kept

gcc -O2 -o "$made/gen_init_cpio" "$few/linux/usr/gen_init_cpio.c" >>"$log" 2>&1 ||
	failed gen_init_cpio
put "$made/gen_init_cpio" "$out/gen_init_cpio"
put "$image" "$out/image"
echo "$release" >"$out/version"
echo "$name-$heap"
