# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# What the scripts that make and check the series share; source it after lib.sh.

series=$HARNESS/series		# what belongs to which patch, and the messages

# All patches, or those of one SET; all sets.
series_names() { awk -v set="${1:-}" '!/^#/ && NF && (set == "" || $1 == set) && !seen[$2]++ { print $2 }' "$series/patches.list"; }
series_sets() { awk '!/^#/ && NF && !seen[$1]++ { print $1 }' "$series/patches.list"; }

# git without the user's settings, so that the same tree gives the same series.
git_plain() {
	env -u GIT_DIR -u GIT_WORK_TREE -u GIT_OBJECT_DIRECTORY GIT_CONFIG_NOSYSTEM=1 \
		GIT_CONFIG_GLOBAL=/dev/null TZ=UTC git -c core.autocrlf=false \
		-c core.safecrlf=false -c gc.auto=0 -c advice.detachedHead=false "$@"
}
