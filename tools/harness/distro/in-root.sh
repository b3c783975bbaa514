#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# in-root.sh ROOT DIR COMMAND...: run the COMMAND in ROOT (of fetch-debian.sh or of
# deb-test.sh), with DIR as /mnt, and /proc, /sys and /dev.  The mounts are in a namespace
# of their own and end with it.
set -euo pipefail

user=()
[ "$(id -u)" = 0 ] || user=(--user --map-root-user)
# shellcheck disable=SC2016 # for the shell inside
exec unshare "${user[@]}" --mount --propagation private sh -c '
	for dir in proc sys dev; do mount --rbind "/$dir" "$1/$dir" || exit; done
	mount --bind "$2" "$1/mnt" && root=$1 && shift 2 &&
	exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root \
		DEBIAN_FRONTEND=noninteractive "$@"' \
	sh "$@"
