# SPDX-License-Identifier: GPL-2.0
#
# awk -v kernel=NAME [-v lenient=1] -f fill.awk NUMBERS MESSAGE: the message
# with each "@NAME@" replaced by what NUMBERS has under that name: a line "@NAME@",
# then the text.  What stands between the lines "@ONLY KERNEL...@" and "@END@" is
# left out for other kernels.  A paragraph with figures in its lines is wrapped anew,
# as they seldom have the length of their names.  Exits non-zero when there are no
# such figures, unless it is lenient: then "@NAME@" stays.

# wrap: the paragraph kept so far, at most 75 columns wide if it was changed.
function wrap(   i, k, n, words, line, rest) {
	match(par[2], /^ */)
	rest = npar > 1 ? substr(par[2], 1, RLENGTH) : ""
	line = ""
	for (i = 1; i <= npar; i++) {
		if (!filled) { print par[i]; continue }
		if (i == 1) { match(par[1], /^ */); line = substr(par[1], 1, RLENGTH) }
		n = split(par[i], words, " ")
		for (k = 1; k <= n; k++) {
			if (line ~ /[^ ]/ && length(line) + 1 + length(words[k]) > 75) {
				print line
				line = rest
			}
			line = line (line ~ /[^ ]/ ? " " : "") words[k]
		}
	}
	if (filled && npar) print line
	npar = filled = 0
}
FILENAME == ARGV[1] {
	if ($0 ~ /^@[A-Z_0-9]+@$/) { name = $0; block[name] = ""; next }
	block[name] = block[name] (block[name] == "" ? "" : "\n") $0
	next
}
/^@ONLY .*@$/ {
	only = $0
	sub(/^@ONLY /, " ", only)
	sub(/@$/, " ", only)
	skip = !index(only, " " kernel " ")
	next
}
/^@END@$/ { skip = 0; next }
skip { next }
/^ *$/ || /^@[A-Z][A-Z_0-9]*@$/ || /^ - / { wrap() }
{
	line = $0
	out = ""
	while (match(line, /@[A-Z][A-Z_0-9]*@/)) {
		name = substr(line, RSTART, RLENGTH)
		if (!(name in block) && !lenient) {
			print "error: no figures for " name > "/dev/stderr"
			failed = 1
			exit
		}
		out = out substr(line, 1, RSTART - 1) (name in block ? block[name] : name)
		line = substr(line, RSTART + RLENGTH)
	}
	out = out line
	if ($0 ~ /^ *$/ || $0 ~ /^@[A-Z][A-Z_0-9]*@$/) { print out; next }
	par[++npar] = out
	if (out != $0) filled = 1
}
END {
	if (failed) exit 1
	wrap()
}
