#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# distclean.sh: remove the project's cache, and nothing else.
. "$(dirname "$0")/lib.sh"

[ -d "$CACHE" ] || exit 0
say "removing $CACHE"
rm -rf "$CACHE"
