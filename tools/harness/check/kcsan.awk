# SPDX-License-Identifier: GPL-2.0
#
# Sort KCSAN's reports in a console:
#   awk -v ours=FILE -v rest=FILE -v others=FILE -f kcsan.awk CONSOLE
#
# ours has the names of our functions, one a line.  A report whose title has one of them
# is printed.  Other titles go to others, with their numbers, and lines that belong to no
# report to rest.  The last line counts; the exit is 1 if a report was ours.

BEGIN {
	while ((getline name < ours) > 0) { sub(/\..*/, "", name); our[name] = 1 }
	printf "" >rest
	printf "" >others
}
{ line = $0; sub(/^\[ *[0-9.]+\](\[ *[TC][0-9]+\])? ?/, "", line) }
# A rule of = is before the title and after the last line.
line ~ /^==========+$/ { inside = 0; next }
# "BUG: KCSAN: data-race in A / B", "BUG: KCSAN: ... in A+0x1/0x2"
line ~ /^BUG: KCSAN: / {
	inside = 1
	mine = 0
	title = substr(line, 13)
	names = title
	sub(/.* in /, "", names)
	for (i = split(names, name_of, " / "); i; i--) {
		# Without offset, module, and the suffix of a copy that the compiler made
		sub(/[+ .].*/, "", name_of[i])
		mine = mine || name_of[i] in our
	}
	if (mine) nr_ours++
	else { nr_others++; count[title]++ }
}
inside { if (mine) print "# " line; next }
{ print >rest }
END {
	for (title in count) printf "%d %s\n", count[title], title >others
	printf "%d data races of ours, %d elsewhere in the kernel\n", nr_ours, nr_others
	exit nr_ours > 0
}
