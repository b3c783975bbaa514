#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# host.sh DIR: check our files without a guest, with the tools of the kernel tree in DIR:
# checkpatch and kernel-doc for each file, a W=1 build and sparse for the heaps' objects,
# kunit.py, and shellcheck for the harness.  Errors have to be one line, the backport has to
# fit, and the series that cut.sh makes has to apply.
#
# Prints KTAP lines, and the findings of a failed test before its line.
. "$(dirname "$0")/../lib.sh"

tree=$1/linux
build=$1/build/check
log=$build/check.log
heaps=drivers/dma-buf/heaps

lock_tree "$1"
"$HARNESS/kernel/graft.sh" "$1"

# What is ours in the tree: the repository's own sources, without fragments.
sources() {
	(cd "$TOP" && find drivers include tools/testing -name '*.[ch]' 2>/dev/null | sort)
}

# Findings of a compiler or of sparse, in our files only.
findings() {
	grep -E '(warning|error):' "$log" | sed "s,$tree/,,; s,^\(\.\./\)*,," |
		grep -F -f <(sources | grep -v ^tools/) | sort -u || true
}

heaps_make() {
	"$HARNESS/kernel/build.sh" "$log" "$1" -C "$tree" O="$build" W=1 "${@:2}" "$heaps/"
}

mapfile -t files < <(sources; find "$HARNESS/guest/tests" "$TOP/tools/dma-heap" -name '*.[ch]' | sort)
checkpatch() { cd "$tree" && perl scripts/checkpatch.pl -q --strict --terse --no-summary --show-types -f "$@"; }
result "checkpatch" "$(complaint checkpatch "${files[@]}")"
mapfile -t files < <(sources | grep ^drivers/)
found=$(cd "$tree" && scripts/kernel-doc -none -Wall "${files[@]}" 2>&1) || true
result "kernel-doc" "$found"

result "shellcheck tools/harness .ci/run" \
	"$(complaint shellcheck -f gcc "$HARNESS"/*.sh "$HARNESS"/*/*.sh "$TOP/.ci/run")"

# The series for older kernels can be checked without their sources.
version=$(cat "$1/version")
for edits in "$HARNESS"/kernel/[0-9]*.edit; do
	name=$(basename "$edits" .edit)
	# This tree already has the backport, which was checked above.
	[[ $version != "$name".* ]] || continue
	found=$("$HARNESS/kernel/stage.sh" series "$version" "$build/series" "$1/orig" "$tree" 2>&1 &&
		perl "$HARNESS/kernel/edit.pl" "$name" "$TOP" "$build/series/.edited" \
			"$build/series" -- "$edits" 2>&1) || found=${found:-it failed and did not say why}
	rm -rf "$build/series"
	result "backport to $name" "$found"
done

# Run it as docs/integrating.md says.  This kernel has little more than the heap, and no debugfs.
kunit() {
	cd "$tree" && env -u MAKEFLAGS "CCACHE_DIR=$CACHE/ccache" timeout 900 \
		tools/testing/kunit/kunit.py run --kunitconfig="$heaps" --build_dir="$1/build/kunit" \
		--jobs="$JOBS" --make_options "CC=ccache gcc" </dev/null
}
result "kunit.py with $heaps/.kunitconfig" "$(complaint kunit "$1" | tail -n 20)"

result "dma-heap" "$(complaint "$HARNESS/check/dma-heap.sh")"
result "errors are one line" "$(complaint "$HARNESS/check/errors.sh")"
result "each mutant finds its text" "$("$HARNESS/check/mutants.sh" --check 2>&1)"
result "the series is cut and applies" "$(complaint "$HARNESS/patches.sh" test)"

"$HARNESS/kernel/config.sh" "$1" debug
mkdir -p "$build"
put "$1/build/debug/.config" "$build/.config"
# Objects that are there already would not be compiled, nor warned about.
find "$build/$heaps" -name '*.o' -delete 2>/dev/null || true
failure=$(complaint heaps_make "checked objects")
result "W=1 build of $heaps" "$failure$(findings)"
# An old sparse does not know a keyword that newer kernels use, nor that the length of a
# literal is constant.  The makefiles would skip such a sparse, or it would stop with an error.
sparse="sparse -D__typeof_unqual__=__typeof__ '-D__builtin_strlen(s)=(sizeof(s)-1)'"
failure=$(complaint heaps_make "sparse" C=2 "CHECK=$sparse")
! grep -q "is not available or not up to date" "$log" || failure="sparse did not run"
result "sparse on $heaps" "$failure$(findings)"
result_end
