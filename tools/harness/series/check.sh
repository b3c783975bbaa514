#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh: what can be told of the series for the kernel that KERNEL chooses
# without running it, patch by patch.  Prints a line for each step, what a failed
# one found before it, and "N passed, N failed" in the end; the exit is 0 only when
# nothing failed.  STEPS="apply checkpatch..." runs only some of
#
#   apply       git am takes the series, and the outcome is what a graft makes
#   checkpatch  checkpatch.pl --strict of each patch; exceptions are in
#               series/checkpatch.allow
#   build       each patch builds, with W=1, no warning and no function that uses
#               more than 512 bytes of stack, in the configurations of
#               series/configs: built in, as modules, not at all, without a network,
#               for 32 bits with highmem, for ARC, and as Debian builds it.
#               CONFIGS="y m..." chooses.  Those in LINK (default: y m) are linked with
#               each patch, all others but the last two with the last; LINK=none links
#               nothing
#   headers     each header compiles alone
#   files       check/check.sh: checkpatch and kernel-doc of the files, sparse
#   cocci       the kernel's semantic patches
#   kconfig     no unmet dependencies in random configurations, none that another
#               implies (check/kconfig-terms.awk)
#   docs        check/docs.sh
#
# Promises: works in a repository and builds of its own in the cache, one run at a
# time; what is there from another run only saves time.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/series/lib.sh"
only_x86

all_steps="apply checkpatch build headers files cocci kconfig docs"
steps=${STEPS:-$all_steps}
link=${LINK:-y m}
read -r -a configs <<<"${CONFIGS:-y m n nonet i386 arc debian}"
# What is misspelt would not be looked at, and pass.
for step in $steps; do
	case " $all_steps " in *" $step "*) ;; *) die "no step $step: $all_steps" ;; esac
done
for config in "${configs[@]}"; do
	[ -f "$series/configs/$config.config" ] || die "no series/configs/$config.config"
done
unset STEPS LINK CONFIGS	# they are no concern of the kernel's make
heaps=drivers/dma-buf/heaps

lock_out
"$HARNESS/kernel/deps.sh"
"$HARNESS/kernel/deps.sh" deps-check.list
dir=$("$HARNESS/kernel/fetch.sh")
version=$(cat "$dir/version")
kernel=$(echo "$version" | cut -d. -f1,2)
repo=$("$HARNESS/series/base.sh" "$dir")
builds=$repos/$(basename "$dir")/check
lock 5 "check-$(basename "$dir")"
# Of a run that was killed; nobody else works in there.
rm -f "$repo/.git/index.lock"
work=$OUT/check
rm -rf "$work"
mkdir -p "$work" "$builds"

passed=0
failed=0
# result NAME OUTPUT: passed when there is no output.
result() {
	if [ -z "$2" ]; then
		passed=$((passed + 1))
		echo "ok      $1"
	else
		failed=$((failed + 1))
		printf '%s\n' "$2" | head -n 40 | sed 's/^/        /'
		echo "FAILED  $1"
	fi
}
wanted() { case " $steps " in *" $1 "*) ;; *) return 1 ;; esac; }
finish() {
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
	exit
}

# With figures if there are any of this kernel: they make lines longer.
figures=$(bench_figures "$kernel")
if [ -f "$figures" ] && awk -v version="$version" -f "$HARNESS/series/numbers.awk" \
	"$figures" >"$work/numbers" 2>/dev/null; then
	export SERIES_NUMBERS=$work/numbers
	arm64_numbers "$kernel" "$version" >>"$work/numbers" 2>/dev/null || unset SERIES_NUMBERS
	series_numbers_more "$repo" >>"$work/numbers"
	each=$(series_figures_each "$kernel")
	[ ! -f "$each" ] || awk -f "$HARNESS/series/each.awk" "$each" >>"$work/numbers"
fi
unset AUTHOR SIGNOFF TRAILERS

mapfile -t names < <(series_names)
cut_series() {
	"$HARNESS/kernel/stage.sh" series "$version" "$work/stage" "$(series_few "$dir")" &&
		"$HARNESS/series/cut.sh" "$repo" pristine "$work/stage" "$version" >"$work/commits" &&
		series_format "$repo" pristine "$work/commits" "$kernel" "$work/patches"
}
if ! found=$(cut_series 2>&1); then
	result "the series is cut" "${found:-no reason}"
	finish
fi
result "the series is cut: ${#names[@]} patches for linux $version" ""
mapfile -t commits <"$work/commits"
mapfile -t mails < <(for set in $(series_sets); do
	(cd "$work/patches" && find "$set" -name '*.patch' ! -name '0000-*' | sort)
done)

