#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# sparse.sh ARGUMENT...: sparse, for kernels newer than it: an old one knows
# neither a keyword that they use nor that the length of a literal is constant,
# and would be left out by the kernel's makefiles, or stop at the first error.
set -eu

exec sparse -D__typeof_unqual__=__typeof__ \
	'-D__builtin_strlen(s)=(sizeof(s)-1)' "$@"
