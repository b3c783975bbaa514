# SPDX-License-Identifier: GPL-2.0
#
# awk -f each.awk FILE: the figures of single patches that messages ask for, as
# fill.awk takes them, from what series/bench.sh wrote to FILE: as it was after the
# patch before, and is with this one.

function row(title, patch, key, heap,   i, line) {
	line = sprintf("%-23s", title)
	for (i = 1; i <= nsizes; i++) {
		if (!((patch, key, heap, size[i]) in p50)) {
			print "error: " FILENAME " has no " patch " " key " " heap > "/dev/stderr"
			failed = 1
			exit 1
		}
		line = line sprintf(" %9d", p50[patch, key, heap, size[i]])
	}
	return line
}
function block(name, title, key, before, heap, patch,   i) {
	printf "@%s@\n%-23s", name, "instructions"
	for (i = 1; i <= nsizes; i++)
		printf " %9s", (size[i] >= 1048576 ? size[i] / 1048576 " MiB" : size[i] / 1024 " KiB")
	print ""
	print row(title ", before", before, key, heap)
	print row(title, patch, key, "system")
	print "@OF_" name "@\nMedians on an emulated processor that counts instructions."
}

BEGIN { FS = "[\":,{}]+" }
/"patch"/ {
	for (i = 2; i < NF; i += 2) field[$i] = $(i + 1)
	p50[field["patch"], field["case"] " " field["op"], field["heap"], field["size"]] = field["p50"]
	if (!(field["size"] in known)) {
		known[field["size"]] = 1
		size[++nsizes] = field["size"]
	}
}
END {
	if (failed) exit 1
	block("DEFER", "close", "close close", "defer", "stock", "defer")
	block("POOL", "allocate", "warm alloc", "defer", "system", "pool")
}
