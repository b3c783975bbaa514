#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# chroot.sh ROOT COMMAND...: run the COMMAND in ROOT with /proc, /sys and /dev, as
# dpkg's scripts want them.  What is mounted for it is in a namespace of its own, and
# gone with it, however it ends.
set -euo pipefail

# shellcheck disable=SC2016 # for the shell inside
exec unshare --mount --propagation private sh -c '
	mount --rbind /proc "$1/proc" && mount --rbind /dev "$1/dev" &&
	mount --rbind /sys "$1/sys" &&
	mount --bind /etc/resolv.conf "$1/etc/resolv.conf" && root=$1 && shift &&
	exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root \
		DEBIAN_FRONTEND=noninteractive ${http_proxy:+"http_proxy=$http_proxy"} "$@"' \
	sh "$@"
