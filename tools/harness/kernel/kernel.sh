#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# kernel.sh NAME...: make the kernels NAME (sections of kernels.config, such as debug) with
# this repository's files in them, and the programs that run in their guests.
# For each NAME, out/NAME/ then has its image and bin/; the path of the last
# image is printed.  android gets no bin/ here: distro/debian-kernel.sh makes it.
#
# Promises: one run at a time in the shared tree; what is in out/NAME/ belongs
# together and to this repository as it was when the run started.
. "$(dirname "$0")/../lib.sh"

"$HARNESS/kernel/deps.sh"
dir=$("$HARNESS/kernel/fetch.sh")
lock_tree "$dir"
"$HARNESS/kernel/graft.sh" "$dir"

for name in "$@"; do
	build=$(build_dir "$dir" "$name")
	[ -f "$build/vmlinux" ] || need_space 2500 "a kernel build"
	"$HARNESS/kernel/config.sh" "$dir" "$name"
	targets=$(basename "$image")
	! grep -qx CONFIG_MODULES=y "$build/.config" || targets="$targets modules"
	# shellcheck disable=SC2086 # a list of targets
	"$HARNESS/kernel/build.sh" "$build/build.log" "$name kernel" \
		-C "$dir/linux" O="$build" $targets
	put "$build/$image" "$OUT/$name/image"
	# The programs for android are those for Debian's kernels.
	[ "$name" = android ] || "$HARNESS/kernel/programs.sh" "$dir" "$name"
	put "$dir/version" "$OUT/$name/version"
done
echo "$OUT/$name/image"
