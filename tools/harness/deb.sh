#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# deb.sh [DIR]: build two Debian packages and their source package in DIR (default: out/deb),
# and print the paths of the two.  system-heap-pooled-dkms has the module's sources and is for
# every architecture; dma-heap is for this machine's.  deb/debian/ describes them.
#   AUTHOR="Name <mail>"    their maintainer, by default the author of the last commit
#   VERSION=1.2             by default the date of the last commit
#
# Promises: the same commit gives the same packages to the last byte.
. "$(dirname "$0")/lib.sh"
only_x86

may_be AUTHOR '"Name <mail>"' '[^<>]+ <[^<> ]+@[^<> ]+>'
may_be VERSION "a version of letters, digits and .+~" '[0-9][A-Za-z0-9.+~]*'
last_commit() { TZ=UTC git -C "$TOP" log -1 "$@" 2>/dev/null || die "no git history: AUTHOR= and VERSION= are needed"; }
"$HARNESS/kernel/deps.sh" deb
lock_out
author=${AUTHOR:-$(last_commit --format='%an <%ae>')}
if [ -z "${VERSION:-}" ]; then
	VERSION=0.$(last_commit --format=%cd --date=format-local:%Y%m%d.%H%M%S)
	[ -z "$(git -C "$TOP" status --porcelain)" ] || VERSION=$VERSION+changed
fi
export VERSION
dir=${1:-$OUT/deb}
source=$OUT/deb.build/system-heap-pooled-$VERSION
log=$OUT/deb.log

rm -rf "$OUT/deb.build"
mkdir -p "$source" "$dir"
"$HARNESS/module/sources.sh" "$source/module"
cp -r "$TOP/tools/dma-heap" "$HARNESS/deb/debian" "$source"
sed -i "s/@AUTHOR@/$author/" "$source/debian/control"
cat >"$source/debian/changelog" <<EOF
system-heap-pooled ($VERSION) unstable; urgency=medium

  * Sources $(sources_id) of the driver.

 -- $author  $(git -C "$TOP" log -1 --format=%cD 2>/dev/null || date -R)
EOF
{
	echo "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"
	echo
	echo "Files: *"
	echo "Copyright:"
	sed -n 's/^ \* Copyright (C) / /p' "$source/module"/*.[ch] | sort -u
	echo " the authors of the Linux kernel and of its pooled system heap"
	echo "License: GPL-2"
	echo " On Debian systems the text is in /usr/share/common-licenses/GPL-2.  Files"
	echo " that say \"GPL-2.0 OR MIT\" may be used under the MIT licence instead."
} >"$source/debian/copyright"
(cd "$source" && env -u MAKEFLAGS -u MAKELEVEL -u ARCH -u KERNEL \
	DEB_BUILD_OPTIONS=noautodbgsym dpkg-buildpackage -d -us -uc) >"$log" 2>&1 ||
	{ tail -n 20 "$log" >&2; die "the packages were not built ($log)"; }
rm -r "$source"
mv "$OUT/deb.build"/* "$dir"
rmdir "$OUT/deb.build"
ls "$dir/system-heap-pooled-dkms_${VERSION}_all.deb" "$dir/dma-heap_${VERSION}_"*.deb
