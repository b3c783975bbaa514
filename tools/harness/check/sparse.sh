#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# sparse.sh ARGUMENT...: run sparse on kernels that are newer than it.  An old sparse does not
# know a keyword that they use, nor that the length of a literal is constant.  The kernel's
# makefiles would skip it, or it would stop at the first error.
set -eu

exec sparse -D__typeof_unqual__=__typeof__ \
	'-D__builtin_strlen(s)=(sizeof(s)-1)' "$@"
