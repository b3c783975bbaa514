# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# What the measuring scripts share; sourced after ../lib.sh.
#
# ACCEL chooses the machine:
#   icount  (default) one that counts instructions, the same every time
#   wall    real time, with KVM where it works, else in an emulator
#   kvm     real time, with KVM or not at all
# Sets machine (of guest/boot.sh), label (in the JSON) and unit, and promises of
# bench_boot that it returns only when every program succeeded.

# bench_name: what the files of all that is measured are called, of this kernel.
bench_name() { echo "bench-$(cut -d. -f1,2 "$OUT/bench/version")${cross:+-$ARCH}"; }

bench_machine() {
	local accel
	if [ "${ACCEL:-icount}" = icount ]; then
		machine=icount label=tcg-icount unit=instructions
		return
	fi
	[ -f "$OUT/bench/image" ] || "$HARNESS/kernel/kernel.sh" bench >/dev/null
	accel=$("$HARNESS/guest/accel.sh" bench)
	[ "${ACCEL:-}" = wall ] || [ "$accel" = kvm ] || die "KVM does not work here; ACCEL=wall does"
	machine=smp unit=ns label=$accel
	[ "$accel" = tcg ] || return 0
	label=tcg-wall
	[ "${ARCH:-x86}" != arm64 ] || return 0
	# The guest gets the host's time stamp counter, but nothing to calibrate
	# it with, and would have no clock but ticks.
	GUEST_APPEND="tsc=reliable tsc_early_khz=$("$OUT/bench/bin/heap-clock") ${GUEST_APPEND:-}"
	export GUEST_APPEND
}

# bench_boot RUN COMMAND...: run each command ("PROGRAM [ARGUMENT...]") in one
# guest; sets report.  BENCH_KERNEL is another kernel than bench.
bench_boot() {
	local run=$1 command kernel=${BENCH_KERNEL:-bench}
	shift
	report=$OUT/runs/$run/report.log
	for command in "$@"; do
		[ -x "$OUT/$kernel/bin/${command%% *}" ] || die "there is no ${command%% *} in tools/harness/bench/"
		echo "${command%% *} 3000 $command --unit $unit"
	done | "$HARNESS/guest/boot.sh" "$kernel" "$machine" "$run"
	for command in "$@"; do
		grep -qax "@@END ${command%% *} exit=0" "$report" && continue
		grep -av '^result ' "$report" | tail -n 20 >&2
		die "${command%% *} failed"
	done
}
