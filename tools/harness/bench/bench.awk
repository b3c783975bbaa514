# SPDX-License-Identifier: GPL-2.0
#
# Turn lines "result CASE OP HEAP SIZE N P50 P99 MEAN" into JSON (-v json=FILE,
# -v kernel=VERSION, -v machine=NAME, -v unit=UNIT, -v sources=ID) and a table.
#
# The table is at most 100 columns wide: for each case and operation a row of medians per
# heap, the ratio of ours to stock and, of times, the 99th percentile of ours.  Exits
# non-zero when there is no result, or none of a heap and -v partial is empty.

function human(size) {
	if (size >= 1048576) return size / 1048576 " MiB"
	return size / 1024 " KiB"
}

# One row of the table: a cell per size, "-" where there is none.  Nothing is
# printed without any cell.
function row(kind, key, heap,   i, at, cell, line, any) {
	line = ""
	any = 0
	for (i = 1; i <= nsizes; i++) {
		at = key SUBSEP heap SUBSEP size[i]
		cell = "-"
		if (kind == "p50" && at in p50)
			cell = p50[at]
		else if (kind == "p99" && at in p99)
			cell = p99[at]
		else if (kind == "ratio" && at in p50 && p50[key, "stock", size[i]] > 0)
			cell = sprintf("%.3g", p50[at] / p50[key, "stock", size[i]])
		any += cell != "-"
		line = line sprintf(" %10s", cell)
	}
	if (!any) return
	printf "%-10s %-12s%s\n", label, kind == "p50" ? heap : \
		kind == "p99" ? heap " p99" : heap "/stock", line
	label = ""
}

{ sub(/\r$/, "") }
$1 != "result" || NF != 9 { next }
{
	printf "%s{\"case\":\"%s\",\"op\":\"%s\",\"heap\":\"%s\",\"size\":%d,\"n\":%d,\"p50\":%d,\"p99\":%d,\"mean\":%d}", \
		(total++ ? ",\n" : "{\"kernel\":\"" kernel "\",\"machine\":\"" machine "\",\"unit\":\"" unit "\",\"sources\":\"" sources "\",\"results\":[\n"), \
		$2, $3, $4, $5, $6, $7, $8, $9 > json
	key = $2 == $3 ? $2 : $2 " " $3
	if (!(key in keys)) { keys[key] = 1; order[++nkeys] = key }
	if (!($4 in heaps)) { heaps[$4] = 1; heap[++nheaps] = $4 }
	if (!($5 in sizes)) {
		# Kept in order by insertion.
		for (i = ++nsizes; i > 1 && size[i - 1] > $5 + 0; i--) size[i] = size[i - 1]
		size[i] = $5 + 0
		sizes[$5] = 1
	}
	p50[key, $4, $5 + 0] = $7
	p99[key, $4, $5 + 0] = $8
}
END {
	if (!total) exit 1
	printf "\n]}\n" > json
	close(json)
	printf "Linux %s on %s, %s, median\n", kernel, machine, unit
	printf "%-10s %-12s", "case", "heap"
	for (i = 1; i <= nsizes; i++) printf " %10s", human(size[i])
	printf "\n"
	for (k = 1; k <= nkeys; k++) {
		label = order[k]
		for (h = 1; h <= nheaps; h++) row("p50", order[k], heap[h])
		row("ratio", order[k], "system")
		if (unit == "ns") row("p99", order[k], "system")
	}
	bad = 0
	for (i = split("system stock empty", want, " "); i > 0 && !partial; i--)
		if (!(want[i] in heaps)) { printf "no results of heap %s\n", want[i]; bad = 1 }
	exit bad
}
