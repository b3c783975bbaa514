#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# variables.sh: whether each variable that make help names is checked before
# anything is done: a bad value ends the verb, and one line says so.  Says nothing
# when all is well.
. "$(dirname "$0")/../lib.sh"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/variables.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

# verb|bad variable|what else it takes
cat >"$tmp/bad" <<'EOF'
run|JOBS=x
test|JOBS=0
test|JOBS=4 4
bench|JOBS=1000
run|V=yes
test|KERNEL=7x3
run|KERNEL=7x3
test|KERNEL=stable
shell|KERNEL=6
run|ARCH=arm
check|ARCH=arm64
test|BOOTS=no-such-guest
matrix|ONLY=no-such-part
bench|ACCEL=fast
test|BOOTS=16k
matrix|KERNEL=6.12
bench-compare|ACCEL=wall|REF=HEAD
bench-compare|REF=no-such-revision
module|KDIR=/no/such/kernel
soak|MINUTES=ten
soak|MINUTES=0
soak|MINUTES=-1
soak|SOAK_KERNEL=locks
distro|ONLY=arm
mutants|ONLY=no-such-mutant
bench-native|ROWS=no-such-row
bench-native|SIZES=many
kcsan|ONLY=no-such-program
patches|AUTHOR=somebody
deb|AUTHOR=somebody
deb|VERSION=1_2
patches|SIGNOFF=0|AUTHOR=A B <a@b>
patches|TRAILERS=reviewed
check|STEPS=aply
EOF

run_make() {
	env -u MAKEFLAGS -u MAKELEVEL -u JOBS -u V -u KERNEL -u ARCH -u BOOTS timeout 10 \
		make -s -C "$TOP" "$@" </dev/null
}

{
	run_make help | grep -oE '\<[A-Z_]+=' | sort -u >"$tmp/named"
	cut -d'|' -f2- "$tmp/bad" | grep -oE '\<[A-Z_]+=' | sort -u |
		comm -13 - "$tmp/named" | sed 's/$/ is in make help, but not tried/'
	while IFS='|' read -ra words; do
		! run_make "${words[@]}" >"$tmp/said" 2>&1 || echo "make ${words[*]} succeeds"
		grep -v '^make: ' "$tmp/said" >"$tmp/lines" || true
		if [ "$(wc -l <"$tmp/lines")" != 1 ] ||
			! grep '^error: ' "$tmp/lines" | grep -qF -- "${words[1]#*=}"; then
			echo "make ${words[*]} says: $(head -n 1 "$tmp/lines")"
		fi
	done <"$tmp/bad"
} >"$tmp/found"
cat "$tmp/found"
[ ! -s "$tmp/found" ]
