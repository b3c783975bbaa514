#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# dma-heap.sh: test dma-heap without a heap.  stat has to print given statistics, with the
# names of the ABI file.  test and fill have to notice what is wrong with a fake heap.  Each
# error is one line.  The completion works.  Says nothing if all is well.  What needs a heap
# is in distro/dma-heap-test.sh.
. "$(dirname "$0")/../lib.sh"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/dma-heap.XXXXXX")
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$tmp"' EXIT
chmod 755 "$tmp"

heap=$tmp/bin/dma-heap
mkdir -p "$tmp/bin" "$tmp/heaps/system" "$tmp/one/system_pooled" "$tmp/two/a" "$tmp/two/b" "$tmp/none"
cp -r "$TOP"/tools/dma-heap/* "$tmp/bin"
rm -f "$heap"
env -u MAKEFLAGS -u MAKELEVEL make -s -C "$tmp/bin" CFLAGS="-O2 -Werror" DESTDIR="$tmp/root" install >&2

wrong() { echo "$*" >>"$tmp/wrong"; }
: >"$tmp/wrong"

# stats FACTOR: each statistic of the ABI file, its place in there x FACTOR MiB,
# and 256 pages of each order x FACTOR: 1 MiB of order 0.
stats() {
	sed -n 's/^\t\t\([a-z_]*_bytes\)\t.*/\1/p' "$TOP/Documentation/ABI/testing/debugfs-dma-heap" |
		awk -v factor="$1" '{ printf "%s %d\n", $1, NR * factor * 1048576 }'
	echo "queue_buffers 1"
	echo "order cached hits misses inflight"
	for order in 8 4 0; do
		echo "$order $((order + 1)) $((256 * $1)) $((512 * $1)) 0"
	done
}
kib() {	# STATISTIC FACTOR
	stats "$2" | awk -v name="$1" '$1 == name { print $2 / 1024 }'
}
stats 1 >"$tmp/heaps/system/stats"
stats 3 >"$tmp/changed"
cp "$tmp/changed" "$tmp/one/system_pooled/stats"
page=$(($(getconf PAGESIZE) / 1024))

# near NAME VALUE LEAST MOST
near() {
	awk -v v="$2" -v l="$3" -v m="$4" 'BEGIN { exit !(v >= l - 1 && v <= m + 1) }' ||
		wrong "$1 is $2, not from $3 to $4"
}

# Two lines, and other statistics for the second one.
: >"$tmp/out"
"$heap" stat -d "$tmp/heaps" 2 2 >>"$tmp/out" &
pid=$!
for ((i = 0; i < 300; i++)); do
	[ "$(wc -l <"$tmp/out")" -lt 3 ] || break
	sleep 0.01
done
mv "$tmp/changed" "$tmp/heaps/system/stats"
start=$SECONDS
wait "$pid" || wrong "it ends with $?"
pid=
took=$((SECONDS - start + 3))
[ "$(wc -l <"$tmp/out")" = 4 ] || wrong "there are not four lines: $(cat "$tmp/out")"
up=$(cut -d. -f1 /proc/uptime)
read -r -a title < <(sed -n 2p "$tmp/out")
read -r -a first < <(sed -n 3p "$tmp/out")
read -r -a second < <(sed -n 4p "$tmp/out")
i=0
for column in pool queue hits misses zeroed refused reclaim; do
	[ "${title[i]:-}" = "$column" ] || wrong "column $i is ${title[i]:-missing}, not $column"
	case $column in
	hits) was=$((256 * page * (1 + 16 + 256))) is=$((3 * was)) ;;
	misses) was=$((512 * page * (1 + 16 + 256))) is=$((3 * was)) ;;
	reclaim) was=$(kib reclaimed_bytes 1) is=$(kib reclaimed_bytes 3) ;;
	*) was=$(kib "${column}_bytes" 1) is=$(kib "${column}_bytes" 3) ;;
	esac
	case $column in
	pool | queue)
		near "first $column" "${first[i]:-none}" "$was" "$was"
		near "second $column" "${second[i]:-none}" "$is" "$is"
		;;
	*)
		near "$column since boot" "${first[i]:-none}" $((was / (up + 1))) $((was / (up - took)))
		near "$column per second" "${second[i]:-none}" $(((is - was) / took)) $(((is - was) / 2))
		;;
	esac
	i=$((i + 1))
