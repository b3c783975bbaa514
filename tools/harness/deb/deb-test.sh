#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# deb-test.sh: test the packages of make deb in a clean Debian trixie root: lintian,
# autopkgtest for stable's kernel and the newest, upgrade, remove, purge, and what is
# left; with ARCH=arm64, which is emulated, no more than autopkgtest for stable's.
# The root is made once, of the machine's mirror, and copied for each test.
# Prints KTAP lines and takes some minutes; needs root.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/kernel/apt.sh"

name=system-heap-pooled
package=$name-dkms
work=$CACHE/debian/test.$$
root=$work/root
log=$OUT/deb-test.log

[ "$(id -u)" = 0 ] || die "only root can make a Debian root"
names="stable cloud"
# The images that headers of 6.12 depend on want an initramfs; this one is quick.
packages=dkms,man-db,openssl,tiny-initramfs
if [ -z "$cross" ]; then
	packages+=,lintian,systemd,udev
else
	names=stable-arm64	# compiling takes minutes in emulation
fi
for kernel in $names; do
	dir=$("$HARNESS/distro/fetch-debian.sh" "$kernel")
	packages+=,linux-headers-$(cat "$dir/release")
done
base=$CACHE/debian/trixie-$deb_arch-$(sha256sum <<<"$packages" | cut -c1-12)

"$HARNESS/kernel/deps.sh" root
lock 7 debian
# The package of the emulator leaves this to systemd, which may not run here.
formats=/proc/sys/fs/binfmt_misc
if [ -n "$cross" ] && [ ! -e $formats/qemu-aarch64 ]; then
	[ -e $formats/register ] || mount -t binfmt_misc none $formats 2>/dev/null || true
	{ cat /usr/lib/binfmt.d/qemu-aarch64.conf >$formats/register; } 2>/dev/null ||
		die "this machine cannot run programs for arm64: binfmt_misc has no qemu-aarch64"
fi
# A root that is there is complete.
if [ ! -d "$base" ]; then
	need_space 3000 "a Debian root"
	apt_setup main trixie trixie-backports || die "no Debian root is in the cache"
	say "making a Debian trixie root for $deb_arch (some minutes)"
	rm -rf --one-file-system "$base.tmp"
	mkdir -p "$CACHE/debian"
	# In a namespace, as nothing that it mounts may outlive it.
	unshare --mount --propagation private mmdebstrap --quiet --skip=check/qemu \
		--dpkgopt=force-unsafe-io --variant=apt "--architectures=$deb_arch" \
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
# step NAME COMMAND...: a test is whether that works.
step() {
	say "$1"
	result "$1" "$(complaint inside "${@:2}" | tail -n 20)"
}
# All files but what changes anyway, and the key that DKMS makes for itself.
files() {
	(cd "$root" && find . -path ./run -prune -o -path ./var/log -prune -o -path ./var/lib/dpkg -prune \
		-o -path ./var/cache -prune -o -path ./var/lib/apt -prune -o -path './var/lib/dkms/mok.*' -o -print | sort)
}
kernels() { (cd "$root/lib/modules" && printf '%s\n' * ); }

# installed VERSION: it, and nothing else, is there for each kernel, made for that one.
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
# Prints the file's name of the DKMS package; dma-heap is beside it.
made() { env -u ARCH "VERSION=$1" "$HARNESS/deb.sh" "$work/deb" 2>>"$log" | sed -n 's,.*/,,; /dkms/p'; }

run() {
	local one two said
	one=$(made 0.1)
	if [ -z "$cross" ]; then
		cp "$work/deb/"*.deb "$work"
		two=$(made 0.2)
		made 0.1 >/dev/null
		result "the same sources give the same packages" "$(for file in "$work"/*.deb; do
			cmp "$file" "$work/deb/${file##*/}" 2>&1 || true; done)"
		said=$(inside sh -c 'lintian --allow-root --tag-display-limit 0 /mnt/*.changes') || true
		[ -z "$said" ] || say "$said"
		result "lintian has no errors" "$(grep '^E:' <<<"$said" || true)"
	fi
	files >"$work/before"
	step "autopkgtest" env AUTOPKGTEST_ARTIFACTS=/mnt /usr/lib/dkms/dkms-autopkgtest "/mnt/$one"
	result "the module is there for $(kernels | xargs)" "$(installed 0.1)"
	result "nothing loads it" "$(grep -rls system_heap_pooled "$root/etc" || true)"
	if [ -z "$cross" ]; then
		step "dma-heap" sh -c 'dpkg -i /mnt/dma-heap_0.1_*.deb && dma-heap stat 1 2 3 2>&1 | grep usage: &&
			! MANWIDTH=80 man --warnings dma-heap 2>&1 >/dev/null | grep .'
		step "the service and the udev rule are right" sh -c '! { systemd-analyze verify dma-heap-fill.service;
			udevadm verify --no-summary /usr/share/doc/dma-heap/examples/60-dma-heap.rules; } 2>&1 | grep .'
		result "they are off" "$(find "$root/etc/systemd" -name 'dma-heap*'; find "$root/etc/udev" "$root/usr/lib/udev" -name '*dma-heap*'
			grep '^DMA_HEAP_FILL=..*[^"]' "$root/etc/default/dma-heap-fill" || true)"
		step "upgrade" dpkg -i "/mnt/$two"
		result "the module is there after the upgrade" "$(installed 0.2)"
		step "remove" dpkg -r "$package" dma-heap
		step "purge" dpkg -P "$package" dma-heap
		files >"$work/after"
		result "nothing is left" "$(diff "$work/before" "$work/after" || true)"
	fi
	result_end
}
run | tee "$OUT/deb-test.ktap"
! grep -q '^not ok' "$OUT/deb-test.ktap" || die "the package is not as it should be ($log)"
