# SPDX-License-Identifier: GPL-2.0
#
# Draw what table.awk wrote to data (columns: batch, cost beside the
# direct map at order 0, 4 and 8, TLB flushes per GiB) into the SVG file out.
set terminal svg size 720,430 font "sans-serif,13" background "#ffffff"
set output out
set title "Zeroing through a mapping, beside the direct map (" . unit . ")"
set logscale x 2
set xlabel "pages mapped at a time"
set xtics (16, 32, 64, 128, 256, 512, 1024, 2048) nomirror
set xrange [14:2400]
set yrange [1:1.4]
set y2range [0:100]
set ytics nomirror
set y2tics nomirror
set ylabel "times the direct map"
set y2label "TLB flushes per GiB"
set border 11
set grid ytics lc rgb "#dddddd" lt 1
set key top right samplen 2 spacing 1.2
set arrow from 512, graph 0 to 512, graph 1 nohead lc rgb "#bbbbbb" dt 3
set label "default" at 524, graph 0.04 tc rgb "#777777"
plot data using 1:2 with linespoints lc rgb "#b2182b" lw 2.5 pt 7 ps 0.7 title "order 0", \
	'' using 1:3 with linespoints lc rgb "#5aae61" lw 2.5 pt 7 ps 0.7 title "order 4", \
	'' using 1:4 with linespoints lc rgb "#2166ac" lw 2.5 pt 7 ps 0.7 title "order 8", \
	'' using 1:5 axes x1y2 with linespoints lc rgb "#888888" lw 1.5 dt 2 pt 6 ps 0.6 title "flushes (right)"