done

"$heap" stat -d "$tmp/one" -o >"$tmp/out" || wrong "-o ends with $?"
read -r -a line < <(sed -n 3p "$tmp/out")
[ "${line[0]:-} ${line[3]:-} ${line[6]:-} ${#line[@]}" = "9 5 1 9" ] || wrong "-o prints ${line[*]}"
grep -q -- '-order 8-.*-order 4-.*-order 0-' "$tmp/out" || wrong "-o has no such title: $(head -n 1 "$tmp/out")"
[ "$(awk '{ print length }' "$tmp/out" | sort -n | tail -n 1)" -le 80 ] || wrong "-o has lines of more than 80 characters"

# refused WORDS COMMAND...: it fails with one line that has these words.
refused() {
	local said
	! said=$("${@:2}" 2>&1 >/dev/null) || wrong "${*:3} succeeds"
	if [ "$(wc -l <<<"$said")" != 1 ] || ! grep -qF -- "$1" <<<"$said"; then
		wrong "${*:3} says: $said"
	fi
}
mkdir -m 700 "$tmp/secret"
nobody=()
[ "$(id -u)" != 0 ] || nobody=(setpriv --reuid 65534 --clear-groups)
[ "$(id -u)" = 0 ] || chmod 0 "$tmp/secret"
refused "only root" "${nobody[@]}" "$heap" stat -d "$tmp/secret"
refused "only of: system" "$heap" stat -d "$tmp/heaps" -s other
refused "only of:" "$heap" stat -d "$tmp/two"
refused "no heap of this kernel has statistics" "$heap" stat -d "$tmp/none"
refused "no heap of this kernel has statistics" "$heap" stat -d "$tmp/nowhere"
refused "usage: " "$heap" stat -x
refused "usage: " "$heap" stat 1 2 3
for bad in 0 -1 +1 1.5 1s '' 99999999999 0x1; do
	refused "interval $bad: a whole number" "$heap" stat -- "$bad"
	refused "count $bad: a whole number" "$heap" stat -- 1 "$bad"
done
grep -v zeroed_bytes "$tmp/one/system_pooled/stats" >"$tmp/two/a/stats"
refused "format" "$heap" stat -d "$tmp/two" -s a
mountpoint -q /sys/kernel/debug || refused "no debugfs" "$heap" stat


# The same figures in JSON
"$heap" stat -d "$tmp/one" --json >"$tmp/out" || wrong "stat --json ends with $?"
python3 -c '
import json, sys
s = json.load(open(sys.argv[1]))
if (s["heap"], s["pool_bytes"] >> 10, [o["order"] for o in s["orders"]]) != ("system_pooled", int(sys.argv[2]), [8, 4, 0]):
	print(s)' "$tmp/out" "$(kib pool_bytes 3)" >>"$tmp/wrong" 2>&1

