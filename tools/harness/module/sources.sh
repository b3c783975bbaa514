#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# sources.sh DIR: put what system_heap_pooled.ko is built from into DIR, with a
# Kbuild file; DIR is then all that a kernel's makefiles need (M=DIR).
#
# Promises: a file whose content stays the same keeps its timestamp.
. "$(dirname "$0")/../lib.sh"

stage=$1.stage
heaps=$stage/drivers/dma-buf/heaps

kernel=$(newest)
few=$(KERNEL=$kernel "$HARNESS/kernel/fetch.sh" few)
mkdir -p "$1"
# The exporter is that of the newest kernel, whatever kernel this is for.
"$HARNESS/kernel/stage.sh" series "$kernel" "$stage" "$few/linux"
perl "$HARNESS/kernel/edit.pl" "$kernel" "$TOP" "$stage" -- "$HARNESS/module/module.edit" ||
	die "module/module.edit does not fit the series"
cp "$TOP/drivers/dma-buf/heaps/Makefile" "$heaps/heaps.mk"
cp -r "$stage/include" "$HARNESS"/module/{*.[ch],Kbuild} "$heaps"
(cd "$heaps" && find include -name '*.h' && ls -- *.[ch] heaps.mk Kbuild) | while read -r file; do
	put "$heaps/$file" "$1/$file"
done
rm -rf "$stage"
