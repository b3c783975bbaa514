# SPDX-License-Identifier: GPL-2.0
#
# awk -v table=NAME [-v VARIABLE=VALUE...] -f tables.awk FILE...: print what heap-bench has
# measured, a line of JSON for each figure in FILE, as one of these tables:
#   bench, run   medians and ratios below the line title
#   native   the same for each row and size, also to empty, with percentiles and noise
#   message  medians of some rows, for messages of the series, below a line "@name@"
#   try      the page of make try
#   compare  the figures of the second of two FILEs, and what they were in the first
#   guard    the same, and as KTAP whether they are the same
# json=FILE gets the figures as one object, with what the variables say of the machine, and
# plot=FILE those that native.gp draws.  Exits non-zero if something is missing.

function field(name,   s) {
	s = $0
	if (!sub(".*\"" name "\":", "", s)) return ""
	if (sub(/^"/, "", s)) sub(/".*/, "", s)
	else sub(/[,}].*/, "", s)
	return s
}
function human(bytes) {
	if (bytes >= 1073741824) return sprintf("%.4g GiB", bytes / 1073741824)
	if (bytes >= 1048576) return sprintf("%.4g MiB", bytes / 1048576)
	return sprintf("%.4g KiB", bytes / 1024)
}
# The median of the pooled heap, divided by that of another one
function ratio(key, at, to) {
	return p50[key, to, at] ? p50[key, "system", at] / p50[key, to, at] : 0
}

function cost_row(title, key, heap,   i) {
	printf "%-27s", title
	for (i = 1; i <= nsizes; i++) {
		if (!((key, heap, size[i]) in p50)) missing = key " heap " heap " " size[i]
		printf unit == "ns" ? " %8.1f" : " %8d", p50[key, heap, size[i]] / (unit == "ns" ? 1000 : 1)
	}
	printf "\n"
}
function cost(title, key,   i, off) {
	if (!known[key]) {
		absent = key
		return
	}
	cost_row(title ", stock", key, "stock")
	cost_row(title ", pooled", key, "system")
	if (table != "message") printf "%-27s", "    pooled / stock"
	for (i = 1; i <= nsizes; i++) {
		off = noise[key, size[i]] ? noise[key, size[i]] - 1 : 0
		if (off < 0) off = -off
		if (off > most) most = off
		if (table != "message") printf " %8.3g", ratio(key, size[i], "stock")
	}
	if (table != "message") printf "\n"
	if (table == "bench" && key ~ /^(warm|close)/) cost_row(title ", empty", key, "empty")
}
function cost_table(   i, time) {
	time = unit == "ns"
	printf "%s\n%-27s", table == "message" ? "@" name "@" : title, time ? "microseconds" : "instructions"
	for (i = 1; i <= nsizes; i++) printf " %8s", human(size[i])
	printf "\n"
	cost("allocate", time ? "alloc" : "warm alloc")
	if (time) cost("allocate and write", "write")
	else if (table != "run") cost_row("allocate, none cached", "cold alloc", "system")
	cost("close", "close")
	if (time) cost("frames of 16 ms", "frames 16ms")
	cost("loop", time ? "loop" : "churn pair")
	if (time) printf "\nA second instance of stock differed from the first by up to %.0f %%.\n", 100 * most
	# What make run prints is a part.
	if (table != "run") missing = missing ? missing : absent
	if (missing) print "error: " FILENAME " has no " missing > "/dev/stderr"
}

function us(ns) { return sprintf(ns < 9950 ? "%.1f" : "%.0f", ns / 1000) }
function native_row(key, at,   pooled, floor, off) {
	if (!((key, "system", at) in p50)) return
	pooled = p50[key, "system", at]
	floor = ratio(key, at, "empty")
	off = noise[key, at]
	printf "%-11s %7s ", key, at ? human(at) : "trace"
	if (key == "held bytes") printf "%9s %9s\n", "-", human(pooled)
	else if (!off) printf "%9s %9s\n", "-", us(pooled)
	else printf "%9s %9s %9s %9s %8.3f %7s  %.3f%s\n", us(p50[key, "stock", at]), us(pooled), \
		us(p10[key, at]), us(p90[key, at]), ratio(key, at, "stock"), \
		floor ? sprintf("%.3f", floor) : "-", off, (off < 0.97 || off > 1.03 ? "  noise, not valid" : "")
}
function native_table(   i, k, line) {
	line = "%-11s %7s %9s %9s %9s %9s %8s %7s  %s\n"
	printf "%s\n" line line, title, "", "", "stock us", "pooled us", "p10", "p90", "pooled/", "pooled/", \
		"stock2/", "row", "size", "", "", "", "", "stock", "empty", "stock"
	for (k = 1; k <= nkeys; k++)
		for (i = 1; i <= nsizes + 1; i++) native_row(key[k], size[i] + 0)
}
function plot_data(   i, j, n, r, row) {
	n = split("write,frames 16ms,frames 4ms,loop,close", row, ",")
	for (i = 1; i <= nsizes; i++) {
		printf "%s %s %s %s", size[i], p50["alloc", "stock", size[i]] / 1000, \
			p50["alloc", "system", size[i]] / 1000, p50["alloc", "empty", size[i]] / 1000 > plot
		for (j = 1; j <= n; j++) {
			r = ratio(row[j], size[i], "stock")
			printf " %s", (r ? r : "-") > plot
		}
		printf "\n" > plot
	}
}

