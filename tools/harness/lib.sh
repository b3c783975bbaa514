# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What all scripts of the harness share: paths, messages, and locks.  It is sourced, never
# run.  Promises: stdout has a script's result only, messages go to stderr.  These functions
# write nothing outside out/, the cache and the paths that they are given.

set -euo pipefail
export LC_ALL=C

HARNESS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$HARNESS/../.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/dma-buf-system-heap
JOBS=${JOBS:-$(nproc)}
V=${V:-0}
export HARNESS TOP CACHE JOBS V

say() { printf '%s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Lists: names LIST prints the first column, and row LIST NAME the line of that NAME.
names() { awk '!/^#/ && NF { printf "%s%s", s, $1; s = " " }' "$HARNESS/$1"; }
row() { awk -v name="$2" '!/^#/ && $1 == name' "$HARNESS/$1"; }
# Print the newest kernel, the first one in versions.list.
newest() { names kernel/versions.list | cut -d" " -f1; }

# sections FILE NAME...: print FILE without the sections "[WORD...]" that have none of the NAMEs.
sections() {
	awk -v names=" ${*:2} " '
		/^\[.*\]$/ {
			off = 1
			for (i = split(substr($0, 2, length($0) - 2), word, " "); i; i--)
				if (index(names, " " word[i] " ")) off = 0
			next
		}
		!off' "$1"
}

# may_be NAME WHAT REGEX: die unless the variable NAME is empty or matches REGEX.
may_be() {
	[ -z "${!1:-}" ] || [[ ${!1} =~ ^($3)$ ]] || die "$1=${!1}: must be $2"
}
may_be JOBS "a number from 1 to 999" "[1-9][0-9]{0,2}"
may_be V "0 or 1" "[01]"
may_be ARCH "x86, arm64, i386 or um" "x86|arm64|i386|um"
if [ -n "${KERNEL:-}" ]; then
	kernels="$(names kernel/versions.list)${KERNEL_MODULE:+ $(names distro/kernels.list)}"	# run.sh sets that
	may_be KERNEL "one of $kernels" "$(sed 's/\./\\./g; s/ /|/g' <<<"$kernels")"
fi

# ARCH sets its name in the kernel's makefiles, the path of the kernel's image, the
# compiler's prefix, Debian's name for the architecture, and the output directories.
# shellcheck disable=SC2034 # used by those who source this
case ${ARCH:-x86} in
x86) kbuild_arch=x86 image=arch/x86/boot/bzImage cross="" deb_arch=amd64 ;;
i386) kbuild_arch=i386 image=arch/x86/boot/bzImage cross=i686-linux-gnu- deb_arch=i386 ;;
arm64) kbuild_arch=arm64 image=arch/arm64/boot/Image cross=aarch64-linux-gnu- deb_arch=arm64 ;;
# User Mode Linux runs as a program on this machine and has its architecture.
um) kbuild_arch=um image=linux cross="" deb_arch=amd64 ;;
esac
arch_dir=${ARCH:-x86}
arch_dir=${arch_dir#x86}
OUT=$TOP/out${arch_dir:+/$arch_dir}
export OUT
# For targets that only make sense on x86.
only_x86() { [ -z "$arch_dir" ] || die "ARCH=$ARCH: this target is for x86 only"; }
# build_dir DIR NAME: where the kernel NAME is built, of the tree in DIR.
build_dir() { echo "$1/build/${arch_dir:+$arch_dir-}$2"; }

# Paths in the kernel's makefiles and in lists of files are split at blanks.
case $TOP$CACHE in
*[[:space:]]*) die "the paths of this clone ($TOP) and of its cache ($CACHE) must not contain blanks" ;;
esac

# lock_file FD FILE WHOM: one run at a time, until the FD is closed.
lock_file() {
	while :; do
		mkdir -p "$(dirname "$2")"
		eval "exec $1>>\"\$2\""
		flock -n "$1" || { say "waiting for $3"; flock "$1"; }
		# A lock that was removed while we waited (clean.sh) keeps nobody out.
		[ ! "/dev/fd/$1" -ef "$2" ] || return 0
	done
}

# lock FD NAME: one run at a time in this section, in all clones.
lock() { lock_file "$1" "$CACHE/$2.lock" "another run ($2)"; }

# lock_tree DIR: keep others from the tree in DIR and its builds until this script ends;
# scripts that it calls share the lock.
lock_tree() {
	[ "${TREE_LOCKED:-}" != "$1" ] || return 0
	lock 8 "build-$(basename "$1")"
	export TREE_LOCKED=$1
}

