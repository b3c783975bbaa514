#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# boot.sh KERNEL MACHINE RUN <commands: boot out/KERNEL/image and have its
# init run the commands (lines "NAME SECONDS PROGRAM [ARGUMENT...]").
#
# MACHINE is
#   smp     several processors, for tests: KVM where it works, else TCG
#   icount  one processor on which an instruction is a unit of time: the same
#           run takes the same number of them
#   shell   an interactive guest on this terminal, no commands
# (with ARCH=um the first is User Mode Linux, in real time, and there are no others)
# The variables GUEST_* adjust it, see README.md.
#
# Leaves report.log (what init said) and console.log in out/runs/RUN/.
# Promises: ends in bounded time, and exits 0 only when the guest reported the
# end of each command and its own; else says what happened, with the console's
# last lines.  Whether the commands passed is for the caller to read.
. "$(dirname "$0")/../lib.sh"

kernel=$1 machine=$2 label=$3
run=$OUT/runs/$label
[ -f "$OUT/$kernel/image" ] ||
	die "no $OUT/$kernel/image; make it with tools/harness/kernel/kernel.sh $kernel"

rm -rf "$run"
mkdir -p "$run"
console=$run/console.log
report=$run/report.log
touch "$console" "$report"
if [ "$machine" = shell ]; then input=/dev/null; else input=/dev/stdin; fi
"$HARNESS/guest/initramfs.sh" "$kernel" "$run/initramfs" <"$input"
cmds=$run/initramfs.cmds

# Machine, CPU (without features that the kernels mishandle), CPU for icount, and the
# report's port.
if [ "${ARCH:-x86}" = arm64 ]; then
	append="console=ttyAMA0"
	qemu=(qemu-system-aarch64 -machine virt)
	cpu=cortex-a76
	if [ -n "${GUEST_MTE:-}" ]; then
		words=$("$HARNESS/guest/tool.sh" qemu)
		read -ra qemu <<<"$words -machine virt,mte=on"
		cpu=max
	fi
	# The counter that user space reads counts nanoseconds, one per instruction.
	icount_cpu=$cpu,cntfrq=1000000000
	# Debian's kernels have virtio-mmio as a module, but drive a serial card.
	report_at=(-device virtio-serial-device -device "virtserialport,chardev=report"
		-chardev "file,id=report,path=$report,append=on"
		-chardev "null,id=null" -chardev "file,id=card,path=$report,append=on"
		-device "pci-serial-2x,chardev1=null,chardev2=card")
else
	append="console=ttyS0,115200 reboot=t"
	# q35 has no more than 2.75 GiB below 4 GiB, where 32 bits reach.
	pc=q35
	[ "${ARCH:-x86}" = x86 ] || pc=pc
	qemu=(qemu-system-x86_64 -machine "$pc")
	# While 6.12 detects the CPU's features, it acts as if 5-level paging were off.
	# With KASAN, an interrupt at that moment ends the boot.
	# Without erms and fsrm the kernel clears memory in words. The emulator would
	# execute a string instruction byte by byte, but count it as one, whatever its
	# length.
	icount_cpu=max,-erms,-fsrm
	cpu=$icount_cpu,la57=off
	report_at=(-serial "file:$report")
fi
append="$append panic=-1 oops=panic nokaslr"
qemu+=(-nodefaults -no-reboot -display none
	-kernel "$OUT/$kernel/image" -initrd "$run/initramfs")
[ "${ARCH:-x86}" != um ] || [ "$machine" = smp ] || die "ARCH=um: no machine $machine"
cpus=${GUEST_CPUS:-2} mem=${GUEST_MEM:-2048}
accel=${GUEST_ACCEL:-}
case $machine in
smp)
	# On a busy machine the emulated timer may not tick when the kernel tests it.
	append="$append panic_on_warn=1 no_timer_check"
	;;
icount)
	accel=tcg-icount cpus=${GUEST_CPUS:-1}
	qemu+=(-accel "tcg,thread=single" -icount "shift=0,sleep=off" -cpu "$icount_cpu")
	;;
shell) append="$append quiet guest.shell" ;;
*) die "no machine $machine: smp, icount or shell" ;;
esac
[ -n "$accel" ] || [ "${ARCH:-x86}" = um ] || accel=$("$HARNESS/guest/accel.sh" "$kernel")
case $accel in
kvm) qemu+=(-accel kvm -cpu host) ;;
tcg) qemu+=(-accel "tcg,thread=multi" -cpu "$cpu") ;;
esac
if [ "${GUEST_NODES:-1}" -gt 1 ] && [ "${ARCH:-x86}" != arm64 ]; then
	append="$append numa=fake=$GUEST_NODES"
