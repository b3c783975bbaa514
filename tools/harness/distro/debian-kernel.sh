#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# debian-kernel.sh NAME HEAP PROGRAM...: put the kernel NAME of kernels.list, of this ARCH,
# into out/NAME-HEAP/, for guest/boot.sh, and print NAME-HEAP.  bin/ there has the
# PROGRAMs, or all tests if there is none, the module, which becomes HEAP, and vgem if the
# kernel has it.  The file modules names vgem and what it needs, in order.
#
# Promises: as kernel/kernel.sh.
. "$(dirname "$0")/../lib.sh"

name=$1
heap=$2
shift 2
out=$OUT/$name-$heap
bin=$out/bin
log=$out/programs.log
made=$out/made		# before it is put where it is looked for

lock_out
few=$(KERNEL=$(newest) "$HARNESS/kernel/fetch.sh" few)
if [ "$name" = android ]; then
	read -r _ _ KERNEL _ < <(distro_row android)
	export KERNEL KERNEL_ANDROID=1
	"$HARNESS/kernel/deps.sh" clang
	tree=$("$HARNESS/kernel/fetch.sh")
	lock_tree "$tree"	# until the module is built
	image=$("$HARNESS/kernel/kernel.sh" android)
	release=$(cat "$tree/version")
	module=$("$HARNESS/module.sh" "$(build_dir "$tree" android)")
	dir=$tree uapi=$tree/linux/include/uapi
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

mkdir -p "$bin" "$made"
: >"$log"
kept=" "
keep() {	# FILE NAME
	put "$1" "$bin/$2"
	chmod +x "$bin/$2"
	kept="$kept$2 "
}

compile() {	# SOURCE [FLAG...]
	local program
	program=$(basename "$1" .c)${suffix:-}
	"${cross}gcc" -O2 -Wall -static -pthread "-DHEAP_NAME=\"$heap\"" \
		-DHEAP_MODULE=\"system_heap_pooled\" -DHEAP_STOCK=\"system\" \
		-I "$ours" "${@:2}" -o "$made/$program" "$1" -lm \
		>>"$log" 2>&1 || { tail -n 20 "$log" >&2; die "compiling $1 failed ($log)"; }
	keep "$made/$program" "$program"
}

for program in "$@"; do compile "$HARNESS/bench/$program.c"; done
if [ $# = 0 ]; then
	compile "$HARNESS/distro/heap-hold.c"
	keep "$HARNESS/distro/dma-heap-test.sh" dma-heap-test
	keep "$TOP/Documentation/admin-guide/mm/dma-heap-system.rst" dma-heap-system.rst
	# The machine may have no drm headers.
	flags=(-D_GNU_SOURCE -D__user= -I "$selftests" -idirafter "$uapi")
	for source in "$selftests/dmabuf-heaps/dmabuf-heap.c" "$ours"/*.c "$HARNESS"/guest/tests/*.c; do
		compile "$source" "${flags[@]}"
	done
	if [ -z "$cross" ]; then
		ARCH=i386 "$HARNESS/kernel/deps.sh" run
		cross=i686-linux-gnu- suffix=-32 compile "$ours/system-heap-uapi.c" "${flags[@]}"
	fi
fi

keep "$module" system_heap_pooled.ko
keep "$HARNESS/distro/module-load.sh" module-load
"${cross}gcc" -O2 -Wall -static -o "$made/dma-heap" "$TOP"/tools/dma-heap/*.c >>"$log" 2>&1 ||
	die "compiling dma-heap failed ($log)"
keep "$made/dma-heap" dma-heap
# Cloud kernels have no vgem.
/sbin/modprobe -d "$dir" -S "$release" --show-depends vgem 2>>"$log" >"$made/depends" || : >"$made/depends"
while read -r _ file; do
	module=$(basename "${file%.xz}")
	xz -dc "$file" >"$made/$module"
	keep "$made/$module" "$module"
	echo "$module"
done <"$made/depends" >"$out/modules"
for program in "$bin"/*; do
	[[ $kept = *" $(basename "$program") "* ]] || rm -f "$program"
done

gcc -O2 -o "$made/gen_init_cpio" "$few/linux/usr/gen_init_cpio.c" >>"$log" 2>&1 ||
	die "compiling gen_init_cpio failed ($log)"
put "$made/gen_init_cpio" "$out/gen_init_cpio"
chmod +x "$out/gen_init_cpio"
put "$image" "$out/image"
echo "$release" >"$out/version"
echo "$name-$heap"
