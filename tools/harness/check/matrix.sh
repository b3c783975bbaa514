#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# matrix.sh [PART...]: make test for every kind of kernel, or for the parts named.  For
# android it is make distro.  It prints a line for each part as it ends, and a table at the
# end, which is also in out/matrix.json.  The output of a part is in out/matrix/PART.log.
#
# Promises: a part that fails does not stop the rest; one that ends without counting
# has failed; the exit status is 0 only when every part passed.
. "$(dirname "$0")/../lib.sh"
only_x86

# part, and the variables of make test or, if it begins with ONLY, of make distro; the
# newest kernel unless there is another
list() {
	cat <<-'END'
		x86
		6.12       KERNEL=6.12
		arm64      ARCH=arm64
		mte        ARCH=arm64 BOOTS=mte
		16k        ARCH=arm64 BOOTS=16k
		64k        ARCH=arm64 BOOTS=64k
		highmem    ARCH=i386 BOOTS=highmem
		rt         BOOTS=rt
		up         BOOTS=up
		modules    BOOTS=modules
		android    ONLY=android
	END
}
newest=$(supported | cut -d ' ' -f 1)
mapfile -t all < <(list | awk '{ print $1 }')
parts=("$@")
[ $# -gt 0 ] || parts=("${all[@]}")
for part in "${parts[@]}"; do
	[[ " ${all[*]} " = *" $part "* ]] || die "ONLY=$part: must be some of ${all[*]}"
done
[ -z "${KERNEL:-}${BOOTS:-}" ] || die "KERNEL=${KERNEL:-} BOOTS=${BOOTS:-}: matrix.sh has these; ONLY chooses"

lock_file 7 "$OUT/.matrix.lock" "another matrix in this clone"
work=$OUT/matrix
mkdir -p "$work"
: >"$work/table"
bad=0
for part in "${parts[@]}"; do
	log=$work/$part.log
	read -r -a words < <(list | awk -v p="$part" -v newest="$newest" '$1 == p {
		$1 = ""
		print (/KERNEL=|ONLY=/ ? "" : "KERNEL=" newest) $0 }')
	started=$SECONDS
	verb=test script=("$HARNESS/test.sh")
	[[ ${words[0]} != ONLY=* ]] || verb=distro script=("$HARNESS/distro.sh" -l "${words[0]#*=}")
	say "$part: make $verb ${words[*]}"
	env "${words[@]}" "${script[@]}" >"$log" 2>&1 || true
	if [[ $(tail -n 1 "$log") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
		counts="${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
	else
		counts="0 1"
	fi
	[[ $counts = [1-9]*" 0" ]] || bad=1
	skipped=$(awk '$2 == "skipped" && NF == 2 { n += $1 } END { print n + 0 }' "$log")
	echo "$part $counts $skipped $((SECONDS - started)) ${words[*]}" >>"$work/table"
	tail -n 1 "$work/table" | awk -v log_file="$log" '{
		printf "%-10s %5d passed, %d failed, %d skipped, %d s", $1, $2, $3, $4, $5
		print $3 || !$2 ? ", see " log_file : "" }'
done
awk -v sources="$(sources_id)" -v json="$OUT/matrix.json" '
	BEGIN {
		row = "%-10s %7s %7s %7s %7s  %s\n"
		printf "\n" row, "part", "passed", "failed", "skipped", "seconds", "variables"
		object = "%s\n{\"part\":\"%s\",\"passed\":%d,\"failed\":%d,\"skipped\":%d," \
			"\"seconds\":%d,\"variables\":\"%s\"}"
		printf "{\"sources\":\"%s\",\"parts\":[", sources >json
	}
	{
		words = $6
		for (i = 7; i <= NF; i++) words = words " " $i
		printf row, $1, $2, $3, $4, $5, words
		printf object, (NR > 1 ? "," : ""), $1, $2, $3, $4, $5, words >json
	}
	END { print "\n]}" >json }' "$work/table"
say "written: $OUT/matrix.json"
exit "$bad"
