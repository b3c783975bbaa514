# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# How scripts boot guests for tests, and count results; sourced after ../lib.sh.

passed=0
failed=0
skipped=0
tests=$OUT/test/tests		# the tests to run and their guests; see tests.list
races_of=			# see splats.awk
logs=$OUT/test			# of other()
skips=$HARNESS/check/skips.list

# expand_list LIST: print the LIST with a line for each guest.  "*" becomes each program of
# ours that no line of that section names.
expand_list() {
	local programs
	programs=$(basename -as .c "$TOP"/tools/testing/selftests/dmabuf-heaps/*.c "$HARNESS"/guest/tests/*.c | xargs)
	awk -v programs="$programs" '
		FNR == 1 { part = 0 }
		/^#/ || !NF { next }
		/^\[/ { part++; next }
		NR == FNR { named[part, $5] = 1; next }
		{
			any = $2 == "*"
			n = split(any ? programs : $2, name)
			m = split($1, boot, ",")
			for (i = 1; i <= n; i++) {
				if (any && (part, name[i]) in named) continue
				$2 = name[i]
				if (any) $5 = name[i]
				for (j = 1; j <= m; j++) { $1 = boot[j]; print }
			}
		}' "$1" "$1"
}

# fail WHAT: print and count a failure that is in no report.
fail() {
	echo "FAILED $1"
	failed=$((failed + 1))
}

# judge BOOT TESTS REPORT: count a report's results.
judge() {
	local said word ok bad none
	said=$(awk -v boot="$1" -v skips="$skips" -f "$HARNESS/guest/ktap.awk" "$2" "$3") || true
	sed '$d' <<<"$said"
	read -r word ok bad none <<<"${said##*$'\n'}"
	[ "$word" = counts ] || { fail "$1: its results could not be read"; return; }
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + none))
}

# boot NAME KERNEL [VARIABLE...]: run its part of $tests in a guest and count.
boot() {
	local report=$OUT/runs/$1/report.log
	echo "== $1: $(awk -v b="$1" '$1 == b' "$tests" | wc -l) programs on the $2 kernel"
	awk -v b="$1" '$1 == b { $1 = ""; $3 = ""; print }' "$tests" |
		env "${@:3}" "$HARNESS/guest/boot.sh" "$2" smp "$1" ||
		fail "$1: the guest did not end as it should"
	[ -e "$report" ] || { mkdir -p "$(dirname "$report")"; : >"$report"; }
	judge "$1" "$tests" "$report"
	if awk -v races_of="$races_of" -f "$HARNESS/guest/splats.awk" "$OUT/runs/$1/console.log"; then
		passed=$((passed + 1))
	else
		fail "$1: the kernel complained, see $OUT/runs/$1/console.log"
	fi
}

# distro_boot NAME HEAP [long|lean|time]: boot Debian's kernel NAME (kernels.list, of this
# ARCH) with the module as HEAP, beside the kernel's heap or, as "system", instead of it.
# Run the tests that debian-tests.list has for that, and count.  A lean guest has little
# memory and a disk.
distro_boot() {
	local name=$1-$2 place="every beside" append=${GUEST_APPEND:-} mem=2048 disk=
	local boot=$name
	if ! "$HARNESS/distro/debian-kernel.sh" "$1" "$2" >/dev/null; then
		fail "$name: there is nothing to boot"
		return
	fi
	if [ "$2" = system ]; then
		place="every instead"
		append="$append initcall_blacklist=system_heap_create"
		# CMA memory counts in MemAvailable, but no buffer can use it.
		[ -z "$cross" ] || append="$append cma=0"
	elif [ "${3:-}" = lean ]; then
		boot=$name-lean place='' mem=640 disk=1024
	elif [[ $1 =~ ^(generic|rt)$ ]]; then
		append="$append numa=fake=2"
	fi
	local tests=$OUT/test/$boot.tests
	mkdir -p "$OUT/test"
	expand_list "$HARNESS/distro/debian-tests.list" |
		awk -v heap="$2" -v when=" $place ${3:-} $1 " 'index(when, " " $1 " ") { $1 = ""; sub(/HEAP$/, heap); print }' |
		sed "s/^ */$boot /" >"$tests"
	GUEST_CPUS=2 GUEST_MEM=$mem GUEST_DISK=$disk GUEST_APPEND=$append boot "$boot" "$name"
}

# distro_kernel NAME [long]: boot it in each way that kernels.list names.
distro_kernel() {
	local arch boots
	read -r _ arch _ _ boots < <(row distro/kernels.list "$1")
	if [ "$arch" != "${ARCH:-x86}" ]; then
		other "$1" "ARCH=$arch" "$HARNESS/distro.sh" ${2:+-l} "$1"
		return
	fi
	[[ $boots != *instead* ]] || distro_boot "$1" system "${2:-}"
	[[ $boots != *beside* ]] || distro_boot "$1" system_pooled ${2:+time}
	case ,$boots,${2:-} in
	*,lean,* | *,long-lean,long) distro_boot "$1" system_pooled lean ;;
	esac
}

# other NAME VARIABLE... SCRIPT [ARGUMENT...]: add the counts of another script, logged in $logs/NAME.log.
other() {
	local log=$logs/$1.log last started=$SECONDS
	mkdir -p "$logs"
	echo "== $1: ${*:2}"
	env "${@:2}" >"$log" || true
	{ grep -v '^== ' "$log" || true; } | sed '$d'
	last=$(tail -n 1 "$log")
	echo "$1: $last, $((SECONDS - started)) s"
	if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
		passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
	else
		fail "$1: its last line counts no tests, see $log"
	fi
}

# script NAME COMMAND...: run one that prints KTAP lines, and count.
script() {
	local code=0
	mkdir -p "$OUT/test"
	{
		echo "@@BEGIN $1"
		"${@:2}" || code=$?
		echo "@@END $1 exit=$code"
	} >"$OUT/test/$1.log"
	echo "$1 $1 ktap 0 -" >"$OUT/test/$1.list"
	judge "$1" "$OUT/test/$1.list" "$OUT/test/$1.log"
}

# The last line has the counts; the exit status says whether that was success.
summary() {
	[ "$skipped" = 0 ] || echo "$skipped skipped"
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
