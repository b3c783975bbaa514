#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# deb.sh [DIR]: build the DKMS package system-heap-pooled-dkms into DIR (default:
# out/deb) and print its path.  It has the module's sources and dma-heap-stat.
#   AUTHOR="Name <mail>"    its maintainer, by default that of the last commit
#   VERSION=1.2             by default the date of the last commit
#
# It is a tree packed by dpkg-deb: what debhelper and dh-dkms would add are the two
# maintainer scripts, ten lines, for a debian/ directory and packages to install.
#
# Promises: the same sources give the same package to the last byte.
. "$(dirname "$0")/lib.sh"
only_x86

may_be AUTHOR '"Name <mail>"' '[^<>]+ <[^<> ]+@[^<> ]+>'
may_be VERSION "a version of letters, digits and .+~" '[0-9][A-Za-z0-9.+~]*'
module=system-heap-pooled
package=$module-dkms
dir=${1:-$OUT/deb}

last_commit() { TZ=UTC git -C "$TOP" log -1 "$@" 2>/dev/null || die "no git history: AUTHOR= and VERSION= are needed"; }
"$HARNESS/kernel/deps.sh" deps-module.list
"$HARNESS/kernel/deps.sh" deps-program.list
lock_out
author=${AUTHOR:-$(last_commit --format='%an <%ae>')}
if [ -z "${VERSION:-}" ]; then
	VERSION=0.$(last_commit --format=%cd --date=format-local:%Y%m%d.%H%M%S)
	[ -z "$(git -C "$TOP" status --porcelain)" ] || VERSION=$VERSION+changed
fi
SOURCE_DATE_EPOCH=$(git -C "$TOP" log -1 --format=%ct 2>/dev/null || date +%s)
export SOURCE_DATE_EPOCH

root=$OUT/deb.root
src=$root/usr/src/$module-$VERSION
doc=$root/usr/share/doc/$package
rm -rf "$root" "$root.stat"
mkdir -p "$root/DEBIAN" "$doc" "$(dirname "$src")"

"$HARNESS/module/sources.sh" "$src"
cat >"$src/dkms.conf" <<EOF
PACKAGE_NAME="$module"
PACKAGE_VERSION="$VERSION"
BUILT_MODULE_NAME[0]="system_heap_pooled"
DEST_MODULE_LOCATION[0]="/updates/dkms"
AUTOINSTALL="yes"
# Debian's older kernels do not export dma_heap_add.
BUILD_EXCLUSIVE_KERNEL_MIN="7.2"
BUILD_EXCLUSIVE_CONFIG="CONFIG_DMABUF_HEAPS CONFIG_PAGE_POOL"
EOF

cp -r "$TOP/tools/dma-heap-stat" "$root.stat"
CFLAGS="-g -O2 -ffile-prefix-map=$root.stat=. -fstack-protector-strong -D_FORTIFY_SOURCE=2" \
	LDFLAGS="-Wl,-z,relro,-z,now" env -u MAKEFLAGS -u MAKELEVEL \
	make -s -C "$root.stat" clean install "DESTDIR=$root" PREFIX=/usr
strip --remove-section=.comment "$root/usr/sbin/dma-heap-stat"
gzip -9n "$root/usr/share/man/man8/dma-heap-stat.8"
libc=$(objdump -T "$root/usr/sbin/dma-heap-stat" | sed -n 's/.*(GLIBC_\([0-9.]*\)).*/\1/p' | sort -V | tail -n 1)

install -m 644 "$HARNESS/deb/README.Debian" "$doc"
install -D -m 644 "$HARNESS/deb/modules-load.conf" "$doc/examples/modules-load.d/$module.conf"
install -D -m 644 "$HARNESS/deb/modprobe.conf" "$doc/examples/modprobe.d/$module.conf"
{
	echo "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"
	echo
	echo "Files: *"
	echo "Copyright:"
	sed -n 's/^ \* Copyright (C) / /p' "$src"/*.[ch] | sort -u
	echo " the authors of the Linux kernel and of its pooled system heap"
	echo "License: GPL-2"
	echo " On Debian systems the text is in /usr/share/common-licenses/GPL-2.  Files"
	echo " that say \"GPL-2.0 OR MIT\" may be used under the MIT licence instead."
} >"$doc/copyright"
{
	echo "$module ($VERSION) unstable; urgency=medium"
	echo
	echo "  * Sources $(sources_id) of the driver."
	echo
	echo " -- $author  $(date -u -R -d "@$SOURCE_DATE_EPOCH")"
} | gzip -9n >"$doc/changelog.gz"

cat >"$root/DEBIAN/control" <<EOF
Package: $package
Version: $VERSION
Architecture: $(dpkg --print-architecture)
Maintainer: $author
Section: kernel
Priority: optional
Depends: dkms, libc6 (>= $libc)
Installed-Size: $(du -sk --apparent-size "$root" | cut -f1)
Description: DMA-BUF system heap that keeps zeroed pages (DKMS)
 The heap hands out memory for graphics, cameras and video.  The kernel's own
 zeroes every page while the application waits; this one zeroes pages after they
 were freed, in the background, and keeps them for the next buffer.
 .
 The module is built for each kernel from 7.2 on, and not loaded.
 /usr/share/doc/$package/README.Debian says how to turn it on.
EOF
cat >"$root/DEBIAN/postinst" <<EOF
#!/bin/sh
set -e
if [ "\$1" = configure ]; then
	/usr/lib/dkms/common.postinst $module $VERSION /usr/share/$package "" "\$2"
fi
EOF
cat >"$root/DEBIAN/prerm" <<EOF
#!/bin/sh
set -e
case "\$1" in
remove | upgrade | deconfigure)
	if [ -n "\$(dkms status -m $module -v $VERSION)" ]; then
		dkms remove -m $module -v $VERSION --all
	fi
	;;
esac
EOF
chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm"
chmod -R go=rX "$root"
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)

mkdir -p "$dir"
deb=$dir/${package}_${VERSION}_$(dpkg --print-architecture).deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$deb.tmp" >/dev/null
mv "$deb.tmp" "$deb"
rm -rf "$root" "$root.stat"
echo "$deb"