elif [ "${GUEST_NODES:-1}" -gt 1 ]; then
	for ((i = 0; i < GUEST_NODES; i++)); do
		qemu+=(-object "memory-backend-ram,id=node$i,size=$((mem / GUEST_NODES))M" -numa
			"node,memdev=node$i,cpus=$((cpus * i / GUEST_NODES))-$((cpus * (i + 1) / GUEST_NODES - 1))")
	done
fi
if [ -n "${GUEST_DISK:-}" ]; then
	truncate -s "${GUEST_DISK}M" "$run/disk"
	qemu+=(-drive "file=$run/disk,format=raw,if=none,id=disk" -device "nvme,drive=disk,serial=1")
fi
# Each CPU has its own socket: the MP table names only the first core of a socket.
qemu+=(-m "$mem" -smp "$cpus,sockets=$cpus,cores=1,threads=1" -append "$append ${GUEST_APPEND:-}")

if [ "$machine" = shell ]; then
	say "a guest with the $kernel kernel ($accel); leave with exit, or ^A x"
	exec "${qemu[@]}" -serial mon:stdio "${report_at[@]}"
fi
qemu+=(-serial "file:$console" "${report_at[@]}")
log=$run/qemu.log
if [ "${ARCH:-x86}" = um ]; then
	qemu=("$OUT/$kernel/image" "mem=${mem}M" "ncpus=$cpus" seccomp=on noreboot "uml_dir=$run/" umid=guest
		"initrd=$run/initramfs" con=null "con0=null,fd:1" "ssl1=null,fd:4" panic=-1)
	read -ra words <<<"${GUEST_APPEND:-}"
	qemu+=(${words[@]+"${words[@]}"})
	log=$console accel="User Mode Linux"
fi

limit=${GUEST_TIMEOUT:-$(awk '{ s += $2 } END { print s + 120 }' "$cmds")}
say "$label: booting the $kernel kernel ($accel, $cpus CPU, $mem MiB)"
started=$SECONDS
"${qemu[@]}" </dev/null >"$log" 2>&1 4>"$report" 5>&- 7>&- 8>&- 9>&- &
pid=$!
# shellcheck disable=SC2046 # numbers; timeout ends its tail.
trap 'kill -9 "$pid" 2>/dev/null; kill $(jobs -p) 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM

# One line per command as it ends; a command under way is shown on a terminal.  tail ends
# with the guest, or when its time is up.
timeout "$limit" tail -n +1 -f -s "${GUEST_POLL:-0.2}" --pid="$pid" "$report" |
	grep -a --line-buffered '^@@' | while read -r mark name how; do
		case $mark in
		@@END) say "  $name: $how (at $((SECONDS - started)) s)" ;;
		@@BEGIN) [ ! -t 2 ] || printf "  %s ...\r" "$name" >&2 ;;
		esac
	done &
wait $! || true
hung=
! kill -9 "$pid" 2>/dev/null || hung=1
code=0
{ wait "$pid" || code=$?; } 2>/dev/null
trap - EXIT

failed() {	# WHAT
	say "$label: $1"
	if [ -s "$run/qemu.log" ]; then tail -n 5 "$run/qemu.log" >&2; fi
	say "last lines of $console:"
	tail -n 25 "$console" | tr -d '\r' >&2
	exit 1
}
[ -z "$hung" ] || failed "the guest did not end in $limit s"
[ "$code" = 0 ] || failed "${qemu[0]##*/} ended with $code"
# While a kernel patches its code, QEMU before 8.1 may run an int3 that is already gone.
if [ "$accel" = tcg ] && [ -z "${GUEST_AGAIN:-}" ] && grep -qa 'int3: 0000 \[' "$console"; then
	cp "$console" "$run.int3.log"
	say "$label: the emulator ran a stale int3 ($run.int3.log), booting once more"
	GUEST_AGAIN=1 exec "$0" "$@" <"$cmds"
fi
! grep -qa 'Kernel panic' "$console" || failed "the guest's kernel panicked"
grep -qax '@@DONE' "$report" || failed "the guest died before it was done"
while read -r name _; do
	grep -qa "^@@END $name " "$report" || failed "no result of $name"
done <"$cmds"
