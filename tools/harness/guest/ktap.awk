# SPDX-License-Identifier: GPL-2.0
#
# Judge a report of KTAP sections.  Run as
#   awk -v boot=NAME [-v skips=SKIPS] -f ktap.awk TESTS REPORT
#
# TESTS lists the tests to run ("boot name kind seconds command...").  SKIPS lists the
# skips that are allowed and required ("boot name: words of the skipped line"; "*" in boot
# matches anything).  REPORT is what the guest's init wrote (see init.sh).
#
# kind says what counts as one test:
#   ktap   each result line of the program itself
#   kunit  each case of each suite
#   exit   the program's exit status, the only result it has
# A section that is missing, unfinished or empty, ended badly, or lacks planned results
# counts as one more failed test.  Failures are printed with the lines that led to
# them; the last line is "counts PASSED FAILED SKIPPED".

function pass() { passed++; npassed++ }
function fail(why,   i) {
	failed++; nfailed++
	printf "FAILED %s: %s\n", section, why
	for (i = (nkept > 30 ? nkept - 30 : 0); i < nkept; i++)
		printf "    | %s\n", kept[i]
	nkept = 0
}
function skip(line,   i) {
	for (i in allowed)
		if (index(line, allowed[i]) && allowed_in[i] == section) {
			printf "skipped %s: %s\n", section, line
			happened[i] = 1
			skipped++; nskipped++
			return
		}
	fail("skipped, which is not allowed: " line)
}

# One result line, without its indent.
function result(line) {
	results++
	if (line ~ /# *SKIP/) skip(line)
	else if (line ~ /^ok/) { pass(); nkept = 0 }
	else fail(line)
}

# The indent of a result: 0 a program or a KUnit suite, 4 a case, 8 a parameter of a case
function indent() { match($0, /^ */); return RLENGTH }

function begin(name) {
	section = name
	ended[name] = 0
	results = npassed = nfailed = nskipped = nkept = 0
	split("", due)
	split("", got)
}

function end(how,   i) {
	ended[section] = 1
	if (kind[section] == "exit") {
		if (how == "exit=0") pass(); else fail(how)
	} else {
		if (how == "timeout" || how ~ /^signal/)
			fail(how)
		else if (how != "exit=0" && !nfailed && !(how == "exit=4" && nskipped))
			fail(how " although no test failed")
		if (!results && !nfailed)
			fail("no results")
		for (i in due)
			if (due[i] != got[i] && how == "exit=0")
				fail(sprintf("%d results of %d planned, at indent %d", got[i], due[i], i))
	}
	printf "%s: %d passed, %d failed, %d skipped\n", section, npassed, nfailed, nskipped
	section = ""
}

BEGIN {
	while (skips != "" && (getline <skips) > 0) {
		if ($0 ~ /^#/ || !(i = index($0, ":"))) continue
		where = $1
		gsub("[*]", ".*", where)
		if (boot !~ "^" where "$") continue
		allowed_in[++nallowed] = substr($2, 1, length($2) - 1)
		allowed[nallowed] = substr($0, i + 2)
	}
}
FILENAME == ARGV[1] {
	if ($0 !~ /^#/ && NF && $1 == boot) { order[++count] = $2; kind[$2] = $3 }
	next
}

{ sub(/\r$/, "") }
$1 == "@@BEGIN" { begin($2); next }
$1 == "@@END" && section != "" { end($3); next }
$1 == "@@DONE" || section == "" { next }
/^(    )?1\.\.[0-9]+/ { due[indent()] += substr($1, 4) }
/^    # .* total:[0-9]+$/ { due[8] += substr($NF, 7) }
/^ *(not )?ok / { got[indent()]++ }
kind[section] == "kunit" && /^    (not )?ok / { result(substr($0, 5)); next }
# A suite fails without a failed case when its own set-up fails.
kind[section] == "kunit" && /^not ok / { if (!nfailed) result($0); next }
kind[section] == "ktap" && /^(not )?ok / { result($0); next }
kind[section] == "ktap" && /^1\.\.[0-9]+/ { if ($0 ~ /# *SKIP/) result("ok # SKIP " $0); next }
NF { kept[nkept++] = $0 }

END {
	if (section != "")
		fail("the guest ended in the middle of it")
	for (i = 1; i <= count; i++) {
		section = order[i]
		nkept = 0
		if (!(section in ended)) fail("did not run")
	}
	for (i = 1; i <= nallowed; i++) {
		section = allowed_in[i]
		if (section in ended && !(i in happened))
			fail("was not skipped, though skips.list requires it: " allowed[i])
	}
	printf "counts %d %d %d\n", passed, failed, skipped
}
