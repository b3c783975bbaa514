# SPDX-License-Identifier: GPL-2.0
#
# awk -v table=NAME [-v VARIABLE=VALUE...] -f tables.awk FILE...: print what heap-bench has
# measured, a line of JSON for each figure in FILE, as one of these tables:
#   bench, run, native, try   medians and ratios below the line title
#   message  medians of some rows, for messages of the series, below a line "@name@"
#   compare  the figures of the second of two FILEs, and what they were in the first
#   guard    that, and as KTAP whether the two agree
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
	if (bytes >= 1048576) return sprintf("%.4g MiB", bytes / 1048576)
	return sprintf("%.4g KiB", bytes / 1024)
}
# The median of a pooled heap, divided by that of stock
function ratio(key, at, pooled) {
	return p50[key, "stock", at] ? p50[key, pooled, at] / p50[key, "stock", at] : 0
}
# What a second instance of stock differs by
function noise(key, at,   by) {
	by = noises[key, at] ? noises[key, at] - 1 : 0
	return by < 0 ? -by : by
}
function called(heap) { return heap == "system" ? "pooled" : heap }

function cost_row(title, key, heap,   i) {
	printf "%-27s", title
	for (i = 1; i <= nsizes; i++) {
		if (!((key, heap, size[i]) in p50)) missing = key " heap " heap " " size[i]
		printf time ? " %8.1f" : " %8d", p50[key, heap, size[i]] / (time ? 1000 : 1)
	}
	printf "\n"
}
function ratio_row(key, heap,   i) {
	printf "%-27s", "    " called(heap) " / stock"
	for (i = 1; i <= nsizes; i++)
		printf " %8s", sprintf("%.3g", ratio(key, size[i], heap)) (noise(key, size[i]) > 0.03 ? "~" : "")
	printf "\n"
}
function cost(title, key,   i, j) {
	if (!known[key]) {
		absent = key
		return
	}
	for (i = 1; i <= nsizes; i++) if (noise(key, size[i]) > most) most = noise(key, size[i])
	cost_row(title ", stock", key, "stock")
	for (j = 1; j <= nheaps; j++) {
		if (heap[j] ~ /^(stock|empty)/) continue
		cost_row(title ", " called(heap[j]), key, heap[j])
		if (table != "message") ratio_row(key, heap[j])
	}
	if (table != "message" && (key, "empty", size[1]) in p50) cost_row(title ", empty", key, "empty")
}
function cost_table(   i) {
	time = unit == "ns" || table == "try"
	if (table == "try")
		title = "Medians; the heaps took turns.  \"vmap\" and \"direct\" are the two zero_methods of the\n" \
			"pooled heap; \"the thread\" is the CPU time of its thread for an allocation of the loop.\n"
	printf "%s\n%-27s", table == "message" ? "@" name "@" : title, time ? "microseconds" : "instructions"
	for (i = 1; i <= nsizes; i++) printf " %8s", human(size[i])
	printf "\n"
	cost("allocate", time ? "alloc" : "warm alloc")
	if (table == "native") cost("allocate, in a row", "hot alloc")
	if (time) cost("allocate and write", "write")
	else if (table != "run") cost_row("allocate, none cached", "cold alloc", "system")
	cost("close", "close")
	if (table == "native") cost("close, in a row", "hot close")
	if (table ~ /native|try/) cost("frames of 4 ms", "frames 4ms")
	if (time) cost("frames of 16 ms", "frames 16ms")
	cost("loop", time ? "loop" : "churn pair")
	# User Mode Linux counts the CPU time of a thread in ticks.
	for (i = 2; table == "try" && i <= nheaps; i++) cost_row("  the thread, " heap[i], "thread", heap[i])
	if (table == "native" && known["held bytes"]) {
		printf "%-27s", "  held at its end, KiB"
		for (i = 1; i <= nsizes; i++) printf " %8d", p50["held bytes", "system", size[i]] / 1024
		printf "\n"
	}
	if (table == "native") cost("loop of two tasks", "loop2")
	if (table == "native" && known["mix"])
		printf "trace of a window system    %.0f, pooled %.0f, pooled / stock %.3g%s\n", \
			p50["mix", "stock", 0] / 1000, p50["mix", "system", 0] / 1000, \
			ratio("mix", 0, "system"), (noise("mix", 0) > 0.03 ? "~" : "")
	if (most)
		printf "\nA second instance of stock differed from the first by up to %.0f %%.\n", 100 * most
	# make run and a part of make bench-native print only some rows.
	if (table !~ /run|native/) missing = missing ? missing : absent
	if (missing) print "error: " FILENAME " has no " missing > "/dev/stderr"
}

function plot_data(   i, j, n, r, row) {
	n = split("write,frames 16ms,frames 4ms,loop", row, ",")
	for (i = 1; i <= nsizes; i++) {
		printf "%s %s %s %s", size[i], p50["alloc", "stock", size[i]] / 1000, \
			p50["alloc", "system", size[i]] / 1000, p50["alloc", "empty", size[i]] / 1000 > plot
		for (j = 1; j <= n; j++) {
			r = ratio(row[j], size[i], "system")
			printf " %s", (r ? r : "-") > plot
		}
		printf "\n" > plot
	}
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
	known[row] = 1
	if (!listed[name_of]++) heap[++nheaps] = name_of
	if (at && !listed[at]++) size[++nsizes] = at
	p50[row, name_of, at] = field("p50") + 0
	noises[row, at] = field("noise") + 0
	results = results (nrows > 1 ? ",\n" : "") $0
}
END {
	if (!nrows) exit 1
	if (table == "guard" || table == "compare") guard()
	else cost_table()
	if (plot) plot_data()
	if (json && !missing) write_json()
	exit missing != ""
}
