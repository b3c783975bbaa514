# SPDX-License-Identifier: GPL-2.0
#
# The targets of the project; each is one script in tools/harness/ or a folder of it.

# Which kernel, how much to say, how many jobs; empty ones are decided there.
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
	@echo "make run        show the heap at work, on Debian's own kernel (KERNEL=stable: Debian stable's)"
	@echo "make module     build it for the running kernel (KDIR=DIR: for the one built there)"
	@echo "make try        load that, and measure it beside the kernel's own heap, in real time"
	@echo "make deb        a DKMS package with it, into out/deb/ (VERSION=1.2, AUTHOR as below)"
	@echo "make test       every test; the last line counts them"
	@echo "make quick      KUnit and the selftests in User Mode Linux, after each change"
	@echo "make distro     every test that Debian's own kernels allow, with the heap as a module"
	@echo "                (ONLY=\"stable rt...\" for some, see tools/harness/distro/kernels.list)"
	@echo "make bench      measure against the kernel's own heap, into out/bench.json"
	@echo "make bench-compare REF=HEAD~1   the same for two revisions, and the ratios"
	@echo "make bench-baseline             the same into docs/, where make test holds us to it"
	@echo "make bench-native    in time, on this processor: the kernel as a program of it"
	@echo "                (ROWS=\"loop frames\" and SIZES=\"1M 8M\" for some of it)"
	@echo "make mutants    break the driver in many ways; some test must notice each"
	@echo "                (ONLY=\"NAME...\" for some of them)"
	@echo "make matrix     make test for every kind of kernel, into out/matrix.json"
	@echo "                (ONLY=\"PART...\" for some, see tools/harness/check/matrix.list)"
	@echo "make kcsan      look for data races, with a kernel of its own"
	@echo "                (ONLY=\"PROGRAM...\" for some selftests)"
	@echo "make soak MINUTES=10   everything at once for so long, and what came of it"
	@echo "                (SOAK_KERNEL=debug: fewer bytes, but every checker)"
	@echo "make shell      an interactive guest"
	@echo "make patches    cut the series for a maintainer, into out/series/"
	@echo "                (AUTHOR=\"Name <mail>\" SIGNOFF=1 TRAILERS=\"Reviewed-by: ...\")"
	@echo "make show-exporter   the kernel's system_heap.c with our edits"
	@echo "make check      look at it patch by patch: applies, builds, checkpatch, ..."
	@echo "                (STEPS=\"apply checkpatch...\" for some of it, see series/check.sh)"
	@echo "make clean      remove what was made here (out/)"
	@echo "make distclean  and the cache: kernel sources, builds"
	@echo
	@echo "KERNEL=7.3 (default) or 6.12 chooses a kernel, V=1 says more, JOBS=N limits the build"
	@echo "BOOTS=\"NAME...\" has make test run only these guests (tools/harness/check/boots.list)"
	@echo "ARCH=arm64 or i386 (default x86): run, test, bench, soak, mutants, shell for that one"
	@echo "ACCEL=wall measures real time instead of instructions, with KVM where it works;"
	@echo "ACCEL=kvm the same, with KVM or not at all"

run try test bench shell:
	@$(HARNESS)/$@.sh

quick:
	@ARCH=um $(HARNESS)/test.sh

bench-compare:
	@$(HARNESS)/bench-compare.sh "$(REF)"

bench-native:
	@$(HARNESS)/bench/native.sh

bench-baseline:
	@$(HARNESS)/bench/guard.sh update

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
	@$(HARNESS)/kernel/show-exporter.sh

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
