# SPDX-License-Identifier: GPL-2.0
#
# awk -v kernel=NAME [-v lenient=1] -f series-fill.awk NUMBERS MESSAGE: the message
# with each "@NAME@" replaced by what NUMBERS has under that name: a line "@NAME@",
# then the text.  What stands between the lines "@ONLY KERNEL...@" and "@END@" is
# left out for other kernels.  Exits non-zero when there are no such figures,
# unless it is lenient: then "@NAME@" stays.

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
	print out line
}
END { exit failed }