# A file as a heap; what is wrong with it is in FAKE_HEAP.
: >"$tmp/null"
gcc -O2 -Wall -Werror -shared -fPIC -o "$tmp/fake.so" "$HARNESS/check/fake-heap.c" >&2
# fake STATUS WORDS FAULT COMMAND...: with that heap the COMMAND ends with the STATUS, and
# says the WORDS.
fake() {
	local said status=0
	said=$(FAKE_HEAP=$3 LD_PRELOAD=$tmp/fake.so timeout 30 "$heap" "${@:4}" -s "$tmp/null" 2>&1) || status=$?
	if [ "$status" != "$1" ] || ! grep -qF -- "$2" <<<"$said"; then
		wrong "$3: ${*:4} ends with $status: $said"
	fi
}
fake 0 "every byte was zero" "" test -t 1
fake 0 '"fault":null' "" test -t 1 --json
fake 2 "not zeroed" stale test -t 10
fake 2 '"fault":"a new buffer is not zeroed: the word at byte ' stale test -t 10 --json
fake 2 "changed" shared test -t 10
fake 2 "a buffer of" short test -t 10
fake 2 "mmap" closed test -t 10
fake 1 "not one buffer" full test -t 1
mkdir -p "$tmp/heaps/null" "$tmp/off/null"
sed 's/^\(pool_bytes\|queue_bytes\) .*/\1 0/; s/^\(.*_limit_bytes\) .*/\1 1073741824/' "$tmp/heaps/system/stats" >"$tmp/heaps/null/stats"
sed 's/^pool_limit_bytes .*/pool_limit_bytes 0/' "$tmp/heaps/null/stats" >"$tmp/off/null/stats"
fake 2 "holds 0.0 of 8.0 MiB more: an allocation failed" full fill 8M -d "$tmp/heaps"
fake 2 "holds 0.0 of 8.0 MiB more: the pool does not grow" "" fill 8M -d "$tmp/heaps"
fake 2 '"wanted_bytes":8388608,"reached_bytes":0,"ended_by":"stuck"}' "" fill 8M -d "$tmp/heaps" --json
fake 1 "the heap has no pool to fill" "" fill 8M -d "$tmp/two"
fake 1 "the pool is off, as pool_limit_mb is 0" "" fill 8M -d "$tmp/off"
fake 1 "pool_limit_mb is 1024" "" fill 1025M -d "$tmp/heaps"
fake 1 "MiB of memory" "" fill 4000G -d "$tmp/heaps"

for bad in 0 -1 +1 1.5M 1MB M '' 0K 0x10 99999999999999999999 99999999T 'K1' '8 M'; do
	refused "SIZE $bad: a number of bytes" "$heap" fill -- "$bad"
	refused "buffer size $bad: a number of bytes" "$heap" fill 1M -b "$bad"
done
for bad in 0 -1 1s ''; do refused "seconds $bad: a whole number" "$heap" test -t "$bad"; done
for bad in "fill" "fill 1M 2M" "fill 1M -x" "who me" "test 5" "stat -t 1"; do
	# shellcheck disable=SC2086 # words
	refused "usage: dma-heap ${bad%% *} " "$heap" $bad
done
refused "no heap of that name" "$heap" test -s "$tmp/none/heap"
refused "is not a DMA-BUF heap" "$heap" test -s /dev/null
[ -e /dev/dma_heap ] || refused "this kernel has no DMA-BUF heaps" "$heap" fill 1M
[ -e /dev/dma_heap ] || refused "this kernel has no DMA-BUF heaps" "$heap" who
install -m 600 /dev/null "$tmp/private"
[ "$(id -u)" = 0 ] || chmod 0 "$tmp/private"
refused "only root or its group may use it" "${nobody[@]}" "$heap" test -s "$tmp/private"
[ "$("$heap" --help | grep -c '^usage: dma-heap')" = 4 ] || wrong "--help does not list four commands"
"$heap" fill --help | grep -q '^usage: dma-heap fill' || wrong "fill --help has no usage"
! "$heap" nothing 2>/dev/null || wrong "an unknown command succeeds"

# completes WORDS TO: pressing TAB after the words offers what is in TO.
completes() {
	local offered
	offered=$(bash -c '. "$1" && read -ra COMP_WORDS <<<"dma-heap $2" && { [[ $2 = *[!\ ] ]] || COMP_WORDS+=(""); }
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _dma_heap; echo "${COMPREPLY[*]}"' sh \
		"$tmp/root/usr/local/share/bash-completion/completions/dma-heap" "$1")
	[ "$offered" = "$2" ] || wrong "after \"$1\" the completion is: $offered"
}
completes "f" "fill"
completes "t" "test"
completes "" "stat fill who test --help"
completes "fill -" "--json --help -s -d -b -t -n"
completes "stat -t 1 --j" "--json"
completes "fill -b " ""

cat "$tmp/wrong"
[ ! -s "$tmp/wrong" ]
