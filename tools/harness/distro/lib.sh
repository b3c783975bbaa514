# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Tests on Debian's kernels; sourced after ../lib.sh and ../check/judge.sh.

# distro_boot FLAVOUR HEAP [long]: boot Debian's kernel of this flavour with the
# module as HEAP, beside the kernel's heap or, as "system", in its place; run what
# tests.list has for that, and count.
distro_boot() {
	local name=$1-$2 place=beside append=${GUEST_APPEND:-}
	local tests=$OUT/test/$1-$2.tests
	# shellcheck disable=SC2034 # for judge
	local skips=$HARNESS/distro/skips.list
	if ! "$HARNESS/distro/kernel.sh" "$1" "$2" >/dev/null; then
		fail "$name: there is nothing to boot"
		return
	fi
	if [ "$2" = system ]; then
		place=instead
		append="$append initcall_blacklist=system_heap_create"
	elif [ "$1" != cloud ]; then
		append="$append numa=fake=2"
	fi
	mkdir -p "$OUT/test"
	{
		sed 's,.*,modprobe-& exit 30 insmod /bin/&,' "$OUT/$name/modules"
		expand_list "$HARNESS/distro/tests.list" |
			awk -v heap="$2" -v when=" every $place ${3:-} " 'index(when, " " $1 " ") { $1 = ""; sub(/HEAP$/, heap); print }'
	} | sed "s/^ */$name /" >"$tests"
	GUEST_CPUS=2 GUEST_MEM=2048 GUEST_APPEND=$append boot "$name" "$name"
}
