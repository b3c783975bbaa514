# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
#
# How out/NAME/ gets what runs in the guest; sourced after ../lib.sh, with these set:
#   out   that directory
#   made  where programs are compiled
#   log   of the compiler

mkdir -p "$out/bin" "$made"
: >"$log"
kept=" "
failed() { tail -n 30 "$log" >&2; die "compiling $1 failed ($log)"; }

keep() {	# FILE NAME
	put "$1" "$out/bin/$2"
	chmod +x "$out/bin/$2"
	kept="$kept$2 "
}

# compile NAME FLAG... SOURCE...: a static program.
compile() {
	"${cross}gcc" -O2 -Wall -static -pthread \
		-I "$TOP/tools/testing/selftests/dmabuf-heaps" -o "$made/$1" "${@:2}" -lm \
		>>"$log" 2>&1 || failed "$1"
	keep "$made/$1" "$1"
}

# Remove other programs from bin/, such as one whose source was removed.
only_kept() {
	local program
	for program in "$out"/bin/*; do
		[[ $kept = *" $(basename "$program") "* ]] || rm -f "$program"
	done
}
