# SPDX-License-Identifier: GPL-2.0
#
# awk -v version=X.Y.Z -f numbers.awk FILE: the figures that messages of the
# series ask for, as fill.awk takes them, from what bench.sh wrote to FILE.
# "before" is the kernel's own heap, built into the same kernel.  With -v arch=ARM64
# only @COSTS_ARM64@.  Exits non-zero when they are of another kernel, or some are
# missing.

function name_of(size) {
	return size >= 1048576 ? size / 1048576 " MiB" : size / 1024 " KiB"
}
function need(key) {
	if (!(key in p50)) {
		print "error: " FILENAME " has no " key > "/dev/stderr"
		failed = 1
		exit 1
	}
	return p50[key]
}
function row(title, case_op, heap,   i, line) {
	line = sprintf("%-23s", title)
	for (i = 1; i <= nsizes; i++)
		line = line sprintf(" %9d", need(case_op " " heap " " sizes[i]))
	return line
}
function both(title, case_op) {
	print row(title ", before", case_op, "stock")
	print row(title, case_op, "system")
}
function costs() {
	both("allocate", "warm alloc")
	print row("allocate, pool empty", "cold alloc", "system")
	both("close", "close close")
	both("loop of both", "churn pair")
}
function ratio(a, b) { return sprintf(a / b >= 10 ? "%.0f" : "%.2f", a / b) }

# However the file is broken into lines: one "key":value after the other.
{
	line = $0
	while (match(line, /"[a-z0-9]+"[ ]*:[ ]*("[^"]*"|[0-9.]+)/)) {
		pair = substr(line, RSTART, RLENGTH)
		line = substr(line, RSTART + RLENGTH)
		key = pair
		sub(/^"/, "", key)
		sub(/".*/, "", key)
		value = pair
		sub(/^"[a-z0-9]+"[ ]*:[ ]*/, "", value)
		gsub(/"/, "", value)
		field[key] = value
		if (key != "p50") continue
		p50[field["case"] " " field["op"] " " field["heap"] " " field["size"]] = value
		if (field["case"] == "warm" && field["heap"] == "system") sizes[++nsizes] = field["size"] + 0
	}
}

END {
	if (failed) exit 1
	if (field["kernel"] != version) {
		print "error: " FILENAME " is of linux " field["kernel"] ", not " version > "/dev/stderr"
		exit 1
	}
	if (field["unit"] != "instructions") {
		print "error: " FILENAME " counts " field["unit"] "; the messages want instructions (plain make bench)" > "/dev/stderr"
		exit 1
	}
	if (!nsizes) {
		print "error: " FILENAME " has no results" > "/dev/stderr"
		exit 1
	}
	head = sprintf("%-23s", field["unit"])
	for (i = 1; i <= nsizes; i++)
		head = head sprintf(" %9s", name_of(sizes[i]))

	if (arch) {
		print "@COSTS_" arch "@\n" head
		costs()
		exit
	}
	print "@COSTS@\n" head
	costs()

	# Of all patches together; series/bench.sh measures each.
	print "@DEFER@\n" head
	both("close", "close close")
	print "@POOL@\n" head
	both("allocate", "warm alloc")
	split("DEFER POOL", patch, " ")
	for (i = 1; i <= 2; i++)
		print "@OF_" patch[i] "@\nMedians on an emulated processor that counts instructions, of all patches\ntogether; \"before\" or \"stock\" is the heap without any."

	print "@MIX_RATIO@\n" ratio(need("mix pair system 0"), need("mix pair stock 0"))
	for (i = 1; i <= nsizes; i++) {
		loop = need("churn pair system " sizes[i]) / need("churn pair stock " sizes[i])
		if (loop > worst) worst = loop
	}
	print "@LOOP_WORST@\n" ratio(worst, 1)
}
