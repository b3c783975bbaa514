#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# mutants.sh [NAME...]: does a test fail when the driver is broken?  Each mutation
# of mutants/*.mutants (all, or those named) is applied to a copy of the sources,
# built, booted with the tests that its entry names (KUnit suites first, which are
# quick), and reported as killed (a test failed, or the kernel complained or died),
# hung (nothing more was heard of the guest, which is no way to fail a test) or
# survived.  Before any, the unchanged sources have to pass all of those tests.
#
# Promises: works on a copy of this repository and on a kernel tree of its own, so
# that an interrupted run leaves nothing behind for others; a mutation whose text
# is not in its file exactly once, or that does not compile, or whose tests there
# are none of, is an error and not a kill; exits 0 only when all were killed.
. "$(dirname "$0")/../lib.sh"

work=$OUT/mutants
repo=$work/repo
out=$repo${OUT#"$TOP"}	# that of its scripts
kernel=mutants

# field NAME WORD: the entry's lines that start with WORD, without it.
field() {
	awk -v name="$1" -v word="$2" '
		$1 == "mutant" { in_it = $2 == name; next }
		in_it && $1 == word { sub(/^[a-z]+[ \t]+/, ""); print }' "${lists[@]}"
}

# The entry's edit, in the language of kernel/edit.pl.
edit_of() {
	awk -v name="$1" '
		$1 == "mutant" { in_it = $2 == name; next }
		in_it && $1 !~ /^(suite|test|boot|#)/' "${lists[@]}"
}

# The kernel tree: hard links to the shared one, but what was grafted into that,
# which changes, is copied.
own_tree() {
	local shared path
	shared=$("$HARNESS/kernel/fetch.sh")
	tree=$CACHE/mutants/$(basename "$shared")-mutants
	[ ! -f "$tree/version" ] || return 0
	need_space 1500 "the tree of the mutants"
	(
		lock_tree "$shared"
		rm -rf "$tree.tmp"
		mkdir -p "$tree.tmp"
		cp -al "$shared/linux" "$tree.tmp/linux"
		touch "$shared/grafted"
		mkdir -p "$shared/orig"
		cp -a "$shared/orig" "$shared/grafted" "$shared/version" "$tree.tmp/"
		while read -r path; do
			[ -e "$shared/linux/$path" ] || continue
			cp -p --remove-destination "$shared/linux/$path" "$tree.tmp/linux/$path"
		done <"$shared/grafted"
		mv "$tree.tmp" "$tree"
	)
}

# The copy; its scripts take it for the repository, and have an out/ of their own.
own_repo() {
	local part
	mkdir -p "$repo"
	for part in drivers include tools Documentation; do
		rm -rf "${repo:?}/$part"
		[ ! -d "$TOP/$part" ] || cp -a "$TOP/$part" "$repo/$part"
	done
}

build() {	# NAME
	"$repo/tools/harness/kernel/graft.sh" "$tree" &&
		"$repo/tools/harness/kernel/config.sh" "$tree" "$kernel" &&
		"$repo/tools/harness/kernel/build.sh" "$work/$1.build.log" "$1" \
			-C "$tree/linux" O="$(build_dir "$tree" "$kernel")" "$(basename "$image")" &&
		put "$(build_dir "$tree" "$kernel")/$image" "$out/$kernel/image"
}

# tests_of NAME: "boot name kind seconds command..." as in tests.list.
tests_of() {
	local n=0 line
	[ -z "$(field "$1" suite)" ] || echo "$1 kunit kunit 60 kunit"
	while read -r line; do
		n=$((n + 1))
		echo "$1 $n-${line%% *} ktap 150 $line"
	done < <(field "$1" test | sort -u)
}

# What any of the mutants that boot with these words asks for, once.
tests_of_all() {	# BOOT
	local one
	for one in "${names[@]}"; do
		[ "$(field "$one" boot)" != "$1" ] || tests_of "$one"
	done | awk '{ $1 = "control"; sub(/^[0-9]+-/, "", $2); key = $0 }
		!seen[key]++ { if ($3 == "ktap") $2 = ++n "-" $2; print }'
}

# run NAME TESTS SUITE BOOT: "counts passed failed skipped" comes last.
run() {
	local enable=1 report=$out/runs/$1/report.log
	[ -n "$3" ] || enable=0
	awk '{ $1 = ""; $3 = ""; print }' "$2" |
		GUEST_CPUS=4 GUEST_MEM=1024 GUEST_TIMEOUT=$(awk '{ s += $4 / 2 } END { print s + 60 }' "$2") \
		GUEST_APPEND="dma_heap.mem_accounting=1 kunit.enable=$enable kunit.filter_glob=${3:-none}" \
		GUEST_TAIL=12 env ${4:+"$4"} "$repo/tools/harness/guest/boot.sh" "$kernel" smp "$1" >"$work/$1.log" 2>&1 ||
		echo "FAILED guest: $(grep -m1 -E "guest|QEMU|no result" "$work/$1.log" || true)"
	[ -e "$report" ] || { mkdir -p "$(dirname "$report")"; : >"$report"; }
	awk -f "$HARNESS/guest/splats.awk" "$out/runs/$1/console.log" >"$work/$1.splats" ||
		echo "FAILED console: $(head -n 1 "$work/$1.splats")"
	awk -v boot="$1" -f "$HARNESS/guest/ktap.awk" "$2" "$report"
}

lists=("$HARNESS"/check/mutants/*.mutants)
mapfile -t all < <(awk '$1 == "mutant" { print $2 }' "${lists[@]}")
[ -z "$(printf '%s\n' "${all[@]}" | sort | uniq -d)" ] || die "two mutants have one name"
names=("$@")
[ $# -gt 0 ] || names=("${all[@]}")
for name in "${names[@]}"; do
	[[ " ${all[*]} " = *" $name "* ]] || die "ONLY=$name: may be mutants of tools/harness/check/mutants/"
	[ -n "$(field "$name" suite)$(field "$name" test)" ] || die "no test for the mutant $name"
done

lock 9 mutants
# Other verbs may run in this clone meanwhile, but not make clean.
lock_file 7 "$OUT/.mutants.lock" "another run in this clone"
mkdir -p "$work" "$out/$kernel"
rm -f "$work"/*.log "$work"/*.tests "$work"/*.splats
"$HARNESS/kernel/deps.sh"
own_tree
own_repo

# Every text is looked for before anything is built.
for name in "${names[@]}"; do
	rm -rf "$work/stage/$name"
	edit_of "$name" >"$work/$name.edit"
	perl "$HARNESS/kernel/edit.pl" "the sources (mutant $name)" any "$repo" \
		"$work/stage/$name" "$repo" -- "$work/$name.edit"
	changed=$(cd "$work/stage/$name" && find . -type f)
	[ "$(echo "$changed" | wc -l)" = 1 ] || die "mutant $name changes more than one file"
	! cmp -s "$work/stage/$name/$changed" "$repo/$changed" || die "mutant $name changes nothing"
done

build control || die "the unchanged sources do not build"
"$repo/tools/harness/kernel/programs.sh" "$tree" "$kernel"
put "$(build_dir "$tree" "$kernel")/guest/gen_init_cpio" "$out/$kernel/gen_init_cpio"
chmod +x "$out/$kernel/gen_init_cpio"

: >"$work/cases"
passed=0
started=$SECONDS
while read -r words; do
	tests_of_all "$words" >"$work/control.tests"
	run control "$work/control.tests" '*' "$words" >"$work/control.result" </dev/null
	if grep -q '^FAILED' "$work/control.result"; then
		cat "$work/control.result"
		die "the unchanged sources fail, so that no mutant can be judged"
	fi
	passed=$((passed + $(awk 'END { print $2 }' "$work/control.result")))
	tr -d '\r' <"$out/runs/control/report.log" | awk '
		/^    # Subtest: / { suite = $3 }
		/^    (not )?ok / { sub(/^ *(not )?ok [0-9]+ (- )?/, ""); print suite "." $1 }' >>"$work/cases"
done < <(for name in "${names[@]}"; do printf '%s\n' "$(field "$name" boot)"; done | sort -u)
# A glob that matches nothing would fail with and without the mutation.
for name in "${names[@]}"; do
	suite=$(field "$name" suite)
	[ -n "$suite" ] || continue
	[[ $suite = *.* ]] || suite="$suite.*"
	# shellcheck disable=SC2053 # a glob it is
	while read -r one; do [[ $one != $suite ]] || continue 2; done <"$work/cases"
	die "no KUnit test is called $suite (mutant $name)"
done
echo "control: $passed passed, $((SECONDS - started)) s"

killed=0
bad=0
# judge NAME KIND: whether the entry's tests of this kind fail.
judge() {
	local suite=
	[ "$2" = ktap ] || suite=$(field "$1" suite)
	tests_of "$1" | awk -v kind="$2" '$3 == kind' >"$work/$1.tests"
	[ -s "$work/$1.tests" ] || return 1
	run "$1" "$work/$1.tests" "$suite" "$(field "$1" boot)" >"$work/$1.result"
	grep -q '^FAILED' "$work/$1.result"
}

# What failed besides what ends together with the guest.  Of a guest that ended early
# only what its kernel did counts, not that the host could not run it.
failed() {
	awk '!/^FAILED/ || /did not end in|did not run$|ended in the middle of it$|: timeout$/ { next }
		/^FAILED guest:/ && !/panicked|died before/ { next }
		{ print; found = 1; exit }
		END { exit !found }' "$work/$1.result"
}

verdict() { printf '%-9s %-28s %4s s  %s\n' "$1" "$name" "$((SECONDS - started))" "$2"; }
for name in "${names[@]}"; do
	started=$SECONDS
	file=$(cd "$work/stage/$name" && find . -type f)
	cp "$repo/$file" "$work/original"
	cp "$work/stage/$name/$file" "$repo/$file"
	if ! build "$name" 2>"$work/$name.build"; then
		bad=$((bad + 1))
		verdict broken "does not build, see $work/$name.build"
	elif judge "$name" kunit || judge "$name" ktap; then
		if why=$(failed "$name"); then
			killed=$((killed + 1))
			verdict killed "${why#FAILED }"
		else
			bad=$((bad + 1))
			verdict HUNG "$(grep -m1 '^FAILED' "$work/$name.result" | cut -d ' ' -f 2-)"
		fi
	else
		bad=$((bad + 1))
		verdict SURVIVED "$(tail -n 1 "$work/$name.result")"
	fi
	cp "$work/original" "$repo/$file"
done
echo "$killed killed, $bad survived, hung or broken, $((SECONDS / 60)) min"
[ "$bad" = 0 ]
