# SPDX-License-Identifier: GPL-2.0
#
# The verbs of the project; each is one script in tools/harness/.

# Which kernel, how much to say, how many jobs; empty ones are decided there.
export KERNEL V JOBS
ifeq ($(JOBS),)
unexport JOBS
endif
ifeq ($(V),)
unexport V
endif

HARNESS := tools/harness

help:
	@echo "make run        build a kernel with the heap, boot it, show the heap at work"
	@echo "make test       every test; the last line counts them"
	@echo "make bench      measure against the kernel's own heap, into out/bench.json"
	@echo "make shell      an interactive guest"
	@echo "make clean      remove what was made here (out/)"
	@echo "make distclean  and the cache: kernel sources, builds"
	@echo
	@echo "KERNEL=7.3 chooses a kernel, V=1 says more, JOBS=N limits the build"

run test bench shell:
	@$(HARNESS)/$@.sh

clean:
	rm -rf out

distclean: clean
	@$(HARNESS)/distclean.sh

.PHONY: help run test bench shell clean distclean
