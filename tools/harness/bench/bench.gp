# SPDX-License-Identifier: GPL-2.0
#
# Draw what bench.awk wrote to data (columns: size, alloc of stock, system and
# empty, cold alloc of system, close of stock, system and empty) into the SVG
# file out; unit says of what.  Both axes are logarithmic.
set terminal svg size 960,430 font "sans-serif,13" background "#ffffff"
set output out
set logscale x 2
set logscale y 10
set xtics ("4 KiB" 4096, "64 KiB" 65536, "1 MiB" 1048576, "8 MiB" 8388608, "32 MiB" 33554432) \
	nomirror rotate by -35
set xrange [2800:50000000]
set ytics nomirror ("1 k" 1e3, "10 k" 1e4, "100 k" 1e5, "1 M" 1e6, "10 M" 1e7, "100 M" 1e8, "1 G" 1e9)
set border 3
set grid ytics lc rgb "#dddddd" lt 1
set key top left reverse Left samplen 2 spacing 1.2
set style line 1 lc rgb "#b2182b" lw 2.5 pt 7 ps 0.7
set style line 2 lc rgb "#2166ac" lw 2.5 pt 7 ps 0.7
set style line 3 lc rgb "#888888" lw 1.5 dt 2 pt 6 ps 0.6
set style line 4 lc rgb "#92c5de" lw 2 dt 4 pt 6 ps 0.6
stats data using 2 nooutput
top = STATS_max
stats data using 4 nooutput
set yrange [10 ** floor(log10(STATS_min * 0.6)):10 ** ceil(log10(top * 3))]
times(a, b) = sprintf("%.0f×", a / b)

set multiplot layout 1,2
set title "Allocate a buffer, " . unit
plot data using 1:2 with linespoints ls 1 title "stock", \
	'' using 1:5 with linespoints ls 4 title "pooled, pool empty", \
	'' using 1:3 with linespoints ls 2 title "pooled", \
	'' using 1:4 with linespoints ls 3 title "a buffer without memory", \
	'' using 1:(sqrt($2 * $3)):($2 > 2 * $3 ? times($2, $3) : "") with labels \
		tc rgb "#555555" notitle
set title "Close it, " . unit
plot data using 1:6 with linespoints ls 1 title "stock", \
	'' using 1:7 with linespoints ls 2 title "pooled", \
	'' using 1:8 with linespoints ls 3 title "a buffer without memory", \
	'' using 1:(sqrt($6 * $7)):($6 > 2 * $7 ? times($6, $7) : "") with labels \
		tc rgb "#555555" notitle
unset multiplot
