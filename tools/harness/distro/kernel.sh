#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# kernel.sh FLAVOUR HEAP PROGRAM...: put into out/FLAVOUR-HEAP/ what guest/boot.sh
# boots, and print that name: Debian's kernel of this FLAVOUR as it is, and in bin/
# the PROGRAMs, the module, and vgem where there is one.  HEAP is what the module
# will be called; without a PROGRAM all tests are made.  out/FLAVOUR-HEAP/modules
# names vgem and what it needs, in the order in which they are to be loaded.
#
# Promises: as kernel/kernel.sh.
. "$(dirname "$0")/../lib.sh"

flavour=$1
heap=$2
shift 2
stock=system
[ "$heap" != system ] || stock=stock
out=$OUT/$flavour-$heap
bin=$out/bin
log=$out/programs.log
made=$out/made		# before it is put where it is looked for

lock_out
dir=$("$HARNESS/distro/fetch.sh" "$flavour")
few=$(KERNEL=7.3 "$HARNESS/kernel/fetch.sh" few)
release=$(cat "$dir/$flavour/release")
module=$(MODULE_ROOT=$dir/root "$HARNESS/module.sh" "/usr/src/linux-headers-$release")
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
	local name
	name=$(basename "$1" .c)
	gcc -O2 -Wall -static -pthread "-DHEAP_NAME=\"$heap\"" \
		-DHEAP_MODULE=\"system_heap_pooled\" "-DHEAP_STOCK=\"$stock\"" \
		-I "$HARNESS/bench" "${@:2}" -o "$made/$name" "$1" -lm \
		>>"$log" 2>&1 || { tail -n 20 "$log" >&2; die "compiling $1 failed ($log)"; }
	keep "$made/$name" "$name"
}

compile "$HARNESS/guest/init.c"
for program in "$@"; do compile "$HARNESS/bench/$program.c"; done
if [ $# = 0 ]; then
	for source in "$selftests/dmabuf-heaps/dmabuf-heap.c" "$ours"/*.c "$HARNESS"/guest/tests/*.c; do
		# The machine may have no drm headers.
		compile "$source" -D_GNU_SOURCE -D__user= -I "$selftests" -I "$ours" \
			-idirafter "$dir/root/usr/src/linux-headers-$(cat "$dir/release")-common/include/uapi"
	done
fi

keep "$module" system_heap_pooled.ko
keep "$HARNESS/distro/module-load.sh" module-load
: >"$out/modules"
if [ "$flavour" != cloud ]; then
	/sbin/modprobe -d "$dir/$flavour" -S "$release" --show-depends vgem | while read -r _ file; do
		name=$(basename "${file%.xz}")
		xz -dc "$file" >"$made/$name"
		echo "$name" >>"$out/modules"
	done
	while read -r name; do keep "$made/$name" "$name"; done <"$out/modules"
fi
for program in "$bin"/*; do
	[[ $kept = *" $(basename "$program") "* ]] || rm -f "$program"
done

gcc -O2 -o "$made/gen_init_cpio" "$few/linux/usr/gen_init_cpio.c" >>"$log" 2>&1 ||
	die "compiling gen_init_cpio failed ($log)"
put "$made/gen_init_cpio" "$out/gen_init_cpio"
chmod +x "$out/gen_init_cpio"
put "$dir/$flavour/vmlinuz" "$out/image"
put "$dir/$flavour/release" "$out/version"
echo "$flavour-$heap"
