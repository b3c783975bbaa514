# SPDX-License-Identifier: GPL-2.0
#
# The plot of bench.gp in letters, for where there are no pictures: from the same
# data (columns: size, alloc of stock, system and empty, ...; -v unit=UNIT) a bar
# for each, whose length is the logarithm, so many signs for each power of ten.

BEGIN {
	decade = 12
	from = 1000
	if (unit == "ns") from = 100
	printf "allocate a buffer, %s, on a logarithmic scale from %d\n", unit, from
}

function human(size) {
	return size >= 1048576 ? size / 1048576 " MiB" : size / 1024 " KiB"
}

function bar(label, name, value, sign,   i, line) {
	for (i = decade * log(value / from) / log(10); i > 0.5; i--) line = line sign
	printf "%7s %-6s |%s %d\n", label, name, line, value
}

$2 > 0 && $3 > 0 && $4 > 0 {
	bar(human($1), "stock", $2, "#")
	bar("", "pooled", $3, "=")
	bar("", "empty", $4, "-")
}
