#compdef calico-exposed
# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of calico-exposed(8) for zsh: verbs, and names of containers.

_calico_exposed_containers() {
	local -a names
	names=(${(f)"$(_call_program containers docker ps --all --format '{{.Names}}' 2>/dev/null)"})
	compadd -a names
}

_calico_exposed() {
	local -a verbs=(
		'run:the daemon'
		'list:every entry of every label, and its state'
		'explain:why one container is exposed, or not'
		'check:compare Docker with the kernel'
		'withdraw:take away what a killed daemon left behind'
	)

	if ((CURRENT == 2)); then
		_describe verb verbs
		compadd -- --help --version
	elif ((CURRENT == 3)); then
		case $words[2] in
		list | check) compadd -- --json ;;
		explain) _calico_exposed_containers ;;
		esac
	elif ((CURRENT == 4)) && [[ $words[2] == explain ]]; then
		compadd -- --json
	fi
}

_calico_exposed "$@"
