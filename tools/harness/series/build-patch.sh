#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# build-patch.sh WHAT KERNEL REPO BUILDS: build REPO's working tree in directories of BUILDS and
# print what is wrong.  Exits with 0 if nothing is.  WHAT is
#   patch    our objects in each of $CONFIGS, and what check.sh says is linked
#   kconfig  see series/check.sh
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/series/git.sh"

what=$1
kernel=$2
repo=$3
builds=$4
wanted=${CONFIGS:-}
unset CONFIGS GIT_DIR GIT_WORK_TREE	# the kernel's makefiles must not see them
heaps=drivers/dma-buf/heaps

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

# debian_symbols: the symbols of Debian's configuration for dma-buf, memory management,
# the network's core and tracing.
debian_symbols() {
	local deb
	deb=$(KERNEL=$kernel "$HARNESS/kernel/fetch.sh" config) || return 1
	dpkg-deb --fsys-tarfile "$deb" | tar -xO --wildcards '*/config.amd64_none_amd64.xz' | xz -dc |
		(cd "$repo" && awk '
			FILENAME != "-" { if ($1 ~ /^(menu)?config$/) ours["CONFIG_" $2] = 1; next }
			{ symbol = $0; sub(/=.*/, "", symbol) }
			symbol in ours' mm/Kconfig* net/Kconfig kernel/{bpf,module,trace}/Kconfig \
			lib/Kconfig.debug drivers/dma-buf/Kconfig "$heaps/Kconfig" -)
}

# configure CONFIG: set the symbols of series/configs.list that the tree has.
configure() {
	local b=$builds/$1
	mkdir -p "$b"
	: >"$b/wanted.new"
	[ "$1" != debian ] || debian_symbols >"$b/wanted.new" || { echo "no configuration of Debian"; return; }
	sections "$series/configs.list" "$1" >>"$b/wanted.new"
	cmp -s "$b/wanted.new" "$b/wanted" && cmp -s "$repo/$heaps/Kconfig" "$b/kconfig" && return
	rm -f "$b/kconfig"
	kmake "$1" KCONFIG_ALLCONFIG="$b/wanted.new" allnoconfig >"$b/log" 2>&1 ||
		{ tail -n 5 "$b/log"; return; }
	mv "$b/wanted.new" "$b/wanted"
	cp "$repo/$heaps/Kconfig" "$b/kconfig"
	grep -A 20 "unmet direct dependencies" "$b/log" || true
}

# make_and_look CONFIG ARGUMENT...: build; print warnings in our files and all errors.
make_and_look() {
	local log=$builds/$1/log code=0
	kmake "$@" >"$log" 2>&1 || code=$?
	grep -E '(warning|error):|\*\*\* |undefined|ERROR|WARNING' "$log" | sed "s,$repo/,,; s,^\(\.\./\)*,," |
		grep -E "$heaps/|include/trace/events/dma_heap.h|error:|undefined|ERROR: modpost" | sort -u ||
		[ "$code" = 0 ] || tail -n 5 "$log"
}

# lost CONFIG: symbols that were asked for and are not set, as their code was not built.
lost() {
	awk -F '[ =]' 'BEGIN { ours["CONFIG_BPF_EVENTS"] = ours["CONFIG_DEBUG_INFO_BTF"] = ours["CONFIG_WERROR"] = 1 }
		/^config / { ours["CONFIG_" $2] = 1 }
		$1 in ours { want[$1] = $0 }
		END { for (s in want) if (want[s] !~ /=n$/) print want[s] }' "$repo/$heaps/Kconfig" "$builds/$1/wanted" |
		grep -vxFf "$builds/$1/.config" | sed 's/$/ is not set/' || true
}

build_patch() {
	local config last=
	git_plain -C "$repo" diff --quiet HEAD "$(series_sets | tail -n 1)" && last=1
	for config in $wanted; do
		{
			configure "$config"
			make_and_look "$config" W=1 "$heaps/"
			[ -z "$last" ] || lost "$config"
			# Not with W=1, which would rebuild the whole kernel.
			[[ " y m ${last:+i386 nonet} " != *" $config "* ]] ||
				make_and_look "$config" vmlinux modules
		} | sed "s/^/$(git_plain -C "$repo" log -1 --format=%s), $config: /"
	done
}

# conf PATTERN ARGUMENT...: configure; print unmet dependencies of symbols like PATTERN.
conf() {
	local log=$builds/kconfig/log
	kmake kconfig "${@:2}" >"$log" 2>&1 || { echo "make ${*:2} failed:"; tail -n 3 "$log"; }
	grep -A 6 "unmet direct dependencies" "$log" | grep -A 6 -E "$1" || true
}

kconfig() {
	local seed all=$builds/kconfig/all
	mkdir -p "$builds/kconfig"
	for seed in 1 2 3 4 5 6; do
		# Every other one has all of our symbols set.
		printf 'CONFIG_%s=y\n' DMABUF_HEAPS >"$all"
		[ $((seed % 2)) = 0 ] || printf 'CONFIG_%s=y\n' NET KUNIT DMABUF_HEAPS_SYSTEM \
			DMABUF_HEAPS_POOL DMABUF_HEAPS_KUNIT_TEST >>"$all"
		conf 'DMABUF|PAGE_POOL' KCONFIG_SEED=$seed KCONFIG_ALLCONFIG="$all" randconfig
	done
	conf . allmodconfig
	# The tests are part of the heap, which cannot be built in if KUnit is a module.
	printf 'CONFIG_%s\n' MODULES=y NET=y KUNIT=m SYNC_FILE=y DMABUF_HEAPS=y DMABUF_HEAPS_SYSTEM=y \
		DMABUF_HEAPS_POOL=y DMABUF_HEAPS_KUNIT_TEST=y >"$all"
	conf . KCONFIG_ALLCONFIG="$all" allnoconfig
	grep -q 'HEAPS_POOL=y' "$builds/kconfig/.config" && grep -q 'CONFIG_KUNIT=m' "$builds/kconfig/.config" ||
		echo "no configuration with the pool built in and KUnit a module"
	! grep 'HEAPS_KUNIT_TEST=y' "$builds/kconfig/.config" || echo "though KUnit is a module"
}

case $what in
patch) said=$(build_patch) ;;
kconfig) said=$(kconfig) ;;
esac
[ -z "$said" ] || { printf '%s\n' "$said"; exit 1; }
