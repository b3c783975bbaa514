# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Tests on Debian's kernels; sourced after ../lib.sh and ../check/judge.sh.

# distro_boot NAME HEAP [long|lean|time]: boot Debian's kernel NAME (kernels.list, of this
# ARCH) with the module as HEAP, beside the kernel's heap or, as "system", instead of it.
# Run the tests that debian-tests.list has for that, and count.  A lean guest has little
# memory and a disk.
distro_boot() {
	local name=$1-$2 place="every beside" append=${GUEST_APPEND:-} mem=2048 disk=
	local boot=$name
	if ! "$HARNESS/distro/debian-kernel.sh" "$1" "$2" >/dev/null; then
		fail "$name: there is nothing to boot"
		return
	fi
	if [ "$2" = system ]; then
		place="every instead"
		append="$append initcall_blacklist=system_heap_create"
		# Memory that no buffer can have, and MemAvailable counts.
		[ -z "$cross" ] || append="$append cma=0"
	elif [ "${3:-}" = lean ]; then
		boot=$name-lean place='' mem=640 disk=1024
	elif [[ $1 =~ ^(generic|rt)$ ]]; then
		append="$append numa=fake=2"
	fi
	local tests=$OUT/test/$boot.tests
	mkdir -p "$OUT/test"
	{
		sed 's,.*,modprobe-& exit 30 insmod /bin/&,' "$OUT/$name/modules"
		expand_list "$HARNESS/distro/debian-tests.list" |
			awk -v heap="$2" -v when=" $place ${3:-} $1 " 'index(when, " " $1 " ") { $1 = ""; sub(/HEAP$/, heap); print }'
	} | sed "s/^ */$boot /" >"$tests"
	GUEST_CPUS=2 GUEST_MEM=$mem GUEST_DISK=$disk GUEST_APPEND=$append boot "$boot" "$name"
}

# distro_kernel NAME [long]: all boots that kernels.list has of it.
distro_kernel() {
	local arch boots
	read -r _ arch _ _ boots < <(distro_row "$1")
	if [ "$arch" != "${ARCH:-x86}" ]; then
		other "$1" "ARCH=$arch" "$HARNESS/distro.sh" ${2:+-l} "$1"
		return
	fi
	[[ $boots != *instead* ]] || distro_boot "$1" system "${2:-}"
	[[ $boots != *beside* ]] || distro_boot "$1" system_pooled ${2:+time}
	case ,$boots,${2:-} in
	*,lean,* | *,long-lean,long) distro_boot "$1" system_pooled lean ;;
	esac
}
