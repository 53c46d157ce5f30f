# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Completion of calico-exposed(8) for bash: verbs, and names of containers.

_calico_exposed() {
	local words='' current=${COMP_WORDS[COMP_CWORD]}

	case $COMP_CWORD:${COMP_WORDS[1]} in
	1:*) words='run list explain check withdraw --help --version' ;;
	2:list | 2:check | 3:explain) words=--json ;;
	2:explain) words=$(docker ps --all --format '{{.Names}}' 2>/dev/null) ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _calico_exposed calico-exposed
