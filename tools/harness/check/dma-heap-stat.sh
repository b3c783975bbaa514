#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# dma-heap-stat.sh: whether dma-heap-stat prints what statistics made up here say,
# with the names that the ABI file has; and one line for each error.  Says
# nothing when all is well.
. "$(dirname "$0")/../lib.sh"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/dma-heap-stat.XXXXXX")
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$tmp"' EXIT
chmod 755 "$tmp"

stat=$tmp/bin/dma-heap-stat
mkdir -p "$tmp/bin" "$tmp/heaps/system" "$tmp/one/system_pooled" "$tmp/two/a" "$tmp/two/b" "$tmp/none"
cp "$TOP"/tools/dma-heap-stat/* "$tmp/bin"
rm -f "$stat"
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
"$stat" -d "$tmp/heaps" 2 2 >>"$tmp/out" &
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

"$stat" -d "$tmp/one" -o >"$tmp/out" || wrong "-o ends with $?"
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
refused "only root" "${nobody[@]}" "$stat" -d "$tmp/secret"
refused "there are those of: system" "$stat" -d "$tmp/heaps" -s other
refused "there are those of:" "$stat" -d "$tmp/two"
refused "no heap of this kernel has statistics" "$stat" -d "$tmp/none"
refused "no heap of this kernel has statistics" "$stat" -d "$tmp/nowhere"
refused "usage: " "$stat" -x
refused "usage: " "$stat" 1 2 3
for bad in 0 -1 +1 1.5 1s '' 99999999999 0x1; do
	refused "interval $bad: a whole number" "$stat" -- "$bad"
	refused "count $bad: a whole number" "$stat" -- 1 "$bad"
done
grep -v zeroed_bytes "$tmp/one/system_pooled/stats" >"$tmp/two/a/stats"
refused "format" "$stat" -d "$tmp/two" -s a
mountpoint -q /sys/kernel/debug || refused "no debugfs" "$stat"

cat "$tmp/wrong"
[ ! -s "$tmp/wrong" ]
