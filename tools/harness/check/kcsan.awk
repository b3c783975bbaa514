# SPDX-License-Identifier: GPL-2.0
#
# KCSAN's reports in a console.  Run as
#   awk -v ours=FILE -v rest=FILE -v others=FILE -f kcsan.awk CONSOLE
#
# ours has the names of functions, one a line; a report whose title has one of them
# is printed.  All other titles go to others, each with how often it came, and the
# lines that belong to no report to rest.  The last line counts; the exit is 1 if a
# report was ours.

# The functions that a title names, without offset, module and the suffix of a copy
# that the compiler made: "... KCSAN: data-race in A / B", "... KCSAN: ... in A+0x1/0x2".
function is_ours(title,   names, n, i) {
	n = split(title, names, " / ")
	for (i = 1; i <= n; i++) {
		sub(/[+ .].*/, "", names[i])
		if (names[i] in our)
			return 1
	}
	return 0
}

BEGIN {
	while ((getline name < ours) > 0) {
		sub(/\..*/, "", name)
		our[name] = 1
	}
	printf "" >rest
	printf "" >others
}

{ line = $0; sub(/^\[ *[0-9.]+\](\[ *[TC][0-9]+\])? ?/, "", line) }

# A rule of = before the title and after the last line.
!in_report && line ~ /^==========+$/ { next }
line ~ /^BUG: KCSAN: / {
	in_report = 1
	title = line
	sub(/^BUG: KCSAN: /, "", title)
	kind = title
	sub(/.* in /, "", title)
	mine = is_ours(title)
	if (mine)
		nr_ours++
	else {
		nr_others++
		count[kind]++
	}
}
in_report {
	if (line ~ /^==========+$/)
		in_report = 0
	else if (mine)
		print "# " line
	next
}
{ print >rest }

END {
	for (kind in count)
		printf "%d %s\n", count[kind], kind >others
	printf "%d data races of ours, %d elsewhere in the kernel\n", nr_ours, nr_others
	exit nr_ours > 0
}
