#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# native.sh: measure the pooled heap beside the kernel's own in real time
# (bench/heap-bench.c), in a kernel that runs as a process on this machine (User Mode Linux).  It
# needs no root, QEMU or KVM.  It prints a table of ratios, writes out/bench-native.json and
# draws out/bench-native.svg.  ROWS="loop frames" and SIZES="1M 8M" measure a part, into
# out/bench-native-part.json.  IDLE=50 accepts a machine that is half busy.
#
# The kernel's two processors are threads of the host, each on a processor of its
# own.  A task of the lowest priority keeps each of these processors from sleeping.
# Waking one up would take most of the measured time.
#
# Promises: where it cannot measure, one line says why; nothing is left running and
# nothing is left in the temporary directory.
[ "${ARCH:-um}" = um ] || { echo "error: ARCH=$ARCH: bench-native measures this machine only" >&2; exit 1; }
export ARCH=um
. "$(dirname "$0")/../lib.sh"

rows="alloc close hot write frames loop loop2 mix"
may_be ROWS "some of $rows" "(${rows// /|})( (${rows// /|}))*"
may_be SIZES "sizes such as 64K 1M" "[0-9]+[KM]?( [0-9]+[KM]?)*"

memory=2560	# MiB of the guest; a file in the temporary directory
run=$OUT/runs/native

# Two processors that this process may use, of two cores if there are two.
cpus() {
	local list second
	list=$(taskset -cp $$ | sed 's/.*: //' | tr ',' '\n' | while IFS=- read -r from to; do
		seq "$from" "${to:-$from}"
	done)
	mapfile -t cpu <<<"$list"
	[ "${#cpu[@]}" -ge 2 ] || die "make bench-native needs two processors, and there is ${#cpu[@]}"
	for second in "${cpu[@]:1}"; do
		cmp -s "/sys/devices/system/cpu/cpu"{"${cpu[0]}","$second"}/topology/thread_siblings_list || break
	done
	cpu=("${cpu[0]}" "$second")
}

# The idle time of the two CPUs, as a percentage of all their time.
idle() {
	local two="^cpu(${cpu[0]}|${cpu[1]}) "
	{ grep -E "$two" /proc/stat; sleep 2; grep -E "$two" /proc/stat; } | awk '
		{ sign = NR > 2 ? 1 : -1; idle += sign * ($5 + $6) }
		{ for (i = 2; i <= 9; i++) all += sign * $i }
		END { printf "%d\n", 100 * idle / all }'
}

check_host() {
	local free dir now tries=5
	grep -q '^flags.* constant_tsc' /proc/cpuinfo || die "this processor's time stamp counter is not constant"
	dir=${TMPDIR:-/dev/shm}
	[ "$(stat -fc %T "$dir" 2>/dev/null)" = tmpfs ] ||
		die "$dir is not a tmpfs; set TMPDIR= to a directory on one, for the file that is the guest's memory"
	free=$(df -Pm "$dir" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge $((memory + 64)) ] || die "make bench-native needs $((memory + 64)) MiB in $dir, and there are $free"
	free=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
	[ "$free" -ge $((memory + 512)) ] || die "make bench-native needs $((memory + 512)) MiB of memory, and there are $free"
	until now=$(idle) && [ "$now" -ge "${IDLE:-90}" ]; do
		[ $((tries -= 1)) -gt 0 ] ||
			die "this machine is too busy: its processors ${cpu[*]} are idle for $now % of the time; ${IDLE:-90} % is needed"
		say "waiting for a quiet machine ($now % idle)"
	done
	export TMPDIR=$dir
}

spin() {	# CPU
	# shellcheck disable=SC2016 # the shell that it starts expands that
	chrt --idle 0 taskset -c "$1" sh -c 'while [ -d "/proc/$0" ]; do :; done' $$ 5>&- 9>&- &
	running+=("$!")
}

# The guest's processors are the first two threads, as soon as there are two.
pin() {
	local task i=0
	until [ -s "$run/guest/pid" ] && task=$(ls "/proc/$(cat "$run/guest/pid")/task" 2>/dev/null) &&
		[ "$(wc -w <<<"$task")" -ge 2 ]; do
		sleep 0.1
	done
	for task in $(sort -n <<<"$task" | head -n 2); do
		taskset -cp "${cpu[$i]}" "$task" >/dev/null
		i=$((i + 1))
	done
}

lock_out
lock 5 native
"$HARNESS/kernel/kernel.sh" native >/dev/null
cpus
check_host
args=
[ -z "${ROWS:-}" ] || args+=" -c ${ROWS// /,}"
# shellcheck disable=SC2086 # a list of sizes
[ -z "${SIZES:-}" ] || args+=" -s $(numfmt --from=iec $SIZES | paste -sd ,)"

running=()
trap 'kill "${running[@]}" 2>/dev/null || true; wait' EXIT
trap 'exit 130' INT TERM
spin "${cpu[0]}"
spin "${cpu[1]}"
rm -rf "$run"
pin &
running+=("$!")
export GUEST_MEM=$memory GUEST_CPUS=2 GUEST_POLL=1
# The sleep gives pin() time before the measurement begins.
"$HARNESS/guest/boot.sh" native smp native < <(printf '%s\n' "settle 10 sleep 1" \
	"heap-native 300 taskset 1 heap-bench$args native") &
running+=("$!")
wait "$!" || exit 1
report=$run/report.log
grep -qax '@@END heap-native exit=0' "$report" ||
	{ grep -av '^{' "$report" | tail -n 20 >&2; die "heap-native failed"; }

name=bench-native${args:+-part}
processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
kernel=$(cat "$OUT/native/version")
awk -v table=native -v title="Linux $kernel as a program (User Mode Linux) on $processor
zero_method=direct; medians.  User Mode Linux cannot show what a mapping or a TLB flush costs.
\"~\": a second stock heap differed from the first by more than 3 %." \
	-v kernel="$kernel" -v sources="$(sources_id)" -v machine="uml, $processor" -v unit=ns \
	-v json="$TOP/out/$name.json" -v plot="$run/plot.dat" \
	-f "$HARNESS/bench/tables.awk" "$report" || die "there are no results"
say "written: $TOP/out/$name.json"
if [ -z "$args" ]; then
	gnuplot -e "data='$run/plot.dat'; out='$TOP/out/$name.svg'; cpu='$processor'" "$HARNESS/bench/native.gp"
	say "written: $TOP/out/$name.svg"
fi
