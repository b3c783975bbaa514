#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# docs.sh DIR: check our documents with the kernel tree in DIR.  htmldocs of them, and of
# the sources they include, gives no warning.  ABI files are valid and complete.  References
# lead somewhere.  MAINTAINERS covers our files.
#
# Prints KTAP lines, and the findings of a failed test before its line.
#
# htmldocs of all of driver-api takes minutes.  So it reads only the kernel's documents that
# the series touches, and the tables of contents that name them.  Warnings of these tables
# about unread documents do not count.  Promises: only graft.sh writes to the kernel tree.
. "$(dirname "$0")/../lib.sh"

tree=$1/linux
work=$1/build/docs
html=$work/html
log=$work/docs.log
heaps=drivers/dma-buf/heaps

lock_tree "$1"
"$HARNESS/kernel/graft.sh" "$1"

ours() { (cd "$TOP" && find "$@" -type f 2>/dev/null | sort); }

# Ours, and the kernel's that kernel/series.edit has changed; no tables of contents.
documents() { grep -E '^Documentation/.*\.rst$' "$1/grafted" | grep -v '/index\.rst$'; }

# Sources that one of our documents includes.
commented() {
	(cd "$TOP" && grep -rhs '^\.\. kernel-doc::' Documentation) | sed 's/.*:: *//' | sort -u
}

rm -rf "$work"
mkdir -p "$work"
pages=$(documents "$1" | sed 's,^Documentation/,,; p; s,[^/]*$,index.rst,' | sort -u | paste -s -d ,)
failure=
# What the kernel's make htmldocs runs.
(cd "$tree" && srctree=. PYTHONPYCACHEPREFIX=$work/py nice sphinx-build -q "-j$JOBS" -b html \
	-c Documentation -D version="$(cat "$1/version")" -D kerneldoc_srctree=. \
	-D kerneldoc_bin=scripts/kernel-doc -D exclude_patterns=netlink \
	-D "include_patterns=index.rst,admin-guide/abi-testing*,$pages" \
	-d "$work/doctrees" Documentation "$html") >"$log" 2>&1 </dev/null ||
	failure=$(echo "sphinx failed"; tail -n 10 "$log")
# What it says about our documents, and about the files that they include.
found=$({ documents "$1" | sed 's,^Documentation/,,; s,\.rst$,,'; commented; ours Documentation/ABI; } |
	grep -F -f - "$log" | sed "s,$tree/,,g") || true
result "htmldocs" "$failure$found"
found=$(documents "$1" | sed 's,^Documentation/,,; s,rst$,html,' | while read -r page; do
	[ -s "$html/$page" ] || echo "no $page was made"
done)
result "htmldocs makes a page of each document" "$found"

get_abi=tools/docs/get_abi.py
[ -e "$tree/$get_abi" ] || get_abi=scripts/get_abi.pl	# before 6.15
failure=
abi=$(cd "$tree" && PYTHONPYCACHEPREFIX=$work/py $get_abi --dir Documentation/ABI validate 2>&1) ||
	failure=$(echo "$get_abi failed"; tail -n 10 <<<"$abi")
result "ABI validate" "$failure$(grep -F -f <(ours Documentation/ABI) <<<"$abi")"

# Compare the names in the code with those in the ABI files.
abi_dir=$TOP/Documentation/ABI/testing
found=$(diff <(sed -n 's/^[a-z]*_param_cb(\([a-z_]*\),.*/\1/p' "$tree/$heaps/system_heap.c" | sort) \
	<(sed -n 's,^What:.*/parameters/,,p' "$abi_dir/sysfs-module-system_heap" | sort)) || true
result "ABI names every parameter" "$found"
found=$(diff <({
	sed -n 's/.*\(show_bytes(m\|seq_printf(m\|seq_puts(m\), "\([a-z][a-z_ ]*\).*/\2/p' \
		"$TOP/$heaps/heap_debugfs.c"
	sed -n 's/.*debugfs_create_file[a-z_]*("\([a-z]*\)".*/\1/p' "$TOP/$heaps/heap_debugfs.c"
} | tr -s ' ' '\n' | sort) <(sed -n '
	s,^What:.*/,,p
	s/^\t\t\([a-z][a-z_]*\)\t.*/\1/p' "$abi_dir/debugfs-dma-heap" | sort)) || true
result "ABI names every statistic" "$found"

found=$(cd "$TOP" && grep -roHE 'Documentation/[A-Za-z0-9_./-]+[A-Za-z0-9_]' \
	drivers include tools/testing Documentation MAINTAINERS | while IFS=: read -r file path; do
	[ -e "$tree/$path" ] || echo "$file names $path, which is not there"
done)
result "references to files" "$found"

found=$(sed -n 's/^[FX]:[ \t]*//p' "$TOP/MAINTAINERS" | while read -r pattern; do
	compgen -G "$tree/$pattern" >/dev/null || echo "$pattern matches no file"
done)
result "MAINTAINERS patterns match files" "$found"
# system_heap.edit is not a file of the kernel.
found=$(cd "$tree" && for file in $(ours drivers include tools/testing Documentation | grep -v '\.edit$'); do
	perl scripts/get_maintainer.pl --no-git --no-git-fallback -f "$file" 2>&1 |
		grep ":DMA-BUF HEAPS " >/dev/null || echo "$file"
done)
result "MAINTAINERS covers our files" "$found"
result_end
