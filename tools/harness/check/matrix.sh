#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# matrix.sh [PART...]: make test for every kind of kernel, or for the parts named.  For
# android it is make distro.  It prints a line for each part as it ends.  The output of a
# part is in out/matrix/PART.log.
#
# Promises: a part that fails does not stop the rest; one that ends without counting
# has failed; the exit status is 0 only when every part passed.
. "$(dirname "$0")/../lib.sh"
only_x86

# part, and what make runs for it: for the newest kernel unless there is another
list() {
	cat <<-END
		x86        test KERNEL=$(newest)
		6.12       test KERNEL=6.12
		arm64      test KERNEL=$(newest) ARCH=arm64
		mte        test KERNEL=$(newest) ARCH=arm64 BOOTS=mte
		16k        test KERNEL=$(newest) ARCH=arm64 BOOTS=16k
		64k        test KERNEL=$(newest) ARCH=arm64 BOOTS=64k
		64k-lean   test KERNEL=$(newest) ARCH=arm64 BOOTS=64k-lean
		highmem    test KERNEL=$(newest) ARCH=i386 BOOTS=highmem
		rt         test KERNEL=$(newest) BOOTS=rt
		up         test KERNEL=$(newest) BOOTS=up
		modules    test KERNEL=$(newest) BOOTS=modules
		android    distro ONLY=android
	END
}
mapfile -t all < <(list | awk '{ print $1 }')
parts=("$@")
[ $# -gt 0 ] || parts=("${all[@]}")
for part in "${parts[@]}"; do
	[[ " ${all[*]} " = *" $part "* ]] || die "ONLY=$part: must be some of ${all[*]}"
done
[ -z "${KERNEL:-}${BOOTS:-}" ] || die "KERNEL=${KERNEL:-} BOOTS=${BOOTS:-}: matrix.sh has these; ONLY chooses"

lock_file 7 "$OUT/.matrix.lock" "another matrix in this clone"
mkdir -p "$OUT/matrix"
bad=0
for part in "${parts[@]}"; do
	log=$OUT/matrix/$part.log
	started=$SECONDS
	read -r -a words < <(list | awk -v p="$part" '$1 == p { $1 = ""; print }')
	say "$part: make ${words[*]}"
	see=
	env -u MAKEFLAGS -u MAKELEVEL make -s -C "$TOP" "${words[@]}" >"$log" 2>&1 || see=", see $log"
	counts=$(grep -xE '[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1) ||
		counts="it did not end" see=", see $log"
	[ -z "$see" ] || bad=1
	skipped=$(awk '$2 == "skipped" && NF == 2 { n += $1 } END { print n + 0 }' "$log")
	printf '%-10s %s, %d skipped, %d s%s\n' "$part" "$counts" "$skipped" \
		$((SECONDS - started)) "$see"
done
exit "$bad"
