# SPDX-License-Identifier: GPL-2.0
#
# The tables of table.sh (-v table=NAME, -v unit=UNIT), from what the
# programs print; for zeroing also data for zeroing.gp (-v plot=FILE).
# Exits non-zero when there is nothing of the table asked for.

function human(size) {
	if (size >= 1073741824) return sprintf("%.4g GiB", size / 1073741824)
	if (size >= 1048576) return sprintf("%.4g MiB", size / 1048576)
	return sprintf("%.4g KiB", size / 1024)
}
function head(text) { if (!headed[text]++) print text }

{ sub(/\r$/, "") }

$1 == "zeroing" {
	rows++
	if ($2 == "direct") { direct[$3] = $5; next }
	if (!($4 in seen)) { seen[$4] = 1; batch[++n] = $4 }
	cost[$3, $4] = $5
	if ($6 > flushes[$4] + 0) flushes[$4] = $6
}
$1 == "mapping" {
	rows++
	by[$2, $3, $4] = sprintf("%10d %10d", $6, $7)
	if ($2 == "kept")
		mapped[++nmapped] = sprintf("%-6s %6d %s %s %s", $3 == 9 ? "mixed" : $3, $4, \
			by["vm_map_ram", $3, $4], by["vmap", $3, $4], by["kept", $3, $4])
}

# Bookkeeping of buffers is the same in each report.
$1 == "memory" && $2 == "buffer" {
	rows++
	if (!($4 in seen)) { seen[$4] = 1; size[++n] = $4 }
	bytes[$3, $4] = $5
	entries[$3, $4] = $6
}
$1 == "memory" && $2 == "limits" {
	limits[++nlimits] = sprintf("%12s %16s %16s", human($3 * 1048576), human($4), human($5))
}

$1 == "latency" {
	rows++
	head(sprintf("from the last put until the helper has zeroed the pages and sleeps, us\n" \
		"%-6s %5s %8s %12s %12s %12s", "", "nice", "size", "p50", "p99", "longest"))
	printf "%-6s %5d %8s %12.1f %12.1f %12.1f\n", $2, $3, human($4), $6 / 1000, $7 / 1000, $8 / 1000
}

$1 == "tasks" {
	rows++
	if ($4 == 1) one[$2, $3] = $6
	head(sprintf("%s per operation, of all tasks; buffers of 4 KiB, 64 KiB and 1 MiB\n%-6s %-8s %5s %12s %10s", \
		unit == "ns" ? "CPU time (ns)" : "work (instructions)", "", "heap", "tasks", "cost", "growth"))
	printf "%-6s %-8s %5d %12d %9.1f%%\n", $2, $3, $4, $6, \
		one[$2, $3] ? 100 * $6 / one[$2, $3] - 100 : 0
}
$1 == "held" {
	rows++
	head(sprintf("%s between acquiring and releasing a lock, tracing included; all tasks and the helper", unit))
	head(sprintf("%-6s %8s %5s %7s %6s %6s %7s | times below", "lock", "size", "tasks", "times", "p50", "p99", "longest"))
	for (b = 9; b <= NF; b++)
		buckets = (b == 9 ? "" : buckets) sprintf(" %6s", b == NF ? "more" : 512 * 2 ^ (b - 9))
	head(sprintf("%-51s |%s", "", buckets))
	line = sprintf("%-6s %8s %5d %7d %6d %6d %7d |", $2, human($4), $3, $5, $6, $7, $8)
	for (b = 9; b <= NF; b++) line = line sprintf(" %6s", $b ? $b : ".")
	print line
}
$1 == "turn" {
	rows++
	head(sprintf("elapsed, us for a pair, in turn\n%-6s %4s %6s %10s %10s %14s", \
		"size", "turn", "pairs", "stock", "pooled", "pooled / stock"))
	printf "%-6s %4d %6d %10.1f %10.1f %14.3f\n", human($2), $3, $4, $5 / 1000, $6 / 1000, $6 / $5
}
$1 == "result" && $2 == "loop" {
	median[$4] = $7
	if ($4 == "system")
		printf "%-18s %10.1f %10.1f %14.3f\n", "  median", median["stock"] / 1000, \
			$7 / 1000, $7 / median["stock"]
}
$1 == "waits" { waits[++nwaits] = $0 }

END {
	if (!rows) exit 1
	if (table == "zeroing") {
		printf "zeroing, %s per MiB (and beside the direct map)\n", unit
		printf "%-12s %18s %18s %18s %18s %14s\n", "batch", "order 0", "order 4", "order 8", "mixed", "flushes / GiB"
		printf "%-12s %18d %18d %18d %18d %14s\n", "direct map", direct[0], direct[4], direct[8], direct[9], "-"
		for (i = 1; i <= n; i++) {
			line = sprintf("%-12s", "vmap " batch[i])
			data = batch[i]
			for (j = 0; j < 4; j++) {
				order = j < 3 ? 4 * j : 9
				ratio = cost[order, batch[i]] / direct[order]
				line = line (ratio ? sprintf(" %10d (%.3f)", cost[order, batch[i]], ratio) : \
					sprintf(" %18s", "-"))
				if (order != 9)
					data = data " " ratio
			}
			printf "%s %14.1f\n", line, flushes[batch[i]]
			print data, flushes[batch[i]] > plot
		}
		printf "\nmapping alone, ticks per MiB to map and to unmap\n%-6s %6s %21s %21s %21s\n", \
			"order", "batch", "vm_map_ram()", "vmap()", "one area, kept"
		for (i = 1; i <= nmapped; i++) print mapped[i]
	}
	if (table == "tasks") {
		print "\nwaiting for locks of any kind, ns"
		printf "%-8s %5s %12s %8s %10s %10s %10s\n", "heap", "tasks", "operations", "waits", "p50", "p99", "longest"
		for (i = 1; i <= nwaits; i++) {
			split(waits[i], w, " ")
			printf "%-8s %5d %12d %8d %10d %10d %10d\n", w[2], w[3], w[4], w[5], w[6], w[7], w[8]
		}
	}
	if (table == "memory") {
		print "bookkeeping of a buffer, bytes (scatterlist entries of 32 bytes)"
		printf "%-10s %22s %22s\n", "size", "system", "stock"
		for (i = 1; i <= n; i++)
			printf "%-10s %22s %22s\n", human(size[i]), \
				bytes["system", size[i]] ", of that " entries["system", size[i]] " x 32", \
				bytes["stock", size[i]] " and " entries["stock", size[i]] " x 32"
		print "\nheld at most by default"
		printf "%12s %16s %16s\n", "RAM", "zeroed", "to be zeroed"
		for (i = 1; i <= nlimits; i++) print limits[i]
	}
}
