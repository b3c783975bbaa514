# SPDX-License-Identifier: GPL-2.0
#
# The targets of the project.  All but help run a script in tools/harness/.
#
#: make run           show the heap at work, on Debian's own kernel in QEMU
#: make try           load the module here, and measure it against the kernel's own heap
#: make module        build the module for the running kernel (KDIR=DIR: for the one in DIR)
#: make deb           build Debian packages of the module (DKMS) and of dma-heap
#: make shell         open a shell in a guest
#:
#: make quick         KUnit and the selftests in User Mode Linux, after each change
#: make test          the tests for a change; the last line counts them
#: make distro        the tests of the module, on Debian's kernels and one like a phone's
#: make matrix        make test on other kinds of kernel
#: make mutants       break the driver in many ways; a test must notice each
#: make kcsan         look for data races
#: make soak          use the heap in many ways at once, for MINUTES=10
#:
#: make bench         compare instruction counts with the kernel's own heap
#: make bench-native  compare times with the kernel's own heap, on this CPU
#: make patches       cut the series for a maintainer, into out/series/
#: make check         check that each patch applies, builds and passes checkpatch
#:
#: KERNEL=6.12 and ARCH=arm64 or i386 choose another kernel.  More: make help V=1
#+
#+ make bench-compare REF=HEAD~1   measure the heap of REF and of this tree, print the difference
#+ make bench-baseline             run make bench and put the figures into docs/, for make test
#+ make show-exporter              print the kernel's system_heap.c with our edits
#+ make clean, make distclean      remove out/; distclean also the cache
#+
#+ KERNEL=stable   for make run and make shell: a kernel of tools/harness/distro/kernels.list
#+ ONLY="NAME..."  for distro (kernels.list), matrix (check/matrix.sh), mutants
#+                 (check/mutants.list) and kcsan (selftests): only these
#+ BOOTS="NAME..." for make test: only these guests (check/boots.list)
#+ ROWS="loop frames" SIZES="1M 8M"  for make bench-native: only these
#+ SOAK_KERNEL=debug  for make soak: slower, but with every checker
#+ STEPS="checkpatch build..."  for make check: only these (series/check.sh)
#+ AUTHOR="Name <mail>" SIGNOFF=1 TRAILERS="Reviewed-by: ..."  for make patches
#+ VERSION=1.2     for make deb, and AUTHOR as above
#+ V=1 says more, JOBS=N limits builds

# The scripts read these, and choose a default for each that is empty.
export KERNEL ARCH BOOTS V JOBS
ifeq ($(ARCH),)
unexport ARCH
endif
ifeq ($(JOBS),)
unexport JOBS
endif
ifeq ($(V),)
unexport V
endif

HARNESS := tools/harness

help:
	@sed -n 's/^#: \?//p$(if $(filter 1,$(V)),;s/^#+ \?//p)' Makefile

run try test:
	@$(HARNESS)/$@.sh

shell:
	@$(HARNESS)/run.sh shell

quick:
	@ARCH=um $(HARNESS)/test.sh

bench:
	@$(HARNESS)/bench/bench.sh

bench-compare:
	@$(HARNESS)/bench/bench.sh compare "$(REF)"

bench-native:
	@$(HARNESS)/bench/native.sh

bench-baseline:
	@$(HARNESS)/bench/bench.sh baseline

deb:
	@$(HARNESS)/deb.sh

module:
	@$(HARNESS)/module.sh "$(KDIR)"

distro:
	@$(HARNESS)/distro.sh -l $(ONLY)

mutants:
	@$(HARNESS)/check/mutants.sh $(ONLY)

matrix:
	@$(HARNESS)/check/matrix.sh $(ONLY)

kcsan:
	@$(HARNESS)/check/kcsan.sh $(ONLY)

soak:
	@$(HARNESS)/soak.sh $(MINUTES)

show-exporter:
	@$(HARNESS)/patches.sh exporter

patches:
	@$(HARNESS)/patches.sh

check:
	@$(HARNESS)/series/check.sh

clean:
	@$(HARNESS)/clean.sh

distclean:
	@$(HARNESS)/clean.sh all

.PHONY: help run try test bench shell quick bench-compare bench-native bench-baseline deb \
	module distro mutants matrix kcsan soak show-exporter patches check clean distclean
