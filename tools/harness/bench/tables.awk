# SPDX-License-Identifier: GPL-2.0
#
# awk -v table=NAME [-v VARIABLE=VALUE...] -f tables.awk FILE...: print what heap-bench has
# measured, a line of JSON for each figure in FILE, as one of these tables:
#   bench    medians by heap and size; of times, also the 99th percentile
#   native   medians in microseconds, ratios, and noise; plot=FILE gets data for native.gp
#   try      the page of make try
#   run      the table of make run; the other lines of FILE stand below
#   message  medians of some rows, for messages of the series, below a line "@name@"
#   guard    as KTAP, whether the figures are those of the first of two FILEs
#   compare  the figures of two FILEs and their ratios
# json=FILE gets the figures as one object, with what the variables say of the machine.
# Exits non-zero if something is missing.

function field(name,   s) {
	s = $0
	if (!sub(".*\"" name "\":", "", s)) return ""
	if (sub(/^"/, "", s)) sub(/".*/, "", s)
	else sub(/[,}].*/, "", s)
	return s
}
function quote(text) {
	gsub(/[\\"]/, "\\\\&", text)
	return "\"" text "\""
}
function human(bytes) {
	if (bytes >= 1073741824) return sprintf("%.4g GiB", bytes / 1073741824)
	if (bytes >= 1048576) return sprintf("%.4g MiB", bytes / 1048576)
	return sprintf("%.4g KiB", bytes / 1024)
}
# The medians of two heaps, divided; 0 if there is one only
function ratio(key, at, heap, to) {
	return ((key, heap, at) in p50) && p50[key, to, at] ? p50[key, heap, at] / p50[key, to, at] : 0
}

# A cell per size, "-" where there is none.  Nothing is printed without any cell.
function bench_row(title, key, heap, values,   i, line, any) {
	for (i = 1; i <= nsizes; i++) {
		any += values[key, heap, size[i]] != ""
		line = line sprintf(" %10s", values[key, heap, size[i]] == "" ? "-" : values[key, heap, size[i]])
	}
	if (!any) return
	printf "%-10s %-12s%s\n", label, title, line
	label = ""
}
function bench_table(   i, k, of_stock, names) {
	printf "Linux %s on %s, %s, median\n%-10s %-12s", kernel, machine, unit, "case", "heap"
	for (i = 1; i <= nsizes; i++) printf " %10s", human(size[i])
	printf "\n"
	for (k = 1; k <= nkeys; k++) {
		label = key[k]
		for (i = 1; i <= nheaps; i++) bench_row(heap[i], key[k], heap[i], p50)
		for (i = 1; i <= nsizes; i++)
			if (ratio(key[k], size[i], "system", "stock"))
				of_stock[key[k], "", size[i]] = sprintf("%.3g", ratio(key[k], size[i], "system", "stock"))
		bench_row("system/stock", key[k], "", of_stock)
		if (unit == "ns") bench_row("system p99", key[k], "system", p99)
	}
	for (i = split("system stock", names, " "); i > 0 && !partial; i--)
		if (!(names[i] in known)) missing = missing "no results of heap " names[i] "\n"
	printf "%s", missing
}

function us(ns) { return sprintf(ns < 9950 ? "%.1f" : "%.0f", ns / 1000) }
function short(bytes,   text) {
	text = human(bytes)
	sub(/ /, "", text)
	sub(/iB/, "", text)
	return text
}
function native_row(key, at,   floor) {
	printf "%-11s %6s ", key, short(at)
	floor = ratio(key, at, "system", "empty")
	printf "%9s %9s %9s %9s %8.3f %7s  %.3f%s\n", us(p50[key, "stock", at]), us(p50[key, "system", at]), \
		us(p10[key, at]), us(p90[key, at]), ratio(key, at, "system", "stock"), \
		floor ? sprintf("%.3f", floor) : "-", noise[key, at], \
		(noise[key, at] < 0.97 || noise[key, at] > 1.03 ? "  noise, not valid" : "")
}
function native_table(   i, j, k, n, of_stock) {
	printf "Linux %s as a program (User Mode Linux) on %s\n", kernel, cpu
	print "zero_method=direct; medians.  It cannot show what a mapping or a TLB flush costs."
	line = "%-11s %6s %9s %9s %9s %9s %8s %7s  %s\n"
	printf line, "", "", "stock us", "pooled us", "p10", "p90", "pooled/", "pooled/", "stock2/"
	printf line, "row", "size", "", "", "", "", "stock", "empty", "stock"
	for (k = 1; k <= nkeys; k++)
		for (i = 1; i <= nsizes; i++)
			if ((key[k], "system", size[i]) in p50) native_row(key[k], size[i])
	n = split("write,frames 16ms,frames 4ms,loop,close", of_stock, ",")
	for (i = 1; i <= nsizes; i++) {
		if (!(("alloc", "empty", size[i]) in p50)) continue
		printf "%s", size[i] > plot
		for (j = 1; j <= 3; j++) printf " %s", p50["alloc", heap[j == 3 ? 4 : j], size[i]] / 1000 > plot
		for (j = 1; j <= n; j++) {
			line = ratio(of_stock[j], size[i], "system", "stock")
			printf " %s", (line ? line : "-") > plot
		}
		printf "\n" > plot
	}
}

function fine_us(ns) { return sprintf(ns < 99950 ? "%.2f" : "%.0f", ns / 1000) }
function times(r) { return r ? sprintf(r < 9.95 ? "%.2fx" : r < 99.5 ? "%.1fx" : "%.0fx", r) : "-" }
# Two columns of each heap, and a ratio of what they have in sum if that is another key
function try_table(title, left, right, a, a_values, b, b_values,   i, j, x, y, stock, line) {
	printf "\n%s\n%8s | %-15s | %-22s | %s\n", title, "", "stock", "vmap", "direct"
	printf "%8s | %7s %7s | %7s %7s %6s | %7s %7s %6s\n", \
		"size", left, right, left, right, "ratio", left, right, "ratio"
	for (i = 1; i <= nsizes; i++) {
		line = sprintf("%8s", human(size[i]))
		for (j = 1; j <= nheaps; j++) {
			x = a_values[a, heap[j], size[i]]
			y = b_values[b, heap[j], size[i]]
			line = line sprintf(" | %7s %7s", fine_us(x), fine_us(y))
			if (a != b) x += y
			if (j == 1) stock = x
			else line = line sprintf(" %6s", times(x ? stock / x : 0))
		}
		print line
	}
}
function try_page() {
	print "The pooled DMA-BUF system heap beside the kernel's own, in real time\n"
	print "kernel   " kernel
	print "CPU      " cpu ", " cpus " online" (note ? "; " note : "")
	print "memory   " human(memory_kib * 1024) "; at most " human(pool) " cached, " human(queue) " waiting"
	print "driver   sources " sources
	print "\nIn microseconds, the heaps in turns, the thread asleep.  \"vmap\" and"
	print "\"direct\" are the two zero_methods of the pooled heap; a ratio is stock / pooled."
	print "Of " n["alloc", size[1]] " buffers of " human(size[1]) " to " n["alloc", size[nsizes]] \
		" of " human(size[nsizes]) "."
	try_table("Allocate", "median", "p99", "alloc", p50, "alloc", p99)
	try_table("Allocate, map, write every byte", "median", "p99", "use", p50, "use", p99)
	try_table("Close", "median", "p99", "close", p50, "close", p99)
	try_table("Every 4 ms: close the oldest of three, allocate, map and write the next", \
		"median", "p99", "frame", p50, "frame", p99)
	try_table("Allocate and close back to back: what the application waits for", \
		"median", "p99", "loop", p50, "loop", p99)
	try_table("Processor time for that: the application's, and the heap's thread's (medians)", \
		"app", "thread", "self", p50, "thread", p50)
	print "\nThen all of " human(checked) " in buffers of all sizes was read, and every byte was"
	print "zero.  " human(reused) " of that were pages used before, from the pool."
	if (checks != 2 || nrows != 7 * 3 * nsizes) missing = "something"
}

function run_table(   i, k, stock, pooled, line) {
	printf "What one buffer costs, in instructions (median of %d, thread idle)\n\n", n["close", size[1]]
	line = "%8s | %10s %10s %7s | %10s %10s %7s\n"
	printf line, "", "allocate", "", "", "close", "", ""
	printf line, "size", "stock", "pooled", "ratio", "stock", "pooled", "ratio"
	print "---------+-------------------------------+------------------------------"
	for (i = 1; i <= nsizes; i++) {
		printf "%8s", human(size[i])
		for (k = 1; k <= nkeys; k++) {
			stock = p50[key[k], "stock", size[i]]
			pooled = p50[key[k], "system", size[i]]
			line = stock / (pooled ? pooled : 1)
			printf " | %10d %10d %7s", stock, pooled, sprintf(line < 9.95 ? "%.1fx" : "%.0fx", line)
		}
		printf "\n"
	}
}

function message_row(title, key, heap,   i, off) {
	printf "%-27s", title
	for (i = 1; i <= nsizes; i++) {
		if (!size[i]) continue
		off = noise[key, size[i]] ? noise[key, size[i]] - 1 : 0
		if (off < 0) off = -off
		if (off > most) most = off
		if (!((key, heap, size[i]) in p50)) missing = key " " heap " " size[i]
		printf unit == "ns" ? " %8.1f" : " %8d", p50[key, heap, size[i]] / (unit == "ns" ? 1000 : 1)
	}
	printf "\n"
}
function message_rows(title, key) {
	message_row(title ", stock", key, "stock")
	message_row(title ", pooled", key, "system")
}
function message_table(   i, time) {
	time = unit == "ns"
	printf "@%s@\n%-27s", name, time ? "microseconds" : "instructions"
	for (i = 1; i <= nsizes; i++) if (size[i]) printf " %8s", human(size[i])
	printf "\n"
	message_rows("allocate", time ? "alloc" : "warm alloc")
	if (time) message_rows("allocate and write", "write")
	else message_row("allocate, none cached", "cold alloc", "system")
	message_rows("close", "close")
	if (time) message_rows("frames of 16 ms", "frames 16ms")
	message_rows("loop", time ? "loop" : "churn pair")
	if (time) printf "\nA second instance of stock differed from the first by up to %.0f %%.\n", 100 * most
	if (missing) print "error: " ARGV[1] " has no " missing > "/dev/stderr"
}

function guard(   i, row, off, limit) {
	for (i = 1; i <= nrows; i++) {
		row = rows[i]
		off = was[row] ? 100 * is[row] / was[row] - 100 : 0
		limit = row ~ / stock / ? 5 : 2
		printf "# %s: %d, %s\n", row, is[row], was[row] ? \
			sprintf("was %d, %+.1f %%", was[row], off) : "no figure in " ARGV[1]
		printf "%s %d %s\n", (was[row] && off <= limit && off >= -limit ? "ok" : "not ok"), i, row
		delete was[row]
	}
	for (row in was)
		if (row ~ /^(warm|close|cold) .* (system|stock) /) printf "not ok %d %s is no longer measured\n", i++, row
	print "1.." i - 1
}
function compare(   i, row, part, r) {
	printf "%-13s %8s %12s %12s %8s\n", "case", "size", name, "now", "ratio"
	for (i = 1; i <= nrows; i++) {
		row = rows[i]
		split(row, part, " ")
		r = was[row] ? is[row] / was[row] : 0
		printf "%-13s %8s %12s %12d %8s%s\n", part[1] (part[1] == part[2] ? "" : " " part[2]), \
			human(part[4]), (row in was ? was[row] : "-"), is[row], (r ? sprintf("%.3f", r) : "-"), \
			(r >= 1.02 ? "  slower" : r && r <= 0.98 ? "  faster" : "")
	}
}

function write_json(   head) {
	head = "{\"kernel\":" quote(kernel)
	if (table == "try") {
		printf "%s,\"cpu\":%s,\"cpus\":%d,\"memory_kib\":%d,\"note\":%s", head, quote(cpu), cpus, \
			memory_kib, quote(note) > json
		printf ",\"unit\":\"ns\",\"sources\":%s,\n", quote(sources) > json
		printf "\"pool_limit_bytes\":%d,\"queue_limit_bytes\":%d,\"checked_bytes\":%d,", pool, queue, checked > json
		printf "\"reused_bytes\":%d,\"stale_bytes\":0,\n", reused > json
	} else {
		printf "%s,\"machine\":%s,\"unit\":%s,\"sources\":%s,", head, quote(machine), quote(unit), \
			quote(sources) > json
	}
	printf "\"results\":[\n%s\n]}\n", results > json
}

FNR == 1 && ++files == 2 {
	for (row in is) was[row] = is[row]
	split("", is)
	nrows = 0
}
{ sub(/\r$/, "") }
/"unit":/ { unit = field("unit") }
$1 == "limits" { pool = $2; queue = $3 }
$1 == "checked" { checked += $3; reused += $4; checks++ }
!/"p50":/ {
	if (table == "run" && nrows && !shown++) run_table()
	if (table == "run") print
	next
}
{
	sub(/,$/, "")	# as in a file that json= has made
	op = field("op")
	name_of = field("heap")
	at = field("size") + 0
	row = field("case")
	rows[++nrows] = row " " op " " name_of " " at
	is[rows[nrows]] = field("p50") + 0
	if (row == "") row = op
	if (row != op) row = row " " op
	if (!known[row]++) key[++nkeys] = row
	if (!known[name_of]++) heap[++nheaps] = name_of
	if (!listed[at]++) size[++nsizes] = at
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
	if (table == "bench") bench_table()
	if (table == "native") native_table()
	if (table == "try") try_page()
	if (table == "message") message_table()
	if (table == "guard") guard()
	if (table == "compare") compare()
	if (json && !(table == "try" && missing)) write_json()
	exit missing != ""
}
