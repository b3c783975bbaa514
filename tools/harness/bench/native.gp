# SPDX-License-Identifier: GPL-2.0
#
# Draw the file data, from tables.awk, into the SVG file out; cpu is the processor's name.
# Columns: size; microseconds to allocate from stock, system and empty; then system / stock
# of write, frames of 16 and of 4 ms, and loop.
set terminal svg size 960,430 font "sans-serif,13" background "#ffffff"
set output out
set datafile missing "-"
set logscale x 2
set xtics ("4 KiB" 4096, "64 KiB" 65536, "1 MiB" 1048576, "8 MiB" 8388608, "32 MiB" 33554432) \
	nomirror rotate by -35
set xrange [2800:50000000]
set ytics nomirror
set border 3
set grid ytics lc rgb "#dddddd" lt 1
set key top left reverse Left samplen 2 spacing 1.2
set style line 1 lc rgb "#b2182b" lw 2.5 pt 7 ps 0.7
set style line 2 lc rgb "#2166ac" lw 2.5 pt 7 ps 0.7
set style line 3 lc rgb "#888888" lw 1.5 dt 2 pt 6 ps 0.6
set style line 4 lc rgb "#92c5de" lw 2 pt 7 ps 0.7
set style line 5 lc rgb "#e08214" lw 2 pt 7 ps 0.7

set multiplot layout 1,2 title cpu font ",11"
set title "Allocate a buffer, µs"
set logscale y 10
plot data using 1:2 with linespoints ls 1 title "stock", \
	'' using 1:3 with linespoints ls 2 title "pooled", \
	'' using 1:4 with linespoints ls 3 title "a buffer without pages"
unset logscale y
set yrange [0:*]
set title "Time, pooled / stock"
set key bottom left
plot 1 with lines lc rgb "#888888" dt 2 notitle, \
	data using 1:5 with linespoints ls 2 title "allocate, the CPU writes", \
	'' using 1:6 with linespoints ls 4 title "frames, 16 ms", \
	'' using 1:7 with linespoints ls 3 title "frames, 4 ms", \
	'' using 1:8 with linespoints ls 5 title "allocate and close, in a loop"
unset multiplot