# own_tree DIR OWN: make OWN a hard-linked copy of the tree in DIR.  That is safe: graft.sh
# and git replace files, and never write to them in place.
own_tree() {
	[ ! -f "$2/version" ] || return 0
	need_space 1500 "a kernel tree of its own"
	(
		lock_tree "$1"
		rm -rf "$2.tmp"
		mkdir -p "$2.tmp" "$1/orig"
		touch "$1/grafted"
		cp -al "$1/linux" "$2.tmp/linux"
		cp -a "$1/orig" "$1/grafted" "$1/version" "$2.tmp/"
		mv -T "$2.tmp" "$2"
	)
}

# need_space MIB WHAT: fail before a disk fills up, not after.
need_space() {
	local free
	mkdir -p "$CACHE"
	free=$(df -Pm "$CACHE" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$1" ] ||
		die "$2 needs $1 MiB free in $CACHE, there are $free MiB"
}

# put FILE DEST: copy, but leave an unchanged DEST and its timestamp alone, so that
# make and the caches see only what really changed.
put() {
	if [ -L "$2" ] || ! cmp -s "$1" "$2"; then
		mkdir -p "$(dirname "$2")"
		cp -f "$1" "$2.tmp.$$"
		mv -f "$2.tmp.$$" "$2"
	fi
}

# Let one script at a time, and the scripts that it calls, work in this clone's out/.
lock_out() {
	[ "${OUT_LOCKED:-}" != "$OUT" ] || return 0
	lock_file 9 "$OUT/.lock" "another run in this clone"
	export OUT_LOCKED=$OUT
}

# "${KERNEL_MAKE[@]}" ARGUMENT...: make in a kernel tree, always with the same compilers:
# a different one would rebuild everything.  The same sources always give the same kernel.
# Our variables (make help) stay out.
# shellcheck disable=SC2034 # used by those who source this
KERNEL_MAKE=(env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u KERNEL -u V -u ARCH -u BOOTS
	"CCACHE_DIR=$CACHE/ccache" CCACHE_MAXSIZE=3G
	"KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 2026"
	KBUILD_BUILD_USER=harness KBUILD_BUILD_HOST=guest
	nice make "-j$JOBS" "ARCH=$kbuild_arch" "CROSS_COMPILE=$cross"
	"CC=ccache ${cross}gcc" "HOSTCC=ccache gcc")
# KERNEL_ANDROID=1 builds the kernel android, with clang.
[ -z "${KERNEL_ANDROID:-}" ] || KERNEL_MAKE+=(LLVM=-19 "CC=ccache clang-19")

# find skips the files that editors, patch and compilers leave among the sources.
LEFT_BEHIND=(! -name '*~' ! -name '.*.sw?' ! -name '*.orig' ! -name '*.rej' ! -name '*.o')

# sources_id: identifies the driver sources that a figure belongs to; tests do not count.
sources_id() {
	(cd "$TOP" && find drivers include -type f ! -path '*/tests/*' "${LEFT_BEHIND[@]}" -print0 | sort -z |
		xargs -0 sha256sum | sha256sum | cut -c1-12)
}

# result NAME OUTPUT: print a KTAP result, which is ok if OUTPUT is empty.  result_end
# prints the plan.
results=0
result() {
	results=$((results + 1))
	if [ -z "$2" ]; then
		echo "ok $results $1"
	else
		printf '%s\n' "$2" | head -n 40 | sed 's/^/# /'
		echo "not ok $results $1"
	fi
}
# complaint COMMAND...: print the OUTPUT for result: nothing if the COMMAND succeeds, else
# what it printed, or that it failed.
complaint() {
	local said
	! said=$("$@" 2>&1) || return 0
	printf '%s\n' "${said:-${1##*/} failed and did not say why}"
}
result_end() { echo "1..$results"; }

series=$HARNESS/series		# what belongs to which patch, and the messages

# series_names prints all patches, or those of one SET; series_sets prints all sets.
series_names() { awk -v set="${1:-}" '!/^#/ && NF && (set == "" || $1 == set) && !seen[$2]++ { print $2 }' "$series/patches.list"; }
series_sets() { awk '!/^#/ && NF && !seen[$1]++ { print $1 }' "$series/patches.list"; }

# git without the user's settings, so that the same tree gives the same series.
git_plain() {
	env -u GIT_DIR -u GIT_WORK_TREE -u GIT_OBJECT_DIRECTORY GIT_CONFIG_NOSYSTEM=1 \
		GIT_CONFIG_GLOBAL=/dev/null TZ=UTC git -c core.autocrlf=false \
		-c core.safecrlf=false -c gc.auto=0 -c advice.detachedHead=false "$@"
}
