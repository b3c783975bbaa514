#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# root.sh: print the directory of a Debian trixie root with DKMS, lintian, and the
# headers of two kernels of trixie-backports that the module can be built for: of
# the newest, and of the newest before its series.  It is made in the cache if it is
# not there.  Nobody writes into it: copy it.
#
# Promises: packages come from the machine's own mirror, with apt's checks of
# signature and hash; a root that is there is complete.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/kernel/apt.sh"

suite=trixie
packages="dkms lintian man-db"
root=$CACHE/debian/$suite-$(sha256sum <<<"$packages" | cut -c1-12)

if [ -d "$root" ]; then
	echo "$root"
	exit 0
fi
[ "$(id -u)" = 0 ] || die "only root can make a Debian root"
"$HARNESS/kernel/deps.sh" deps-root.list
lock 7 debian
[ ! -d "$root" ] || exec "$0"
need_space 3000 "a Debian root"
if ! apt_setup main "$suite" "$suite-backports" || ! apt_update; then
	[ ! -s "${apt:-}/log" ] || tail -n 3 "$apt/log" >&2
	die "no Debian root: not in the cache, and the mirror did not answer"
fi
# 7.2 is the first one for which Debian exports dma_heap_add.
all=$(apt_private apt-cache pkgnames linux-headers- |
	grep -E '^linux-headers-(7\.[2-9]|7\.[1-9][0-9]|[89]\.).*-cloud-amd64$' | sort -V) ||
	die "$suite-backports has no kernel from 7.2 on"
newest=$(tail -n 1 <<<"$all")
before=$(grep -v "^${newest%"${newest#linux-headers-*.*.}"}" <<<"$all" | tail -n 1) ||
	die "$suite-backports has kernels of one series only"
log=$CACHE/debian/log
tmp=$root.tmp
rm -rf "$tmp"
mkdir -p "$tmp"
uri=$(awk '{ for (i = 2; i < NF; i++) if ($i ~ /:\/\//) { print $i; exit } }' "$apt/sources.list")
say "making a Debian $suite root (about two minutes)"
debootstrap --variant=minbase "$suite" "$tmp" "$uri" >"$log" 2>&1 || die "debootstrap failed ($log)"
sed 's/\[[^]]*\] //' "$apt/sources.list" >"$tmp/etc/apt/sources.list"
# No service starts in there.
printf '#!/bin/sh\nexit 101\n' >"$tmp/usr/sbin/policy-rc.d"
chmod +x "$tmp/usr/sbin/policy-rc.d"
say "installing $packages $before $newest"
# shellcheck disable=SC2086 # a list of package names
"$HARNESS/deb/chroot.sh" "$tmp" sh -c 'apt-get -q update && apt-get -qy --no-install-recommends install "$@" && apt-get clean' \
	sh $packages "$before" "$newest" >>"$log" 2>&1 || die "apt-get failed in the new root ($log)"
mv -T "$tmp" "$root"
echo "$root"
