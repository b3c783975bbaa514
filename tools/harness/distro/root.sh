#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# root.sh ROOT DIR COMMAND...: run the COMMAND in ROOT (from fetch.sh), with DIR
# as /mnt.  What is mounted for it is in a namespace of its own, and gone with it,
# however it ends.
set -euo pipefail

user=()
[ "$(id -u)" = 0 ] || user=(--user --map-root-user)
# shellcheck disable=SC2016 # for the shell inside
exec unshare "${user[@]}" --mount --propagation private sh -c '
	mount --rbind /proc "$1/proc" && mount --bind "$2" "$1/mnt" && root=$1 && shift 2 &&
	exec chroot "$root" /usr/bin/env -i PATH=/usr/bin LC_ALL=C DEB_BUILD_ARCH=amd64 "$@"' \
	sh "$@"
