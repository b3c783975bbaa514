#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# dma-heap.sh: test dma-heap without a heap.  stat has to print given statistics.  test and
# fill have to notice what is wrong with a fake heap.  Each error is one line.  The
# completion works.  Says nothing if all is well.  What needs a heap or another user is in
# distro/module-test.sh.
. "$(dirname "$0")/../lib.sh"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/dma-heap.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
cp -r "$TOP/tools/dma-heap" bin
rm -f bin/dma-heap
env -u MAKEFLAGS -u MAKELEVEL make -s -C bin CFLAGS="-O2 -Werror" DESTDIR="$tmp/root" install >&2
gcc -O2 -Wall -Werror -shared -fPIC -o fake.so "$HARNESS/check/fake-heap.c" >&2
: >wrong
wrong() { echo "$*" >>wrong; }

# run FAULT ARGUMENT...: dma-heap, where a file is a heap that has this FAULT.
run() { FAKE_HEAP=$1 LD_PRELOAD=./fake.so timeout 30 bin/dma-heap "${@:2}"; }
# ends STATUS WORDS FAULT ARGUMENT...: it ends with STATUS and says the WORDS; an error is one line.
ends() {
	local said code=0
	said=$(run "${@:3}" 2>errors) || code=$?
	if [ "$code" != "$1" ] || ! grep -qF -- "$2" - errors <<<"$said" ||
		{ [ "$1" = 1 ] && [ "$(wc -l <errors)" != 1 ]; }; then
		wrong "$3: ${*:4} ends with $code: $said $(cat errors)"
	fi
}
# prints ARGUMENT... <LINES
prints() { diff <(run "" "$@" 2>&1) - >differs || wrong "$* prints: $(cat differs)"; }

mkdir -p heaps/system heaps/null one/system_pooled off/null two/a two/b none
tee one/system_pooled/stats >heaps/system/stats <<END
pool_limit_bytes 1073741824
pool_bytes 1048576
queue_limit_bytes 1073741824
queue_bytes 2097152
queue_buffers 1
zeroed_bytes 3072000
zero_failed_bytes 1
refused_bytes 4096000
reused_bytes 1
reclaimed_bytes 5120000
order cached hits misses inflight
8 9 100000 200000 0
4 5 100000 200000 0
0 1 200000 400000 0
END
awk '{ for (i = 2; i < 5; i++) $i *= 3; print }' heaps/system/stats >later
kib=$(($(getconf PAGESIZE) / 1024))	# in a page
prints stat -d heaps 2 2 <<END
 ------KiB------ -----------------KiB/s-----------------
    pool   queue    hits  misses  zeroed refused reclaim
    1024    2048  $((27400 * kib))  $((54800 * kib))       3       4       5
    3072    6144 $((27400000 * kib)) $((54800000 * kib))    3000    4000    5000
END
prints stat -d one -o <<'END'
 --------order 8-------- --------order 4-------- --------order 0--------
  cached    hits  misses  cached    hits  misses  cached    hits  misses
       9     100     200       5     100     200       1     200     400
END
prints stat -d one --json <<END
{"heap":"system_pooled","pool_bytes":1048576,"queue_bytes":2097152,\
"hits_bytes_per_second":$((28057600 * kib)),"misses_bytes_per_second":$((56115200 * kib)),\
"zeroed_bytes_per_second":3072,"refused_bytes_per_second":4096,"reclaim_bytes_per_second":5120,\
"orders":[{"order":8,"cached":9,"hits_per_second":100,"misses_per_second":200},\
{"order":4,"cached":5,"hits_per_second":100,"misses_per_second":200},\
{"order":0,"cached":1,"hits_per_second":200,"misses_per_second":400}]}
END
ends 1 "only for: system" "" stat -d heaps -s other
ends 1 "only for:" "" stat -d two
ends 1 "no heap of this kernel has statistics" "" stat -d none
ends 1 "no heap of this kernel has statistics" "" stat -d nowhere
grep -v zeroed_bytes one/system_pooled/stats >two/a/stats
ends 1 "format" "" stat -d two -s a

