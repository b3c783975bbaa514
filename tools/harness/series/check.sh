#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh: check the series for the kernel that KERNEL chooses, patch by patch.  Of its
# tests only KUnit runs (step files).  Prints a KTAP line for each step, after what a failed step found,
# and "N passed, N failed" at the end.  Exits with 0 only if nothing failed.
# STEPS="checkpatch build..." runs only some of these:
#
#   checkpatch  checkpatch.pl --strict of each patch and cover letter
#   build       each patch builds, with W=1, without a warning and without a function
#               that uses more than 512 bytes of stack, in the configurations of
#               series/configs.list: built in, as modules, without a network, for
#               32 bits with highmem, and for ARC.  y and m are linked with each
#               patch, i386 and nonet with the last one
#   files       check/host.sh: the series applies; checkpatch, kernel-doc and sparse of
#               the files; kunit.py; shellcheck
#   cocci       the kernel's semantic patches
#   docs        check/docs.sh
#
# Promises: one run at a time works in its own tree and build directories in the cache.
# What an earlier run left there only saves time.
. "$(dirname "$0")/../lib.sh"
only_x86

all_steps="checkpatch build files cocci docs"
steps=${STEPS:-$all_steps}
configs="y m nonet i386 arc"
# A misspelt step would check nothing, and pass.
for step in $steps; do
	case " $all_steps " in *" $step "*) ;; *) die "STEPS=$step: must be some of $all_steps" ;; esac
done
unset STEPS AUTHOR SIGNOFF TRAILERS
heaps=drivers/dma-buf/heaps
# The sender signs the series off (make patches AUTHOR=... SIGNOFF=1).  The patch docs
# adds the entry in MAINTAINERS.
ignored=MISSING_SIGN_OFF,FILE_PATH_CHANGES

lock_out
"$HARNESS/kernel/deps.sh" build,check
dir=$("$HARNESS/kernel/fetch.sh")
KERNEL=$(cut -d. -f1,2 "$dir/version")
export KERNEL
own=$CACHE/check/$(basename "$dir")
repo=$own/linux
builds=$own/build
lock 5 "check-$(basename "$dir")"
work=$OUT/check
rm -rf "$work"
"$HARNESS/series/cut.sh" "$work"

# The tree becomes a repository of the files that the series touches.
own_tree "$dir" "$own"
mkdir -p "$builds"
[ -d "$repo/.git" ] || (
	cd "$repo"
	xargs rm -f <../grafted
	cp -a --remove-destination ../orig/. .
	git_plain init -q
)
# A run that was killed may have left this.
rm -f "$repo/.git/index.lock"
git_plain -C "$repo" fetch -q --force "$work/base" 'refs/heads/*:refs/heads/*'
checkout() { git_plain -C "$repo" checkout -q --force --detach "$1"; }
checkout pristine
# 6.12 cannot have the heap as a module.
[ "$(awk '/^config DMABUF_HEAPS_SYSTEM$/ { getline; print $1 }' "$repo/$heaps/Kconfig")" != bool ] ||
	configs=${configs/ m / }
tip=$(git_plain -C "$repo" rev-parse "$(series_sets | tail -n 1)")
checkout "$tip"

passed=0 failed=0
# step STEP NAME COMMAND...: it passes if the COMMAND succeeds and prints nothing.  What it
# says on stderr is shown if it fails.
step() {
	local said
	[[ " $steps " = *" $1 "* ]] || return 0
	said=$("${@:3}" 2>"$work/said") || said+=$(echo; tail -n 20 "$work/said"; echo "it failed")
	if [ -z "$said" ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
	result "$2" "$said"
}

# checkpatch runs spdxcheck.py, which needs Debian's python3 and the kernel's LICENSES.  If
# that fails, checkpatch takes every licence for valid.
checkpatch() (
	cd "$repo" && PATH=/usr/bin:$PATH
	echo "SPDX-License-Identifier: none" | scripts/spdxcheck.py - | grep -q Invalid ||
		echo "spdxcheck.py does not find a wrong licence"
	perl scripts/checkpatch.pl -q --strict --terse --no-summary --show-types --ignore $ignored "$@"
)
# checkpatch would complain about long lines in the list of new files.
sed -i '/^ create mode /d' "$work"/*/0000-*.patch
step checkpatch "checkpatch.pl --strict of each patch and cover letter" checkpatch "$work"/*/*.patch

# kmake CONFIG ARGUMENT...: make for that configuration.  Functions of other files may
# exceed FRAME_WARN in spite of WERROR; make_and_look() finds those of ours.
kmake() {
	local config=$1 arch=x86_64
	shift
	case $config in
	i386) arch=i386 ;;
	arc) arch=arc && set -- CROSS_COMPILE=arc-linux-gnu- "CC=ccache arc-linux-gnu-gcc" "$@" ;;
	esac
	"${KERNEL_MAKE[@]}" -C "$repo" O="$builds/$config" ARCH=$arch \
		KCFLAGS=-Wno-error=frame-larger-than= "$@" </dev/null
}

