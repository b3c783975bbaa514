# SPDX-License-Identifier: GPL-2.0
#
# Judge a report of KTAP sections.  Run as
#   awk -v boot=NAME [-v skips=SKIPS] -f ktap.awk TESTS REPORT
#
# TESTS has the lines that were to run ("boot name kind seconds command..."),
# SKIPS the skips that are allowed and must be ("boot name: words of the skipped
# line", "*" in boot being anything), REPORT what the guest's init wrote (see init.sh).
#
# kind says what counts as one test:
#   ktap   each result line of the program itself
#   kunit  each case of each suite
#   exit   the program's exit status, the only result it has
# A section that is missing, unfinished, ended badly, empty, or shorter than its
# plan is a failed test of its own; so is a KUnit suite, or a case's parameters, of
# which there are not as many results as planned.  Failures are printed with the lines that
# led to them; the last line is "counts PASSED FAILED SKIPPED".

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

# KUnit's plans and results by depth: suites, their cases, a case's parameters.
# tally(D): what is complete at depth D, and below, has as many as were planned.
function tally(d) {
	if (d < 2) tally(d + 1)
	if (d in due && due[d] != got[d])
		fail(sprintf("%s: %d results of %d planned", d ? title[d] : "suites", got[d], due[d]))
	else if (d == 1 && d in title && !(d in due))
		fail(title[d] ": no plan")
	delete due[d]; delete got[d]; delete title[d]
}
function depth() { match($0, /^ */); return RLENGTH / 4 }

function begin(name) {
	section = name
	ended[name] = 0
	results = planned = npassed = nfailed = nskipped = nkept = 0
	has_plan = 0
	split("", due); split("", got); split("", title)
}

function end(how) {
	ended[section] = 1
	if (kind[section] == "exit") {
		if (how == "exit=0") pass(); else fail(how)
	} else {
		if (how == "timeout" || how ~ /^signal/)
			fail(how)
		else if (how != "exit=0" && !nfailed && !(how == "exit=4" && nskipped))
			fail(how " although no test failed")
		tally(0)
		if (!results && !nfailed)
			fail("no results")
		else if (kind[section] == "ktap" && has_plan && results != planned && how == "exit=0")
			fail(sprintf("%d results of %d planned", results, planned))
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
kind[section] == "kunit" && /^ *# Subtest: / { tally(depth()); title[depth()] = $3 }
kind[section] == "kunit" && /^ *1\.\.[0-9]+/ { due[depth()] += substr($1, 4) }
# Some kernels print no plan of a case's parameters, but how many there were.
kind[section] == "kunit" && /^    # .* total:[0-9]+$/ && 2 in title && !(2 in due) {
	due[2] = substr($NF, 7) + 0
}
kind[section] == "kunit" && /^ *(not )?ok / { got[depth()]++; tally(depth() + 1) }
kind[section] == "kunit" && /^    (not )?ok / { result(substr($0, 5)); next }
# A suite fails without a failed case when its own set-up fails.
kind[section] == "kunit" && /^not ok / { if (!nfailed) result($0); next }
kind[section] == "ktap" && /^(not )?ok / { result($0); next }
kind[section] == "ktap" && /^1\.\.[0-9]+/ {
	has_plan = 1
	planned = substr($1, 4) + 0
	if ($0 ~ /# *SKIP/) result("ok # SKIP " $0)
	next
}
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
			fail("did not skip, as it should by skips.list: " allowed[i])
	}
	printf "counts %d %d %d\n", passed, failed, skipped
}