: >null
ends 0 "every byte was zero" "" test -t 1 -s ./null
ends 0 '"fault":null' "" test -t 1 -s ./null --json
ends 2 "not zeroed" stale test -s ./null
ends 2 '"fault":"a new buffer is not zeroed: the word at byte ' stale test -s ./null --json
ends 2 "changed" shared test -s ./null
ends 2 "a buffer of" short test -s ./null
ends 2 "mmap" closed test -s ./null
ends 1 "not one buffer" full test -t 1 -s ./null
ends 1 "not a DMA-BUF heap" file test -s ./null
ends 1 "no heap of that name" "" test -s ./none/heap
[ -e /dev/dma_heap ] || ends 1 "this kernel has no DMA-BUF heaps" "" test
[ -e /dev/dma_heap ] || ends 1 "this kernel has no DMA-BUF heaps" "" who

sed 's/^\(pool_bytes\|queue_bytes\) .*/\1 0/' one/system_pooled/stats >heaps/null/stats
sed 's/^pool_limit_bytes .*/pool_limit_bytes 0/' heaps/null/stats >off/null/stats
ends 2 "holds 0.0 of 8.0 MiB more: an allocation failed" full fill 8M -d heaps -s ./null
ends 2 "holds 0.0 of 8.0 MiB more: the pool does not grow" "" fill 8M -d heaps -s ./null
ends 2 '"wanted_bytes":8388608,"reached_bytes":0,"ended_by":"stuck"}' "" fill 8M -d heaps -s ./null --json
ends 1 "the heap has no pool to fill" "" fill 8M -d two -s ./null
ends 1 "the pool is off, as pool_limit_mb is 0" "" fill 8M -d off -s ./null
ends 1 "pool_limit_mb is 1024" "" fill 1025M -d heaps -s ./null
ends 1 "the queue takes 1048576 KiB" "" fill 8M -b 1025M -d heaps -s ./null
ends 1 "MiB of memory" "" fill 4000G -d heaps -s ./null

for bad in 0 -1 +1 1.5 1s '' 99999999999 0x1; do
	ends 1 "interval $bad: a whole number" "" stat -- "$bad"
	ends 1 "count $bad: a whole number" "" stat -- 1 "$bad"
	ends 1 "seconds $bad: a whole number" "" test -t "$bad"
done
for bad in 0 -1 +1 1.5M 1MB M '' 0K 0x10 99999999999999999999 99999999T 'K1' '8 M'; do
	ends 1 "SIZE $bad: a number of bytes" "" fill -- "$bad"
	ends 1 "buffer size $bad: a number of bytes" "" fill 1M -b "$bad"
done
for bad in "stat -x" "stat 1 2 3" "stat -t 1" "fill" "fill 1M 2M" "fill 1M -x" "who me" "test 5"; do
	# shellcheck disable=SC2086 # words
	ends 1 "usage: dma-heap ${bad%% *} " "" $bad
done
! run "" nothing 2>/dev/null || wrong "an unknown command succeeds"
[ "$(run "" --help | grep -c '^usage: dma-heap')" = 4 ] || wrong "--help does not list four commands"
ends 0 "usage: dma-heap fill" "" fill --help

# completes OFFER WORD...: pressing TAB after the words offers that.
completes() {
	[ "$(bash -c '. "$0"; COMP_WORDS=(dma-heap "$@") COMP_CWORD=$#; _dma_heap; echo "${COMPREPLY[*]}"' \
		root/usr/local/share/bash-completion/completions/dma-heap "${@:2}")" = "$1" ] ||
		wrong "${*:2} is not completed as $1"
}
completes "fill" f
completes "stat fill who test --help" ""
completes "--json --help -s -d -b -t -n" fill -
completes "--json" stat -t 1 --j
completes "" fill -b ""

cat wrong
[ ! -s wrong ]
