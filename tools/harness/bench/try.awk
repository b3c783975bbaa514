# SPDX-License-Identifier: GPL-2.0
#
# What heap-try printed, as JSON (-v json=FILE) and as a page of text on stdout.
# The machine: -v kernel= cpu= cpus= memory_kib= note= sources=.  Exits non-zero
# when something was not measured or not checked.

function quote(text) {
	gsub(/[\\"]/, "\\\\&", text)
	return "\"" text "\""
}
function human(bytes) {
	if (bytes >= 1073741824) return sprintf("%.4g GiB", bytes / 1073741824)
	if (bytes >= 1048576) return sprintf("%.4g MiB", bytes / 1048576)
	return sprintf("%.4g KiB", bytes / 1024)
}
function us(ns) { return sprintf(ns < 99950 ? "%.2f" : "%.0f", ns / 1000) }
function ratio(stock, ours,   r) {
	if (!ours) return "-"
	r = stock / ours
	return sprintf(r < 9.95 ? "%.2fx" : r < 99.5 ? "%.1fx" : "%.0fx", r)
}
function get(kind, op, name, size,   key) {
	key = op SUBSEP name SUBSEP size
	if (!(key in p50)) { missing = 1; return 0 }
	return kind == "p50" ? p50[key] : p99[key]
}

function head(title, a, b) {
	printf "\n%s\n", title
	printf "%8s | %-15s | %-22s | %s\n", "", "stock", "vmap", "direct"
	printf "%8s | %7s %7s | %7s %7s %6s | %7s %7s %6s\n", "size", a, b, a, b, "ratio", a, b, "ratio"
}
function table(title, op,   i, j, line) {
	head(title, "median", "p99")
	for (i = 1; i <= nsizes; i++) {
		line = sprintf("%8s |", human(size[i]))
		for (j = 1; j <= 3; j++) {
			line = line sprintf(" %7s %7s", us(get("p50", op, name[j], size[i])), \
				us(get("p99", op, name[j], size[i])))
			if (j > 1)
				line = line sprintf(" %6s", ratio(get("p50", op, "stock", size[i]), \
					get("p50", op, name[j], size[i])))
			line = line (j < 3 ? " |" : "")
		}
		print line
	}
}
function cpu_table(   i, j, all, stock, line) {
	head("Processor time for that: the application's, and the heap's thread's (medians)", "app", "thread")
	for (i = 1; i <= nsizes; i++) {
		line = sprintf("%8s |", human(size[i]))
		for (j = 1; j <= 3; j++) {
			all = get("p50", "self", name[j], size[i]) + get("p50", "thread", name[j], size[i])
			line = line sprintf(" %7s %7s", us(get("p50", "self", name[j], size[i])), \
				us(get("p50", "thread", name[j], size[i])))
			if (j == 1) stock = all
			else line = line sprintf(" %6s", ratio(stock, all))
			line = line (j < 3 ? " |" : "")
		}
		print line
	}
}

{ sub(/\r$/, "") }
$1 == "result" && $2 == "try" && NF == 9 {
	if (!($5 in sizes)) { sizes[$5] = 1; size[++nsizes] = $5 }
	p50[$3, $4, $5] = $7
	p99[$3, $4, $5] = $8
	results = results (results ? ",\n" : "") sprintf( \
		"{\"op\":\"%s\",\"heap\":\"%s\",\"size\":%d,\"n\":%d,\"p50\":%d,\"p99\":%d,\"mean\":%d}", $3, $4, $5, $6, $7, $8, $9)
	if ($3 == "alloc") n[$5] = $6
}
$1 == "limits" { pool = $2; queue = $3 }
$1 == "checked" { checked += $3; reused += $4; methods++ }

END {
	split("stock vmap direct", name, " ")
	if (!nsizes || methods != 2) exit 1
	print "The pooled DMA-BUF system heap beside the kernel's own, in real time\n"
	print "kernel   " kernel
	print "CPU      " cpu ", " cpus " online" (note ? "; " note : "")
	print "memory   " human(memory_kib * 1024) "; at most " human(pool) " cached, " human(queue) " waiting"
	print "driver   sources " sources
	print "\nIn microseconds, the heaps in turns, the thread asleep.  \"vmap\" and"
	print "\"direct\" are the two zero_methods of the pooled heap; a ratio is stock / pooled."
	print "Of " n[size[1]] " buffers of " human(size[1]) " to " n[size[nsizes]] " of " human(size[nsizes]) "."
	table("Allocate", "alloc")
	table("Allocate, map, write every byte", "use")
	table("Close", "close")
	table("Every 4 ms: close the oldest of three, allocate, map and write the next", "frame")
	table("Allocate and close back to back: what the application waits for", "loop")
	cpu_table()
	print "\nThen all of " human(checked) " in buffers of all sizes was read, and every byte was"
	print "zero.  " human(reused) " of that were pages used before, from the pool."
	if (missing) exit 1
	printf "{\"kernel\":%s,\"cpu\":%s,\"cpus\":%d,\"memory_kib\":%d,\"note\":%s,\"unit\":\"ns\",\"sources\":%s,\n", \
		quote(kernel), quote(cpu), cpus, memory_kib, quote(note), quote(sources) > json
	printf "\"pool_limit_bytes\":%d,\"queue_limit_bytes\":%d,\"checked_bytes\":%d,\"reused_bytes\":%d,\"stale_bytes\":0,\n", \
		pool, queue, checked, reused > json
	printf "\"results\":[\n%s\n]}\n", results > json
}