function fine_us(ns) { return sprintf(ns < 99950 ? "%.2f" : "%.0f", ns / 1000) }
function times(r) { return r ? sprintf(r < 9.95 ? "%.2fx" : r < 99.5 ? "%.1fx" : "%.0fx", r) : "-" }
# Median and 99th percentile of each heap; or medians of two keys, and the ratio of the sums
function try_table(title, key, other,   i, j, x, y, stock, line) {
	printf "\n%s\n%8s | %-15s | %-22s | %s\n%8s", title, "", "stock", "vmap", "direct", "size"
	for (j = 1; j <= nheaps; j++)
		printf " | %7s %7s" (j > 1 ? "  ratio" : ""), (other ? "app" : "median"), (other ? "thread" : "p99")
	printf "\n"
	for (i = 1; i <= nsizes; i++) {
		line = sprintf("%8s", human(size[i]))
		for (j = 1; j <= nheaps; j++) {
			x = p50[key, heap[j], size[i]]
			y = other ? p50[other, heap[j], size[i]] : p99[key, heap[j], size[i]]
			line = line sprintf(" | %7s %7s", fine_us(x), fine_us(y))
			if (other) x += y
			if (j == 1) stock = x
			else line = line sprintf(" %6s", times(x ? stock / x : 0))
		}
		print line
	}
}
function try_page() {
	print "In microseconds, the heaps in turns, the thread asleep.  \"vmap\" and"
	print "\"direct\" are the two zero_methods of the pooled heap; a ratio is stock / pooled."
	print "Of " n["alloc", size[1]] " buffers of " human(size[1]) " to " n["alloc", size[nsizes]] \
		" of " human(size[nsizes]) "."
	try_table("Allocate", "alloc")
	try_table("Allocate, map, write every byte", "use")
	try_table("Close", "close")
	try_table("Every 4 ms: close the oldest of three, allocate, map and write the next", "frame")
	try_table("Allocate and close back to back: what the application waits for", "loop")
	try_table("Processor time for that: the application's, and the heap's thread's (medians)", "self", "thread")
	if (nrows != 7 * 3 * nsizes) missing = "something"
}

function guard(   i, row, off, limit) {
	for (i = 1; i <= nrows; i++) {
		row = rows[i]
		off = was[row] ? 100 * is[row] / was[row] - 100 : 0
		limit = row ~ / stock / ? 5 : 2
		printf "# %-28s %9d, %s\n", row, is[row], was[row] ? \
			sprintf("was %9d, %+6.1f %%", was[row], off) : "no figure in " ARGV[1]
		if (table == "guard")
			printf "%s %d %s\n", (was[row] && off <= limit && off >= -limit ? "ok" : "not ok"), i, row
		delete was[row]
	}
	if (table != "guard") return
	for (row in was)
		if (row ~ /^(warm|close|cold) /) printf "not ok %d %s is no longer measured\n", i++, row
	print "1.." i - 1
}

function write_json() {
	printf "{\"kernel\":\"%s\",\"machine\":\"%s\",\"unit\":\"%s\",\"sources\":\"%s\",", \
		kernel, machine, unit, sources > json
	printf "\"results\":[\n%s\n]}\n", results > json
}

FNR == 1 && ++files == 2 {
	for (row in is) was[row] = is[row]
	split("", is)
	nrows = 0
}
{ sub(/\r$/, "") }
/"unit":/ { unit = field("unit") }
!/"p50":/ { next }
{
	sub(/,$/, "")	# as in a file that json= has made
	op = field("op")
	name_of = field("heap")
	at = field("size") + 0
	row = field("case")
	rows[++nrows] = row " " op " " name_of " " at
	is[rows[nrows]] = field("p50") + 0
	if (row != op) row = row " " op
	if (!known[row]++) key[++nkeys] = row
	if (!listed[name_of]++) heap[++nheaps] = name_of
	if (at && !listed[at]++) size[++nsizes] = at
	p50[row, name_of, at] = field("p50") + 0
	p99[row, name_of, at] = field("p99") + 0
	n[row, at] = field("n")
	noise[row, at] = field("noise") + 0
	if (name_of == "system") {
		p10[row, at] = field("p10") + 0
		p90[row, at] = field("p90") + 0
	}
	results = results (nrows > 1 ? ",\n" : "") $0
}
END {
	if (!nrows) exit 1
	if (table ~ /^(bench|run|message)$/) cost_table()
	if (table == "native") native_table()
	if (plot) plot_data()
	if (table == "try") try_page()
	if (table == "guard" || table == "compare") guard()
	if (json && !missing) write_json()
	exit missing != ""
}
