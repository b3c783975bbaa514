#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# try-test.sh NAME: test make try in guests with Debian's kernel NAME.  Where it cannot
# measure it has to say why, and elsewhere it has to measure, and to do so again.  The module is
# built before, as the guest has no compiler.  Prints KTAP lines; takes minutes.
. "$(dirname "$0")/../lib.sh"

work=$OUT/try-test
lock_out
"$HARNESS/kernel/deps.sh" run
name=$("$HARNESS/distro/debian-kernel.sh" "$1" system_pooled heap-bench)
bin=$OUT/$name/bin
release=$(cat "$OUT/$name/version")
module=out/module/$release/system_heap_pooled.ko
rm -rf "$work"
mkdir -p "$work"
# Of the kernel that would come after this one
sed "s/vermagic=$release/vermagic=${release/./,}/" "$bin/system_heap_pooled.ko" >"$work/other.ko"

# What the guest needs beyond busybox, with its libraries: as in initramfs.sh
programs() {
	local program file
	for program in bash sed flock setpriv mountpoint realpath insmod modinfo; do
		file=$(realpath "$(command -v "$program")")
		echo "file /bin/$program $file 755 0 0"
		ldd "$file" | grep -o '/[^ ]*' >&3
	done
}
{
	for dir in /lib /lib/x86_64-linux-gnu /lib64 /usr /usr/bin /run /repo /other; do echo "dir $dir 755 0 0"; done
	programs 3>"$work/libraries"
	sort -u "$work/libraries" | while read -r file; do echo "file $file $(realpath "$file") 755 0 0"; done
	(cd "$TOP" && find tools/harness drivers include -type d -printf 'dir /repo/%p 755 0 0\n' \
		-o -type f -printf "file /repo/%p $TOP/%p 755 0 0\n") | sed 's,^dir /repo/tools/harness ,dir /repo/tools 755 0 0\n&,'
	for dir in out out/try out/module "out/module/$release"; do
		echo "dir /repo/$dir 755 0 0"
		echo "dir /other/$dir 755 0 0"
	done
	for program in heap-bench dma-heap; do echo "file /repo/out/try/$program $bin/$program 755 0 0"; done
	echo "file /repo/$module $bin/system_heap_pooled.ko 644 0 0"
	echo "file /other/$module $work/other.ko 644 0 0"
	echo "slink /usr/bin/env /bin/busybox 777 0 0"
	echo "slink /other/tools /repo/tools 777 0 0"
} >"$work/list"
"$OUT/$name/gen_init_cpio" "$work/list" >"$work/extra"

# boot RUN WORD <commands
boot() {
	{
		echo "fd 10 ln -s /proc/self/fd /dev/fd"
		echo "securityfs 10 mount -t securityfs none /sys/kernel/security"
		cat
	} | GUEST_EXTRA=$work/extra GUEST_CPUS=2 GUEST_MEM=2048 \
		GUEST_APPEND=$2 \
		"$HARNESS/guest/boot.sh" "$name" smp "try-$name-$1" ||
		die "the guest did not end as it should"
	report=$OUT/runs/try-$name-$1/report.log
}
# said COMMAND: what that printed, and how it ended.
said() { tr -d '\r' <"$report" | awk -v name="$1" '$1 == "@@BEGIN" { on = $2 == name } on'; }
# refuses COMMAND WORDS: one error, of these words, and no success.
refuses() {
	local text
	text=$(said "$1")
	[ "$(grep -c '^error: ' <<<"$text")" = 1 ] && grep '^error: ' <<<"$text" | grep -qF -- "$2" &&
		grep -qx "@@END $1 exit=1" <<<"$text" || printf '%s\n' "${text:-it did not run}"
}
measures() {	# COMMAND WORDS
	local text
	text=$(said "$1")
	[ "$(grep -c "^every byte was zero" <<<"$text")" = 2 ] && grep -qF -- "$2" <<<"$text" &&
		grep -qx "@@END $1 exit=0" <<<"$text" || printf '%s\n' "${text:-it did not run}"
}
try="env HOME=/tmp bash /repo/tools/harness/try.sh"

boot locked lockdown=integrity <<<"locked 60 $try"
result "lockdown" "$(refuses locked "Secure Boot or lockdown (integrity)")"
boot none initcall_blacklist=system_heap_create <<<"none 60 $try"
result "no heap beside which to measure" "$(refuses none "has no heap /dev/dma_heap/system")"
boot full "" <<EOF
nobody 60 /bin/setpriv --reuid 65534 $try
other 60 ${try/repo/other}
remove 10 rm /other/$module
headers 60 ${try/repo/other}
first 900 $try
stat 30 dma-heap stat 1 2
page 10 cat /repo/out/try.txt
second 900 $try
EOF
result "not root" "$(refuses nobody "only root")"
result "a module of another kernel" "$(refuses other "is for linux ${release/./,}")"
result "no headers" "$(refuses headers "install linux-headers-$release")"
result "it measures" "$(measures first "Loading system_heap_pooled")"
result "out/try.txt has six tables of five sizes" "$([ "$(said page | grep -c '^ .*iB |.*|.*|')" = 30 ] || said page)"
result "dma-heap stat finds the heap" "$([ "$(said stat | grep -c '^ *[0-9]')" = 2 ] || said stat)"
result "it measures with the module that is there" "$(measures second "is already loaded")"
said first >&2
result_end