if wanted apply; then
	result "git am applies the sets in order, and the outcome is the grafted tree" \
		"$(complaint "$HARNESS/series/apply.sh" "$repo" pristine "$work/patches" "$work/stage")"
fi
# What the builds and tools look at.
checkout() { git_plain -C "$repo" checkout -q --force "$1" && git_plain -C "$repo" clean -q -f -d; }
checkout "${commits[-1]}"

checkpatch_all() {
	local i line type allowed n reason set
	for ((i = 1; i <= ${#names[@]}; i++)); do
		{ (cd "$repo" && PATH=/usr/bin:$PATH perl scripts/checkpatch.pl --strict --terse --no-summary --show-types \
			"$work/patches/${mails[i - 1]}" 2>&1) || true; } |
			sed "s,^$work/patches/,," >"$work/checkpatch"
		while IFS= read -r line; do
			type=$(sed -n 's/^[^ ]*: [A-Z]*:\([A-Z_]*\):.*/\1/p' <<<"$line")
			while read -r allowed n reason; do
				# shellcheck disable=SC2053 # a pattern
				if [ "$allowed" = "$type" ] && [[ ${names[i - 1]} == $n ]]; then
					echo "$allowed $n" >>"$work/allowed"
					continue 2
				fi
			done < <(sed 's/#.*//' "$series/checkpatch.allow")
			echo "$line"
		done <"$work/checkpatch"
	done
	touch "$work/allowed"
	while read -r allowed n reason; do
		[ -z "$allowed" ] || grep -qxF "$allowed $n" "$work/allowed" ||
			echo "series/checkpatch.allow: $allowed $n is not needed ($reason)"
	done < <(sed 's/#.*//' "$series/checkpatch.allow")
	# Of the cover letters the text; the list of files has long lines.
	for set in $(series_sets); do
		[ -f "$series/$set.cover" ] || continue
		sed '/^ create mode /d' "$work/patches/$set"/0000-*.patch >"$work/$set-cover-letter.patch"
		(cd "$repo" && PATH=/usr/bin:$PATH perl scripts/checkpatch.pl --strict --terse --no-summary \
			--show-types "$work/$set-cover-letter.patch" 2>&1 || true) | grep -v MISSING_SIGN_OFF |
			sed "s,^$work/,," || true
	done
}
! wanted checkpatch || result "checkpatch.pl --strict, of each patch" "$(checkpatch_all)"

# kmake CONFIG ARGUMENT...: make in the repository for that configuration.  Other
# people's functions may exceed FRAME_WARN in spite of WERROR; complaints() sees ours.
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
# 6.12 cannot have the heap as a module.
if [ "$(git_plain -C "$repo" show "pristine:$heaps/Kconfig" |
	awk '/^config DMABUF_HEAPS_SYSTEM$/ { getline; print $1 }')" = bool ]; then
	mapfile -t configs < <(printf '%s\n' "${configs[@]}" | grep -vx m)
	[ ${#configs[@]} -gt 0 ] || die "linux $kernel cannot have the heap as a module"
fi

# debian_symbols: what Debian's configuration says of dma-buf, memory, the network's
# core and tracing.
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

# configure CONFIG: as series/configs says, as far as the tree has such symbols.
configure() {
	local b=$builds/$1
	mkdir -p "$b"
	: >"$b/wanted.new"
	[ "$1" != debian ] || debian_symbols >"$b/wanted.new" || { echo "no configuration of Debian"; return 1; }
	cat "$series/configs/common.config" "$series/configs/$1.config" >>"$b/wanted.new"
	if ! cmp -s "$b/wanted.new" "$b/wanted" ||
		! cmp -s "$repo/$heaps/Kconfig" "$b/kconfig.last" || [ ! -f "$b/.config" ]; then
		rm -f "$b/kconfig.last"
		kmake "$1" KCONFIG_ALLCONFIG="$b/wanted.new" allnoconfig >"$b/config.log" 2>&1 ||
			{ tail -n 5 "$b/config.log"; return 1; }
		mv "$b/wanted.new" "$b/wanted"
		cp "$repo/$heaps/Kconfig" "$b/kconfig.last"
		grep -A 20 "unmet direct dependencies" "$b/config.log" || true
	fi
}

# lost CONFIG: symbols of ours, and what makes compilers stricter, that are not as
# they were asked for, so that what hangs on them was not looked at.
lost() {
	awk -v config="$builds/$1/.config" '
		BEGIN { ours["CONFIG_BPF_EVENTS"] = ours["CONFIG_DEBUG_INFO_BTF"] = ours["CONFIG_WERROR"] = 1 }
		FILENAME ~ /Kconfig$/ { if ($1 == "config" || $1 == "menuconfig") ours["CONFIG_" $2] = 1; next }
		/^CONFIG_/ {
			i = index($0, "=")
			symbol = substr($0, 1, i - 1)
			if (FILENAME == config) is[symbol] = substr($0, i + 1)
			else if (symbol in ours) asked[symbol] = substr($0, i + 1)
		}
		END {
			for (s in asked) {
				now = s in is ? is[s] : "n"
				if (now != asked[s]) print s " is " now ", not " asked[s]
			}
		}' "$repo/$heaps/Kconfig" "$builds/$1/wanted" "$builds/$1/.config"
}

# Warnings in our files, errors wherever they are.
complaints() {
	grep -E '(warning|error):|\*\*\* |undefined|ERROR|WARNING' "$1" | sed "s,$repo/,,; s,^\(\.\./\)*,," |
		grep -E "$heaps/|include/trace/events/dma_heap.h|error:|\*\*\* |undefined|ERROR: modpost" |
		sort -u || true
}

# make_and_look CONFIG LOG ARGUMENT...: what there is to complain about, nothing if
# all is well.
make_and_look() {
	local config=$1 log=$2 found code=0
	shift 2
	kmake "$config" "$@" >"$log" 2>&1 || code=$?
	found=$(complaints "$log")
	if [ -n "$found" ]; then
		printf '%s\n' "$found" | grep -v '\*\*\*' || printf '%s\n' "$found"
	elif [ "$code" != 0 ]; then
		tail -n 5 "$log"
	fi
}

# build CONFIG NUMBER: the objects as they are after that patch; and link.
build() {
	local log=$work/build-$1.log found
	found=$(configure "$1") || { echo "${found:-not configured}"; return 0; }
	[ -z "$found" ] || { echo "$found"; return 0; }
	make_and_look "$1" "$log" W=1 "$heaps/"
	[ "$2" -lt ${#names[@]} ] || lost "$1"
	case $1 in arc | debian) return 0 ;; esac
	case " $link " in
	*" $1 "*) ;;
	*) [ "$1" != n ] && [ "$link" != none ] && [ "$2" = ${#names[@]} ] || return 0 ;;
	esac
	# Without W=1: it is about our files, and would look at the whole kernel.
	make_and_look "$1" "$log" vmlinux modules
}

build_all() {
	local i config found good
	# An object that is there would not be compiled, nor warned about.
	for config in "${configs[@]}"; do
		find "$builds/$config/$heaps" -name '*.o' -delete 2>/dev/null || true
	done
	for ((i = 1; i <= ${#names[@]}; i++)); do
		checkout "${commits[i - 1]}"
		found=
		good=
		for config in "${configs[@]}"; do
			bad=$(build "$config" "$i")
			[ -z "$bad" ] && good="$good $config" || found="$found$config: $bad"$'\n'
		done
		result "builds up to patch $i, ${names[i - 1]}:$good" "${found%$'\n'}"
	done
}
! wanted build || build_all
checkout "${commits[-1]}"

headers_all() {
	local header name log=$work/header.log
	configure y >/dev/null
	while read -r header; do
		name=header_check_$(basename "$header" .h)
		case $header in
		include/*) echo "#include <${header#include/}>" ;;
		"$heaps"/tests/*) echo "#include \"tests/$(basename "$header")\"" ;;
		"$heaps"/*) echo "#include \"$(basename "$header")\"" ;;
		tools/*)
			gcc -fsyntax-only -Wall -D_GNU_SOURCE -I "$repo/tools/testing/selftests" \
				-I "$repo/tools/include/uapi" -x c "$repo/$header" 2>&1 |
				grep -v 'pragma once in main' | grep -E 'error:|warning:' | grep -v 'defined but not used' || true
			continue
			;;
		esac >"$repo/$heaps/$name.c"
		kmake y W=1 "$heaps/$name.o" >"$log" 2>&1 || echo "$header does not compile alone"
		grep -E 'error:|warning:' "$log" | grep -v 'no previous prototype' || true
		rm -f "$repo/$heaps/$name.c" "$builds/y/$heaps/$name.o"
	done < <(cd "$work/stage" && find . -name '*.h' | sed 's,^\./,,' | sort)
}
! wanted headers || result "each header compiles alone" "$(headers_all)"

# ktap NAME COMMAND...: a script that prints KTAP lines, as one step.
ktap() {
	local name=$1 n found said=
	shift
	# What it says on the way, as that it waits for another run, is no finding.
	"$@" >"$work/ktap" 2>"$work/ktap.said" || said="it ended early"
	n=$(grep -c '^ok ' "$work/ktap") || n=0
	found=$(grep -v '^ok \|^1\.\.' "$work/ktap") || true
	grep -q '^1\.\.[1-9]' "$work/ktap" || said="it checked nothing"
	[ -z "$said" ] || found+=$'\n'$said$'\n'$(tail -n 20 "$work/ktap.said")
	result "$name: $n checks" "$found"
}
! wanted files || ktap "checkpatch, kernel-doc, W=1 and sparse of the files (check/check.sh)" "$HARNESS/check/check.sh" "$dir"

# What coccicheck does, but for our directory and with a limit of time.  badzero does
# not end within it, check_bq27xxx_data is about another driver's table.
cocci_all() {
	local script options limit=120
	: >"$work/cocci.run"
	while read -r script; do
		grep -q '^virtual report' "$repo/$script" || continue
		options=$(sed -n 's,^// *Options: *,,p' "$repo/$script" | head -n 1)
		# shellcheck disable=SC2086 # a list of options
		if (cd "$repo" && nice timeout $limit spatch -D report --no-show-diff --very-quiet --use-coccigrep \
			--chunksize 1 -I include -I "$heaps" $options \
			--cocci-file "$script" --dir "$heaps" 2>&1); then
			echo "$script" >>"$work/cocci.run"
		else
			echo "$heaps/: $script could not be run, or not in $limit s"
		fi
	done < <(cd "$repo" && find scripts/coccinelle -name '*.cocci' ! -name badzero.cocci \
		! -name check_bq27xxx_data.cocci | sort) >"$work/cocci"
	[ -s "$work/cocci.run" ] || echo "none of the semantic patches could be run"
	grep -E "^$heaps/" "$work/cocci" | grep -v "cma_heap.c" || true
}
if wanted cocci; then
	found=$(cocci_all)
	result "coccicheck: $(wc -l <"$work/cocci.run") semantic patches" "$found"
fi

# conf PATTERN ARGUMENT...: what a configuration has to say about symbols like
# PATTERN; that there is none is a finding too.
conf() {
	local log=$work/kconfig.log
	kmake kconfig "${@:2}" >"$log" 2>&1 || { echo "make ${*:2} failed:"; tail -n 3 "$log"; }
	grep -A 6 "unmet direct dependencies" "$log" | grep -A 6 -E "$1" || true
}

kconfig_all() {
	local seed b=$builds/kconfig all=$builds/kconfig/all
	mkdir -p "$b"
	for seed in 1 2 3 4 5 6; do
		# Every other one has all of it, to see what that needs.
		printf 'CONFIG_%s=y\n' DMABUF_HEAPS >"$all"
		[ $((seed % 2)) = 0 ] || printf 'CONFIG_%s=y\n' NET KUNIT DMABUF_HEAPS_SYSTEM \
			DMABUF_HEAPS_POOL DMABUF_HEAPS_KUNIT_TEST >>"$all"
		conf 'DMABUF|PAGE_POOL' KCONFIG_SEED=$seed KCONFIG_ALLCONFIG="$all" randconfig
	done
	conf . allmodconfig
	# The tests are part of the heap: that cannot be built in with KUnit a module.
	printf 'CONFIG_%s\n' MODULES=y NET=y KUNIT=m SYNC_FILE=y DMABUF_HEAPS=y DMABUF_HEAPS_SYSTEM=y \
		DMABUF_HEAPS_POOL=y DMABUF_HEAPS_KUNIT_TEST=y >"$all"
	conf . KCONFIG_ALLCONFIG="$all" allnoconfig
	grep -q 'HEAPS_POOL=y' "$b/.config" && grep -q 'CONFIG_KUNIT=m' "$b/.config" ||
		echo "no configuration with the pool built in and KUnit a module"
	! grep -q 'HEAPS_KUNIT_TEST=y' "$b/.config" ||
		echo "DMABUF_HEAPS_KUNIT_TEST can be built in with KUnit a module"
}

# Of our own symbols; the rest of the file is upstream's.
kconfig_terms() {
	local ours
	ours=$(awk '$1 == "config" || $1 == "menuconfig" { print $2 }' "$TOP/$heaps/Kconfig")
	[ -n "$ours" ] || echo "there are no symbols to look at"
	(cd "$repo" && find . -name 'Kconfig*' -type f -printf '%P\0' | sort -z |
		xargs -0 -s 500000 awk -v ours="${ours//$'\n'/ }" -f "$HARNESS/check/kconfig-terms.awk")
}
if wanted kconfig; then
	result "no unmet dependencies in 6 random configurations and allmodconfig" "$(kconfig_all)"
	result "no dependency in $heaps/Kconfig that another implies" "$(kconfig_terms)"
fi

! wanted docs ||
	ktap "the documentation (check/docs.sh)" "$HARNESS/check/docs.sh" "$dir"
finish
