#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# debian-root.sh NAME...: print the directory of a Debian trixie root with DKMS and the
# headers of the kernels NAME (distro/kernels.list, all of this ARCH).  The root of another
# architecture is emulated.  If it is not in the cache, it is made.  Copy it, do not write
# into it.
#
# Promises: packages come from the machine's own mirror, with apt's checks of
# signature and hash; a root that is there is complete.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/kernel/apt.sh"

[ "$(id -u)" = 0 ] || die "only root can make a Debian root"
# The images that headers of 6.12 depend on want an initramfs; this one is quick.
packages=dkms,man-db,openssl,tiny-initramfs
[ -n "$cross" ] || packages+=,lintian,systemd,udev
for name in "$@"; do
	dir=$("$HARNESS/distro/fetch-debian.sh" "$name")
	packages+=,linux-headers-$(cat "$dir/release")
done
root=$CACHE/debian/trixie-$deb_arch-$(sha256sum <<<"$packages" | cut -c1-12)
log=$CACHE/debian/log

"$HARNESS/kernel/deps.sh" root
lock 7 debian
# The package of the emulator leaves this to systemd, which may not run here.
formats=/proc/sys/fs/binfmt_misc
if [ -n "$cross" ] && [ ! -e $formats/qemu-aarch64 ]; then
	[ -e $formats/register ] || mount -t binfmt_misc none $formats 2>/dev/null || true
	{ cat /usr/lib/binfmt.d/qemu-aarch64.conf >$formats/register; } 2>/dev/null ||
		die "this machine cannot run programs for arm64: binfmt_misc has no qemu-aarch64"
fi
if [ ! -d "$root" ]; then
	need_space 3000 "a Debian root"
	apt_setup main trixie trixie-backports || die "no Debian root is in the cache"
	say "making a Debian trixie root for $deb_arch (some minutes)"
	rm -rf --one-file-system "$root.tmp"
	mkdir -p "$CACHE/debian"
	# In a namespace, as nothing that it mounts may outlive it.
	unshare --mount --propagation private mmdebstrap --quiet --skip=check/qemu --dpkgopt=force-unsafe-io --variant=apt "--architectures=$deb_arch" "--include=$packages" \
		trixie "$root.tmp" "$apt/sources.list" >"$log" 2>&1 || { tail -n 3 "$log" >&2; die "mmdebstrap failed ($log)"; }
	# No service starts in there.
	printf '#!/bin/sh\nexit 101\n' >"$root.tmp/usr/sbin/policy-rc.d"
	chmod +x "$root.tmp/usr/sbin/policy-rc.d"
	mv -T "$root.tmp" "$root"
fi
echo "$root"
