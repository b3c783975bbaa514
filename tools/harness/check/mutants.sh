#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# mutants.sh [NAME...]: does a test fail when the driver is broken?  Each line of
# mutants.list (all, or those named) is applied to a copy of the sources, built and
# booted with its test, in User Mode Linux or in the guest that it names.  It is
# reported as killed (the test failed, or the kernel complained or died), hung (nothing
# more was heard from the guest, which does not count as a failed test) or survived.
# --check only checks whether each line still finds its text.
#
# Promises: works on a copy of this repository and on a kernel tree of its own; a line whose
# text is not found, or that does not compile, is an error and not a kill; the unchanged
# sources have to pass all of the tests first; exits 0 only when all were killed.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/check/judge.sh"

list=$HARNESS/check/mutants.list
work=$OUT/mutants
repo=$work/repo
kernel=mutants

field() { awk -F ' [|] ' -v name="$1" -v n="$2" '$1 == name { print $n }' "$list"; }
path_of() { echo "drivers/dma-buf/heaps/$(field "$1" 2)"; }
mapfile -t all < <(awk -F ' [|] ' '!/^#/ && NF { print $1 }' "$list")

# mutate NAME FROM TO: exits non-zero if the text is not found.
mutate() { sed "$(field "$1" 3)" "$2" >"$3" && ! cmp -s "$2" "$3"; }

if [ "${1:-}" = --check ]; then
	tmp=$(mktemp)
	trap 'rm -f "$tmp"' EXIT
	printf '%s\n' "${all[@]}" | sort | uniq -d | sed 's/$/: two mutants have this name/'
	for name in "${all[@]}"; do
		mutate "$name" "$TOP/$(path_of "$name")" "$tmp" || echo "$name: its text is not found"
	done
	exit
fi

names=("$@")
[ $# -gt 0 ] || names=("${all[@]}")
for name in "${names[@]}"; do
	[[ " ${all[*]} " = *" $name "* ]] || die "ONLY=$name is not in tools/harness/check/mutants.list"
done
found=$("$0" --check)
[ -z "$found" ] || die "$found"

# One run for each kind of guest; x86 and nodes are guests on x86.
if [ -z "${MUTANTS_IN:-}" ]; then
	lock_file 7 "$OUT/.mutants.lock" "another run in this clone"
	code=0
	for MUTANTS_IN in um x86 nodes; do
		some=()
		for name in "${names[@]}"; do
			where=$(field "$name" 5)
			[ "${where:-um}" != "$MUTANTS_IN" ] || some+=("$name")
		done
		[ ${#some[@]} -gt 0 ] || continue
		case $MUTANTS_IN in um) arch=um ;; *) arch=x86 ;; esac
		MUTANTS_IN=$MUTANTS_IN ARCH=$arch "$0" "${some[@]}" || code=1
	done
	exit "$code"
fi

build() {	# NAME
	"$repo/tools/harness/kernel/graft.sh" "$tree" &&
		{ [ "$1" != control ] || "$repo/tools/harness/kernel/config.sh" "$tree" "$kernel"; } &&
		"$repo/tools/harness/kernel/build.sh" "$work/$1.build.log" "$1" \
			-C "$tree/linux" O="$(build_dir "$tree" "$kernel")" "$(basename "$image")" &&
		put "$(build_dir "$tree" "$kernel")/$image" "$out/$kernel/image"
}

# run NAME TEST...: a KUnit test, SUITE.CASE, or a program with arguments; prints what
# failed, and at the end how many passed.  If the test is skipped, the mutant survives.
run() {
	local glob='' test n=0 tests=$work/$1.tests passed=0 failed=0
	for test in "${@:2}"; do
		n=$((n + 1))
		case $test in
		dma_heap_*) glob=${glob:+dma_heap_*}; glob=${glob:-$test} ;;
		*) echo "$1 $n-${test%% *} ktap 150 $test" ;;
		esac
	done >"$tests"
	[ -z "$glob" ] || echo "$1 kunit kunit 60 kunit" >>"$tests"
	{
		HARNESS=$repo/tools/harness OUT=$out boot "$1" "$kernel" GUEST_CPUS=2 GUEST_MEM=1024 \
			"GUEST_NODES=$([ "$MUTANTS_IN" != nodes ] || echo 2)" \
			"GUEST_TIMEOUT=$(awk '{ s += $4 / 2 } END { print s + 60 }' "$tests")" \
			"GUEST_APPEND=dma_heap.mem_accounting=1 kunit.enable=${glob:+1} kunit.filter_glob=${glob:-none}"
		echo "$passed passed"
	} 2>&1 | grep -v '^FAILED kunit: skipped, which is not allowed'
}

# Print the first failure that is not just the end of the guest.
killer() {
	awk '/^FAILED/ && !/(did not end as it should|did not run|in the middle of it|: timeout)$/ ||
		/the guest died before/ { print; found = 1; exit }
		END { exit !found }' "$1"
}

lock 9 mutants
out=$repo${OUT#"$TOP"}	# of the copy's scripts
mkdir -p "$work" "$repo" "$out/$kernel"
rm -f "$work"/*.{log,tests,result}
"$HARNESS/kernel/deps.sh"
dir=$("$HARNESS/kernel/fetch.sh")
tree=$CACHE/mutants/$(basename "$dir")-mutants
own_tree "$dir" "$tree"
for part in drivers include tools Documentation MAINTAINERS; do
	rm -rf "${repo:?}/$part"
	cp -a "$TOP/$part" "$repo/$part"
done
build control || die "the unchanged sources do not build"
"$repo/tools/harness/kernel/programs.sh" "$tree" "$kernel"

mapfile -t tests < <(for one in "${names[@]}"; do field "$one" 4; done | sort -u)
started=$SECONDS
run control "${tests[@]}" >"$work/control.result"
if grep '^FAILED' "$work/control.result"; then
	die "the unchanged sources fail, so no mutant can be judged"
fi
echo "control ($MUTANTS_IN): $(tail -n 1 "$work/control.result"), $((SECONDS - started)) s"

killed=0
verdict() { printf '%-9s %-34s %4s s  %s\n' "$1" "$name" "$((SECONDS - started))" "$2"; }
for name in "${names[@]}"; do
	started=$SECONDS
	file=$(path_of "$name")
	mutate "$name" "$TOP/$file" "$repo/$file"
	if ! build "$name" 2>"$work/$name.build"; then
		verdict broken "does not build, see $work/$name.build"
	else
		run "$name" "$(field "$name" 4)" >"$work/$name.result"
		if why=$(killer "$work/$name.result"); then
			killed=$((killed + 1))
			verdict killed "${why#FAILED }"
		elif grep -q '^FAILED' "$work/$name.result"; then
			verdict HUNG "$(grep -m1 '^FAILED' "$work/$name.result" | cut -d ' ' -f 2-)"
		else
			verdict SURVIVED "$(tail -n 1 "$work/$name.result")"
		fi
	fi
	cp "$TOP/$file" "$repo/$file"
done
echo "$killed killed, $((${#names[@]} - killed)) survived, hung or broken ($MUTANTS_IN)"
[ "$killed" = ${#names[@]} ]
