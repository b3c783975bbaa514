#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# table.sh zeroing|tasks|locks|latency|memory|loop: a measurement of its own, as
# a table on stdout; see heap-<name>.c for what is measured.  zeroing
# also draws out/zeroing.svg; locks is on a kernel of its own; loop takes real time.
# ACCEL chooses the machine (see lib.sh).
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/bench/lib.sh"

load() { cut -d" " -f1 /proc/loadavg; }
before=$(load)

name=${1:-}
BENCH_KERNEL=bench
case $name in
zeroing | latency | memory) cpus=1 ;;
tasks) cpus=8 ;;
locks) cpus=4 BENCH_KERNEL=locks ;;
loop)
	cpus=2
	may_be ACCEL "wall or kvm, as the helper is to have a processor for itself" "wall|kvm"
	export ACCEL=${ACCEL:-wall}
	;;
*) die "usage: table.sh zeroing|tasks|locks|latency|memory|loop" ;;
esac

lock_out
"$HARNESS/kernel/kernel.sh" "$BENCH_KERNEL" >/dev/null
bench_machine
export GUEST_CPUS=$cpus
sizes=("${GUEST_MEM:-2048}")
# What is held depends on the machine's memory.
[ "$name" != memory ] || sizes=(1024 4096 16384)
reports=()
for mem in "${sizes[@]}"; do
	GUEST_MEM=$mem bench_boot "$name-$mem" "heap-$name ${BENCH_ARGS:-}"
	reports+=("$report")
done

echo "Linux $(cat "$OUT/$BENCH_KERNEL/version") on $label, $cpus CPU$([ "$cpus" = 1 ] || echo s)"
if [ "$name" = loop ]; then
	echo "the host: $(nproc) CPUs, load $before before, and $(load) at the end with the guest's"
	[ "${before%.*}" -le $(($(nproc) - cpus)) ] ||
		echo "too busy: the helper had no processor for itself, and a ratio says little"
fi
plot=$OUT/runs/zeroing.dat
awk -v unit="$unit" -v table="$name" -v plot="$plot" -f "$HARNESS/bench/table.awk" "${reports[@]}" ||
	die "there is no full set of results"
if [ "$name" = zeroing ]; then
	gnuplot -e "data='$plot'; out='$OUT/zeroing.svg'; unit='$unit'" "$HARNESS/bench/zeroing.gp"
	say "written: $OUT/zeroing.svg"
fi
