#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# matrix.sh [PART...]: run tests on other kinds of kernel: all parts, or those named.  The
# output of a part is in out/matrix/PART.log.  The last line is "N passed, N failed".
#
# Promises: a part that fails does not stop the rest; one that ends without counting
# has failed.
. "$(dirname "$0")/../lib.sh"
. "$HARNESS/check/judge.sh"
only_x86

# part, and what it runs, for the newest kernel unless the part sets KERNEL
list() {
	cat <<-END
		6.12       KERNEL=6.12 ./test.sh
		arm64      ARCH=arm64 ./test.sh
		mte        ARCH=arm64 BOOTS=mte ./test.sh
		16k        ARCH=arm64 BOOTS=16k ./test.sh
		64k        ARCH=arm64 BOOTS=64k ./test.sh
		64k-lean   ARCH=arm64 BOOTS=64k-lean ./test.sh
		highmem    ARCH=i386 BOOTS=highmem ./test.sh
		rt         BOOTS=rt ./test.sh
		up         BOOTS=up ./test.sh
		modules    BOOTS=modules ./test.sh
		android    ./distro.sh -l android
	END
}
mapfile -t all < <(list | awk '{ print $1 }')
parts=("$@")
[ $# -gt 0 ] || parts=("${all[@]}")
for part in "${parts[@]}"; do
	[[ " ${all[*]} " = *" $part "* ]] || die "ONLY=$part: must be some of ${all[*]}"
done
[ -z "${KERNEL:-}${BOOTS:-}" ] || die "KERNEL=${KERNEL:-} BOOTS=${BOOTS:-}: each part sets these itself; choose parts with ONLY="

lock_file 7 "$OUT/.matrix.lock" "another matrix in this clone"
logs=$OUT/matrix
KERNEL=$(newest)
export KERNEL
cd "$HARNESS"
for part in "${parts[@]}"; do
	read -r -a words < <(list | awk -v p="$part" '$1 == p { $1 = ""; print }')
	other "$part" "${words[@]}"
done
summary
