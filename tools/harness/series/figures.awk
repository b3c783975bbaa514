# SPDX-License-Identifier: GPL-2.0
#
# awk -v name=NAME -f figures.awk FILE: a table of medians for messages of the series,
# from what "make bench" or "make bench-native" wrote to FILE, after a line "@NAME@".
# Exits non-zero when some are missing.

function row(title, key, heap,   i, line) {
	line = sprintf("%-27s", title)
	for (i = 1; i <= nsizes; i++) {
		if (!((key, heap, size[i]) in p50)) {
			print "error: " FILENAME " has no " key " " heap " " size[i] > "/dev/stderr"
			exit 1
		}
		line = line sprintf(time ? " %8.1f" : " %8d", p50[key, heap, size[i]] / (time ? 1000 : 1))
	}
	print line
}
function both(title, key) {
	row(title ", stock", key, "stock")
	row(title ", pooled", key, "system")
}

BEGIN { FS = "[\":,{}]+" }
/"unit"/ { time = /"unit":"ns"/ }
/"p50"/ {
	for (i = 2; i < NF; i += 2) field[$i] = $(i + 1)
	p50[field["case"] " " field["op"], field["heap"], field["size"]] = field["p50"]
	if ((field["case"] == "warm" || field["case"] == "loop") && field["heap"] == "system")
		size[++nsizes] = field["size"]
}
END {
	if (!nsizes) { print "error: " FILENAME " has no results" > "/dev/stderr"; exit 1 }
	printf "@%s@\n%-27s", name, time ? "microseconds" : "instructions"
	for (i = 1; i <= nsizes; i++)
		printf " %8s", (size[i] >= 1048576 ? size[i] / 1048576 " MiB" : size[i] / 1024 " KiB")
	print ""
	both("allocate", time ? "alloc alloc" : "warm alloc")
	if (time) both("allocate and write", "write write")
	else row("allocate, none cached", "cold alloc", "system")
	both("close", "close close")
	if (time) both("frames of 16 ms", "frames 16ms")
	both("loop", time ? "loop loop" : "churn pair")
}
