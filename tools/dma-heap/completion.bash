# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2207
#
# bash completion for dma-heap(8)
_dma_heap() {
	local word=${COMP_WORDS[COMP_CWORD]} options="--json --help -s"
	COMPREPLY=()
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	-s) COMPREPLY=($(compgen -W "$(command ls /dev/dma_heap 2>/dev/null)" -- "$word")) && return ;;
	-d) COMPREPLY=($(compgen -d -- "$word")) && return ;;
	-b | -t) return ;;
	esac
	if [ "$COMP_CWORD" = 1 ]; then
		COMPREPLY=($(compgen -W "stat fill who test --help" -- "$word"))
		return
	fi
	case ${COMP_WORDS[1]} in
	stat) options="$options -d -o" ;;
	fill) options="$options -d -b -t -n" ;;
	test) options="$options -t" ;;
	esac
	COMPREPLY=($(compgen -W "$options" -- "$word"))
}
complete -F _dma_heap dma-heap
