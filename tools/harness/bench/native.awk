# SPDX-License-Identifier: GPL-2.0
#
# Turn lines "native CASE OP HEAP SIZE N P50 P10 P90 MEAN NOISE" into JSON (-v json=FILE,
# in the form of bench.awk) and a table of ratios on stdout (-v kernel=VERSION, -v
# cpu=NAME, -v sources=ID), and into data for native.gp (-v plot=FILE).

function human(size) {
	if (size == 0) return "trace"
	return size >= 1048576 ? size / 1048576 "M" : size / 1024 "K"
}
function us(ns) { return sprintf(ns < 9950 ? "%.1f" : "%.0f", ns / 1000) }

{ sub(/\r$/, "") }
$1 != "native" || NF != 11 { next }
{
	printf "%s{\"case\":\"%s\",\"op\":\"%s\",\"heap\":\"%s\",\"size\":%d,\"n\":%d,\"p50\":%d,\"p10\":%d,\"p90\":%d,\"mean\":%d,\"noise\":%s}", \
		(total++ ? ",\n" : "{\"kernel\":\"" kernel "\",\"machine\":\"uml, " cpu "\",\"unit\":\"ns\",\"sources\":\"" sources "\",\"results\":[\n"), \
		$2, $3, $4, $5, $6, $7, $8, $9, $10, $11 > json
	key = $2 == $3 || $2 == "held" || $2 == "thread" ? $2 : $2 " " $3
	if (!(key in keys)) { keys[key] = 1; order[++nkeys] = key }
	if (!($5 in sizes)) { sizes[$5] = 1; size[++nsizes] = $5 }
	p50[key, $4, $5] = $7
	p10[key, $4, $5] = $8
	p90[key, $4, $5] = $9
	noise[key, $5] = $11
}
function ratio(key, at, heap) { return p50[key, heap, at] / p50[key, "stock", at] }
function cell(key, at) { return (key, "system", at) in p50 ? " " ratio(key, at, "system") : " -" }
END {
	if (!total) exit 1
	printf "\n]}\n" > json
	close(json)
	printf "Linux %s as a program (User Mode Linux) on %s\n", kernel, cpu
	print "zero_method=direct; medians.  It cannot show what a mapping or a TLB flush costs."
	printf "%-11s %6s %9s %9s %9s %9s %8s %7s  %s\n", "", "", "stock us", "pooled us", "p10", "p90", \
		"pooled/", "pooled/", "stock2/"
	printf "%-11s %6s %9s %9s %9s %9s %8s %7s  %s\n", "row", "size", "", "", "", "", "stock", "empty", "stock"
	for (k = 1; k <= nkeys; k++) {
		key = order[k]
		for (i = 1; i <= nsizes; i++) {
			at = size[i]
			if (!((key, "system", at) in p50)) continue
			if (key == "held") {
				printf "%-11s %6s %9s %8.1fM\n", key, human(at), "-", p50[key, "system", at] / 1048576
				continue
			}
			if (key == "thread") {
				printf "%-11s %6s %9s %9s\n", key, human(at), "-", us(p50[key, "system", at])
				continue
			}
			bad = noise[key, at] < 0.97 || noise[key, at] > 1.03
			printf "%-11s %6s %9s %9s %9s %9s %8.3f %7s  %.3f%s\n", key, human(at), us(p50[key, "stock", at]), \
				us(p50[key, "system", at]), us(p10[key, "system", at]), us(p90[key, "system", at]), \
				ratio(key, at, "system"), (key, "empty", at) in p50 ? \
				sprintf("%.3f", p50[key, "system", at] / p50[key, "empty", at]) : "-", \
				noise[key, at], bad ? "  noise, not valid" : ""
		}
	}
	for (i = 1; i <= nsizes; i++) {
		at = size[i]
		if (("alloc", "empty", at) in p50)
			print at, p50["alloc", "stock", at] / 1000, p50["alloc", "system", at] / 1000, \
				p50["alloc", "empty", at] / 1000 cell("write", at) cell("frames 16ms", at) \
				cell("frames 4ms", at) cell("loop", at) cell("close", at) > plot
	}
}
