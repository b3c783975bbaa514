#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# try.sh: build the module for the running kernel, load it, and measure it beside the
# kernel's own heap in real time (bench/heap-bench.c).  It prints a page of text, which is also
# out/try.txt.  If the module is loaded already, that one is measured.
#
# Promises: it says what it will do before it does it.  If the module cannot be built or
# loaded, one line says why.  zero_method is restored.
. "$(dirname "$0")/lib.sh"
only_x86

name=system_heap_pooled
release=$(uname -r)
module=$OUT/module/$release/$name.ko
program=$OUT/try/heap-bench
tester=$OUT/try/dma-heap
parameters=/sys/module/$name/parameters
loaded_sources=/run/$name.sources	# what the loaded module was built from

cannot() { die "$* (make run shows the heap in a guest)"; }

# Why the kernel did not take the module; insmod has said $1.
refused() {
	local locked why
	locked=$(sed -n 's/.*\[\(integrity\|confidentiality\)\].*/\1/p' /sys/kernel/security/lockdown 2>/dev/null) || true
	[ "$(cat /sys/module/module/parameters/sig_enforce 2>/dev/null)" != Y ] || locked=${locked:-sig_enforce}
	case ${1##*: } in
	*Key* | *key* | *"not permitted"*)
		[ -z "$locked" ] ||
			cannot "Secure Boot or lockdown ($locked): Linux loads only signed modules; install what make deb makes, enrol its key (mokutil --import /var/lib/dkms/mok.pub), reboot, modprobe $name, and try again"
		;;
	*"Invalid module format"*) cannot "$module was built for a different kernel; run make module" ;;
	esac
	why=$(dmesg 2>/dev/null | grep "$name\|Lockdown" | tail -n 1) || true
	cannot "$name was not loaded: ${1##*: }${why:+ ($why)}"
}

load() {
	local said
	[ -c /dev/dma_heap/system ] || cannot "linux $release has no heap /dev/dma_heap/system to compare with"
	[ ! -e /sys/kernel/debug/dma_heap/system ] || cannot "the heap of linux $release is already pooled"
	# A module that was built elsewhere will do if this kernel's build directory is missing.
	if [ -e "/lib/modules/$release/build" ] || [ ! -e "$module" ]; then
		"$HARNESS/module.sh" 2>&1 >"$OUT/try/module" |
			sed -u '/^To load it/,$d; /^error: /s/$/ (make run shows the heap in a guest)/' >&2 || exit 1
		module=$(tail -n 1 "$OUT/try/module")
	fi
	said=$(modinfo -F vermagic "$module" 2>&1) || cannot "$said"
	[ "${said%% *}" = "$release" ] ||
		cannot "$module is for linux ${said%% *}, and this is $release"
	[ -x "$program" ] || "$HARNESS/kernel/deps.sh" program
	say "Loading $name into linux $release, as a heap of its own beside the kernel's.
Like any heap it then stays until the machine is rebooted."
	said=$(insmod "$module" 2>&1) || refused "$said"
	cp "$(dirname "$module")/sources" "$loaded_sources" 2>/dev/null || rm -f "$loaded_sources"
}

# What affects the figures
facts() {
	local file=/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor note
	note="clock $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
	[ ! -e "$file" ] || note="$note, governor $(cat "$file")"
	! grep -q '^flags.* hypervisor' /proc/cpuinfo || note="$note, a virtual machine"
	cat <<-END
		The pooled DMA-BUF system heap beside the kernel's own, in real time

		kernel   $(uname -srm)
		CPU      $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) online; $note
		memory   $(awk '$1 == "MemTotal:" { print int($2 / 1024) }' /proc/meminfo) MiB; at most $(
			cat "$parameters/pool_limit_mb") MiB cached, $(cat "$parameters/queue_limit_mb") MiB queued
		driver   sources $(cat "$loaded_sources" 2>/dev/null || echo unknown)

	END
}

[ "$(id -u)" = 0 ] || cannot "only root may load a module"
lock_out
mkdir -p "$OUT/try"
mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug ||
	cannot "there is no debugfs, which has the heap's statistics"
if [ -d "/sys/module/$name" ]; then
	say "$name is already loaded, and is measured as it is"
else
	load
fi
heap=$(cat "$parameters/name")
[ "$heap" != system ] || cannot "the module replaced the kernel's heap, so there is nothing to compare with"

if command -v gcc >/dev/null || [ ! -x "$program" ] || [ ! -x "$tester" ]; then
	gcc -O2 -Wall -pthread "-DHEAP_NAME=\"$heap\"" "-DHEAP_MODULE=\"$name\"" '-DHEAP_STOCK="system"' \
		-I "$TOP/tools/testing/selftests/dmabuf-heaps" -o "$program" "$HARNESS/bench/heap-bench.c" >&2 || cannot "heap-bench was not built"
	gcc -O2 -o "$tester" "$TOP"/tools/dma-heap/*.c >&2 || cannot "dma-heap was not built"
fi
restored=$(cat "$parameters/zero_method")
trap 'echo "$restored" >"$parameters/zero_method"' EXIT
say "Measuring for two minutes or so; other load on the machine affects the figures."
log=$OUT/try/log
"$program" try 2>&1 | tee "$log" |
	sed -un 's/.*"op":"thread","heap":"direct","size":\([0-9]*\),.*/  \1 bytes: measured/p' >&2 ||
	die "$(tail -n 1 "$log")"
{ facts && awk -v table=try -f "$HARNESS/bench/tables.awk" "$log" && echo; } >"$OUT/try.txt.tmp" ||
	die "not everything was measured ($log)"
for method in vmap direct; do
	echo $method >"$parameters/zero_method"
	echo "dma-heap test with zero_method=$method:" >>"$OUT/try.txt.tmp"
	"$tester" test -t 5 -s "$heap" >>"$OUT/try.txt.tmp" || die "$(tail -n 1 "$OUT/try.txt.tmp")"
done
mv "$OUT/try.txt.tmp" "$OUT/try.txt"
cat "$OUT/try.txt"
say "written: $OUT/try.txt"
