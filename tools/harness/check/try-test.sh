#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# try-test.sh NAME: test make try in guests with Debian's kernel NAME.  Where it cannot
# measure, it has to say why.  Elsewhere it has to measure twice: the second time the module
# is loaded already.  It is built beforehand, as the guest has no compiler.  Prints KTAP lines; takes minutes.
. "$(dirname "$0")/../lib.sh"

work=$OUT/try-test
root=$work/root
lock_out
"$HARNESS/kernel/deps.sh" run
name=$("$HARNESS/distro/debian-kernel.sh" "$1" system_pooled heap-bench)
bin=$OUT/$name/bin
release=$(cat "$OUT/$name/version")
module=out/module/$release/system_heap_pooled.ko

# What the guest needs beyond busybox: programs with their libraries, and this repository
rm -rf "$work"
mkdir -p "$root"/{bin,run,usr/bin,repo/out/try,{repo,other}/"${module%/*}"}
for program in bash sed flock setpriv mountpoint realpath insmod modinfo; do
	file=$(command -v "$program")
	cp -L "$file" "$root/bin"
	ldd "$file" | grep -o '/[^ ]*' | xargs cp -L --parents -t "$root"
done
ln -s /bin/busybox "$root/usr/bin/env"
(cd "$TOP" && cp -r --parents tools/harness drivers include "$root/repo")
ln -s /repo/tools "$root/other/tools"
cp "$bin/heap-bench" "$bin/dma-heap" "$root/repo/out/try"
cp "$bin/system_heap_pooled.ko" "$root/repo/$module"
# A module whose vermagic names a kernel that does not exist
sed "s/vermagic=$release/vermagic=${release/./,}/" "$bin/system_heap_pooled.ko" >"$root/other/$module"
(cd "$root" && find . | busybox cpio -o -H newc) >"$work/extra"

# boot RUN WORD <commands
boot() {
	{
		echo "fd 10 ln -s /proc/self/fd /dev/fd"
		echo "securityfs 10 mount -t securityfs none /sys/kernel/security"
		cat
	} | GUEST_EXTRA=$work/extra GUEST_CPUS=2 GUEST_MEM=2048 GUEST_APPEND=$2 \
		"$HARNESS/guest/boot.sh" "$name" smp "try-$name-$1" ||
		die "the guest did not end as it should"
	report=$OUT/runs/try-$name-$1/report.log
}
# said COMMAND: what that printed, and how it ended.
said() { tr -d '\r' <"$report" | awk -v name="$1" '$1 == "@@BEGIN" { on = $2 == name } on'; }
# ended COMMAND STATUS WORDS...: print how the COMMAND differs.  It must end with STATUS and
# print the WORDS, and one error if it failed.
ended() {
	local text words
	text=$(said "$1")
	for words in "@@END $1 exit=$2" "${@:3}"; do
		[[ $text = *"$words"* ]] || printf '%s\n' "$text" "it did not say: $words"
	done
	[ "$(grep -c '^error: ' <<<"$text")" = "$2" ] || printf '%s\n' "$text" "the number of errors is not $2"
}
try="env HOME=/tmp bash /repo/tools/harness/try.sh"
heap=/dev/dma_heap/system

boot locked lockdown=integrity <<<"locked 60 $try"
result "lockdown" "$(ended locked 1 "Secure Boot or lockdown (integrity)")"
boot full "" <<END
nobody 60 /bin/setpriv --reuid 65534 $try
hide 10 mv $heap /dev/hidden
none 60 $try
show 10 mv /dev/hidden $heap
other 60 ${try/repo/other}
remove 10 rm /other/$module
headers 60 ${try/repo/other}
first 1800 $try
page 10 cat /repo/out/try.txt
second 1800 $try
END
result "not root" "$(ended nobody 1 "only root")"
result "no heap beside which to measure" "$(ended none 1 "has no heap $heap")"
result "a module of another kernel" "$(ended other 1 "is for linux ${release/./,}")"
result "no headers" "$(ended headers 1 "install linux-headers-$release")"
result "it measures" "$(ended first 0 "Loading system_heap_pooled" "every byte was zero")"
result "out/try.txt compares six figures of five sizes with each method" \
	"$([ "$(said page | grep -cE '^ +(vmap|direct) / stock( +[0-9.e+-]+){5}$')" = 12 ] || said page)"
result "it measures with the module that is there" "$(ended second 0 "is already loaded" "every byte was zero")"
said first >&2
result_end
