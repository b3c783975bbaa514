# SPDX-License-Identifier: GPL-2.0
#
# Turn heap-bench's lines "result CASE OP HEAP SIZE N P50 P99 MEAN" into JSON
# (-v json=FILE, -v kernel=VERSION) and a table of medians on stdout, at most
# 100 columns wide: for each case and operation a row per heap, a column per
# size, and the ratio system/stock.  Exits non-zero when there is no result, or
# none of a heap.

function human(size) {
	if (size >= 1048576) return size / 1048576 " MiB"
	return size / 1024 " KiB"
}

{ sub(/\r$/, "") }
$1 != "result" || NF != 9 { next }
{
	printf "%s{\"case\":\"%s\",\"op\":\"%s\",\"heap\":\"%s\",\"size\":%d,\"n\":%d,\"p50\":%d,\"p99\":%d,\"mean\":%d}", \
		(total++ ? ",\n" : "{\"kernel\":\"" kernel "\",\"machine\":\"tcg-icount\",\"unit\":\"instructions\",\"results\":[\n"), \
		$2, $3, $4, $5, $6, $7, $8, $9 > json
	key = $2 " " $3
	if (!(key in keys)) { keys[key] = 1; order[++nkeys] = key }
	if (!($4 in heaps)) { heaps[$4] = 1; heap[++nheaps] = $4 }
	if (!($5 in sizes)) {
		# Kept in order by insertion.
		for (i = ++nsizes; i > 1 && size[i - 1] > $5 + 0; i--) size[i] = size[i - 1]
		size[i] = $5 + 0
		sizes[$5] = 1
	}
	p50[key, $4, $5 + 0] = $7
}
END {
	if (!total) exit 1
	printf "\n]}\n" > json
	close(json)
	printf "Linux %s, instructions, median\n", kernel
	printf "%-15s %-13s", "case", "heap"
	for (i = 1; i <= nsizes; i++) printf " %11s", human(size[i])
	printf "\n"
	for (k = 1; k <= nkeys; k++) {
		key = order[k]
		label = key
		for (h = 1; h <= nheaps; h++) {
			line = ""
			any = 0
			for (i = 1; i <= nsizes; i++) {
				has = ((key, heap[h], size[i]) in p50)
				any += has
				line = line sprintf(" %11s", has ? p50[key, heap[h], size[i]] : "-")
			}
			if (!any) continue
			printf "%-15s %-13s%s\n", label, heap[h], line
			label = ""
		}
		line = ""
		any = 0
		for (i = 1; i <= nsizes; i++) {
			has = ((key, "system", size[i]) in p50) && p50[key, "stock", size[i]] > 0
			any += has
			line = line sprintf(" %11s", has ? sprintf("%.3g", p50[key, "system", size[i]] / p50[key, "stock", size[i]]) : "-")
		}
		if (any) printf "%-15s %-13s%s\n", "", "system/stock", line
	}
	bad = 0
	for (i = split("system stock empty", want, " "); i > 0; i--)
		if (!(want[i] in heaps)) { printf "no results of heap %s\n", want[i]; bad = 1 }
	exit bad
}