# configure CONFIG: set the symbols of series/configs.list that the tree has.
configure() {
	local b=$builds/$1
	mkdir -p "$b"
	sections "$series/configs.list" "$1" >"$b/wanted"
	cat "$b/wanted" "$repo/$heaps/Kconfig" | cmp -s - "$b/configured" && return
	rm -f "$b/configured"
	kmake "$1" KCONFIG_ALLCONFIG="$b/wanted" allnoconfig >"$b/log" 2>&1 ||
		{ tail -n 5 "$b/log"; return; }
	# Without this file the next run configures, and complains, again.
	grep -A 20 "unmet direct dependencies" "$b/log" ||
		cat "$b/wanted" "$repo/$heaps/Kconfig" >"$b/configured"
}

# make_and_look CONFIG ARGUMENT...: build; print warnings in our files and all errors.
make_and_look() {
	local log=$builds/$1/log code=0
	kmake "$@" >"$log" 2>&1 || code=$?
	grep -E '(warning|error):|\*\*\* |undefined|ERROR|WARNING' "$log" | sed "s,$repo/,,; s,^\(\.\./\)*,," |
		grep -E "$heaps/|include/trace/events/dma_heap.h|error:|undefined|ERROR: modpost" | sort -u ||
		[ "$code" = 0 ] || tail -n 5 "$log"
}

# lost CONFIG: symbols that were asked for but are not set, so their code was not built, and
# symbols that are set although their dependencies are not.  A symbol's last line counts.
lost() {
	local unmet='no symbol'
	case $1 in
	nonet) unmet='_(POOL|KUNIT_TEST)=' ;;
	i386) unmet='_KUNIT_TEST=' ;;
	esac
	grep -E "^CONFIG_DMABUF_HEAPS($unmet)" "$builds/$1/.config" || true
	tac "$builds/$1/wanted" | sort -t = -k 1,1 -s -u | grep -Ev "HEAPS($unmet)" |
		grep -E '^CONFIG_(DMABUF_HEAPS.*|BPF_EVENTS|WERROR)=[ym]$' |
		grep -vxFf "$builds/$1/.config" | sed 's/$/ is not set/' || true
}

# What is wrong with each patch in each configuration.
build_each() {
	local commit config
	# make would not compile, nor warn about, an object that is up to date.
	find "$builds"/*/"$heaps" -name '*.o' -delete 2>/dev/null || true
	for commit in $(git_plain -C "$repo" rev-list --reverse "pristine..$tip"); do
		checkout "$commit" || echo "$commit was not checked out"
		for config in $configs; do
			{
				configure "$config"
				make_and_look "$config" W=1 "$heaps/"
				[ "$commit" != "$tip" ] || lost "$config"
				# Link without W=1, which would rebuild the whole kernel.
				case $config-$commit in
				y-* | m-* | i386-"$tip" | nonet-"$tip") make_and_look "$config" vmlinux modules ;;
				esac
			} | sed "s/^/$(git_plain -C "$repo" log -1 --format=%s), $config: /"
		done
	done
}
step build "each patch builds: $configs" build_each
checkout "$tip"

# ktap COMMAND...: the findings of a script that prints KTAP lines.
ktap() {
	"$@" >"$work/ktap" || return
	grep -v '^ok \|^1\.\.' "$work/ktap" || grep -q '^1\.\.[1-9]' "$work/ktap"
}
step files "checkpatch, kernel-doc, W=1 and sparse of the files (check/host.sh)" ktap "$HARNESS/check/host.sh" "$dir"

# Like make coccicheck, for one directory.  badzero takes too long, and check_bq27xxx_data is
# for one other driver.
cocci() {
	local script
	cd "$repo"
	grep -rl '^virtual report' scripts/coccinelle | grep -v '/badzero\|/check_bq27xxx_data' | sort |
	while read -r script; do
		nice env srctree=. srcroot=$heaps KBUILD_EXTMOD=$heaps LINUXINCLUDE=-Iinclude MODE=report DEBUG_FILE=/dev/null \
			SPFLAGS="--use-coccigrep --timeout 120" COCCI="$script" scripts/coccicheck 2>&1 </dev/null ||
			echo "$heaps/: $script could not be run"
	done >"$work/cocci"
	! grep "^$heaps/" "$work/cocci" | grep -v cma_heap.c
}
step cocci "coccicheck" cocci

step docs "the documentation (check/docs.sh)" ktap "$HARNESS/check/docs.sh" "$dir"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
