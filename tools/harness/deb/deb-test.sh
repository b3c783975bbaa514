#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# deb-test.sh: test the packages of make deb in a clean Debian trixie root.  It runs lintian
# and autopkgtest (stable's kernel and the newest), upgrades, removes and purges, and looks
# for files left behind.  The root is made once, from the machine's mirror, and copied for
# each run.  Prints KTAP lines and takes some minutes; needs root.
. "$(dirname "$0")/../lib.sh"
only_x86
. "$HARNESS/kernel/apt.sh"

name=system-heap-pooled
package=$name-dkms
work=$CACHE/debian/test.$$
root=$work/root
log=$OUT/deb-test.log

[ "$(id -u)" = 0 ] || die "only root can make a Debian root"
# The headers of 6.12 depend on a kernel image, which wants an initramfs; tiny-initramfs is quick.
packages=dkms,man-db,openssl,tiny-initramfs,lintian,systemd,udev
for kernel in stable cloud; do
	dir=$("$HARNESS/distro/fetch-debian.sh" "$kernel")
	packages+=,linux-headers-$(cat "$dir/release")
done
base=$CACHE/debian/trixie-amd64-$(sha256sum <<<"$packages" | cut -c1-12)

"$HARNESS/kernel/deps.sh" root
lock 7 debian
# If $base exists, it is complete.
if [ ! -d "$base" ]; then
	need_space 3000 "a Debian root"
	apt_setup main trixie trixie-backports || die "no Debian root is in the cache"
	say "making a Debian trixie root (some minutes)"
	rm -rf --one-file-system "$base.tmp"
	mkdir -p "$CACHE/debian"
	# mmdebstrap runs in a namespace, so that its mounts end with it.
	unshare --mount --propagation private mmdebstrap --quiet \
		--dpkgopt=force-unsafe-io --variant=apt --architectures=amd64 \
		"--include=$packages" trixie "$base.tmp" "$apt/sources.list" >"$CACHE/debian/log" 2>&1 ||
		{ tail -n 3 "$CACHE/debian/log" >&2; die "mmdebstrap failed ($CACHE/debian/log)"; }
	# No service starts in there.
	printf '#!/bin/sh\nexit 101\n' >"$base.tmp/usr/sbin/policy-rc.d"
	chmod +x "$base.tmp/usr/sbin/policy-rc.d"
	mv -T "$base.tmp" "$base"
fi
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/deb" "$OUT"
: >"$log"
say "copying the root"
cp -a --reflink=auto "$base" "$root"

inside() {
	printf '+ %s\n' "$*" >>"$log"
	"$HARNESS/distro/in-root.sh" "$root" "$work/deb" "$@" 2>&1 | tee -a "$log"
}
# step NAME COMMAND...: a test that passes if the COMMAND succeeds.
step() {
	say "$1"
	result "$1" "$(complaint inside "${@:2}" | tail -n 20)"
}
# Lists all files except those that change anyway and the key that DKMS makes.
files() {
	(cd "$root" && find . -path ./run -prune -o -path ./var/log -prune -o -path ./var/lib/dpkg -prune \
		-o -path ./var/cache -prune -o -path ./var/lib/apt -prune -o -path './var/lib/dkms/mok.*' -o -print | sort)
}
kernels() { (cd "$root/lib/modules" && printf '%s\n' * ); }

# installed VERSION: check that each kernel has the module of VERSION, built for it, and no other.
installed() {
	local kernel said module vermagic
	said=$(inside dkms status)
	[ "$(wc -l <<<"$said")" = "$(kernels | wc -l)" ] || echo "dkms status: $said"
	kernels | while read -r kernel; do
		grep -qE "^$name/$1, ${kernel//+/\\+}, [a-z0-9_]*: installed" <<<"$said" || echo "not installed for $kernel: $said"
		module=$(cd "$root" && find "lib/modules/$kernel/updates" -name 'system_heap_pooled.ko*')
		vermagic=$(inside modinfo -F vermagic "/${module:-none}")
		[ "${vermagic%% *}" = "$kernel" ] || echo "$kernel: ${module:-no module}, $vermagic"
	done
	! grep -rE 'warning:|WARNING:' "$root/var/lib/dkms/$name/$1" || true
}
# Prints the file name of the DKMS package; dma-heap is beside it.
made() { VERSION=$1 "$HARNESS/deb.sh" "$work/deb" 2>>"$log" | sed -n 's,.*/,,; /dkms/p'; }

run() {
	local one two said
	one=$(made 0.1)
	cp "$work/deb/"*.deb "$work"
	two=$(made 0.2)
	made 0.1 >/dev/null
	result "the same sources give the same packages" "$(for file in "$work"/*.deb; do
		cmp "$file" "$work/deb/${file##*/}" 2>&1 || true; done)"
	said=$(inside sh -c 'lintian --allow-root --tag-display-limit 0 /mnt/*.changes') || true
	[ -z "$said" ] || say "$said"
	result "lintian has no errors" "$(grep '^E:' <<<"$said" || true)"
	files >"$work/before"
	step "autopkgtest" env AUTOPKGTEST_ARTIFACTS=/mnt /usr/lib/dkms/dkms-autopkgtest "/mnt/$one"
	result "the module is there for $(kernels | xargs)" "$(installed 0.1)"
	result "nothing loads the module" "$(grep -rls system_heap_pooled "$root/etc" || true)"
	step "dma-heap" sh -c 'dpkg -i /mnt/dma-heap_0.1_*.deb && dma-heap stat 1 2 3 2>&1 | grep usage: &&
		! MANWIDTH=80 man --warnings dma-heap 2>&1 >/dev/null | grep .'
	step "the service and the udev rule are right" sh -c '! { systemd-analyze verify dma-heap-fill.service;
		udevadm verify --no-summary /usr/share/doc/dma-heap/examples/60-dma-heap.rules; } 2>&1 | grep .'
	result "the service and the udev rule are off" "$(find "$root/etc/systemd" -name 'dma-heap*'; find "$root/etc/udev" "$root/usr/lib/udev" -name '*dma-heap*'
		grep '^DMA_HEAP_FILL=..*[^"]' "$root/etc/default/dma-heap-fill" || true)"
	step "upgrade" dpkg -i "/mnt/$two"
	result "the module is there after the upgrade" "$(installed 0.2)"
	step "remove" dpkg -r "$package" dma-heap
	step "purge" dpkg -P "$package" dma-heap
	files >"$work/after"
	result "nothing is left" "$(diff "$work/before" "$work/after" || true)"
	result_end
}
run | tee "$OUT/deb-test.ktap"
! grep -q '^not ok' "$OUT/deb-test.ktap" || die "the package is not as it should be ($log)"
