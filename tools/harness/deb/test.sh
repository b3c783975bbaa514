#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# test.sh: make deb's package in a clean Debian trixie root: lintian, install, the
# module for two kernels, upgrade, remove, purge, and what is left.  Prints KTAP
# lines and takes some minutes; needs root.
. "$(dirname "$0")/../lib.sh"

name=system-heap-pooled
package=$name-dkms
work=$CACHE/debian/test.$$
root=$work/root
log=$OUT/deb-test.log

base=$("$HARNESS/deb/root.sh")
lock 7 debian
trap 'rm -rf "$work"' EXIT
mkdir -p "$work" "$OUT"
: >"$log"
say "copying the root"
cp -a --reflink=auto "$base" "$root"

inside() {
	printf '+ %s\n' "$*" >>"$log"
	"$HARNESS/deb/chroot.sh" "$root" "$@" 2>&1 | tee -a "$log"
}
# step NAME COMMAND...: a test is whether that works.
step() {
	say "$1"
	result "$1" "$(complaint inside "${@:2}" | tail -n 20)"
}
# All files but what changes anyway, and the key that DKMS makes for itself.
files() {
	(cd "$root" && find . -path ./var/log -prune -o -path ./var/lib/dpkg -prune \
		-o -path ./var/cache -prune -o -path './var/lib/dkms/mok.*' -o -print | sort)
}
kernels() { (cd "$root/lib/modules" && echo ./*/build | tr ' ' '\n' | cut -d/ -f2); }

# installed VERSION: it, and nothing else, is there for each kernel, made for that one.
installed() {
	local kernel said module vermagic
	said=$(inside dkms status)
	[ "$(wc -l <<<"$said")" = "$(kernels | wc -l)" ] || echo "dkms status: $said"
	kernels | while read -r kernel; do
		grep -qF "$name/$1, $kernel, x86_64: installed" <<<"$said" || echo "not installed for $kernel: $said"
		module=$(cd "$root" && find "lib/modules/$kernel/updates" -name 'system_heap_pooled.ko*')
		vermagic=$(inside modinfo -F vermagic "/${module:-none}")
		[ "${vermagic%% *}" = "$kernel" ] || echo "$kernel: ${module:-no module}, $vermagic"
	done
	! grep -rE 'warning:|WARNING:' "$root/var/lib/dkms/$name/$1" || true
}
made() { VERSION=$1 "$HARNESS/deb.sh" "$root/tmp/deb" 2>>"$log"; }

run() {
	local one two said
	one=$(basename "$(made 0.1)")
	cp "$root/tmp/deb/$one" "$work/first"
	two=$(basename "$(made 0.2)")
	made 0.1 >/dev/null
	result "the same sources give the same package" "$(cmp "$work/first" "$root/tmp/deb/$one" 2>&1)"
	files >"$work/before"
	said=$(inside lintian --allow-root --tag-display-limit 0 "/tmp/deb/$one") || true
	[ -z "$said" ] || say "$said"
	result "lintian has no errors" "$(grep '^E:' <<<"$said" || true)"

	step "install" dpkg -i "/tmp/deb/$one"
	result "the module is there for $(kernels | tr '\n' ' ')" "$(installed 0.1)"
	result "nothing loads it" "$(grep -rls system_heap_pooled "$root/etc" || true)"
	result "dma-heap-stat and its page" "$(inside dma-heap-stat 1 2 3 | grep -v usage: || true
		inside sh -c 'MANWIDTH=80 man --warnings dma-heap-stat 2>&1 >/dev/null')"
	step "upgrade" dpkg -i "/tmp/deb/$two"
	result "the module is there after the upgrade" "$(installed 0.2)"
	step "remove" dpkg -r "$package"
	step "purge" dpkg -P "$package"
	files >"$work/after"
	result "nothing is left" "$(diff "$work/before" "$work/after" || true)"
	result_end
}
run | tee "$OUT/deb-test.ktap"
! grep -q '^not ok' "$OUT/deb-test.ktap" || die "the package is not as it should be ($log)"
