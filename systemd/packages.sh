# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Sourced by the scripts that install Debian packages from a list.

package_is_installed() {
	[[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# install_packages LIST...: install what is missing of the packages named in these
# files. When nothing is, apt is not touched, so that it works without a network.
install_packages() {
	local names missing=()
	names=$(sed 's/#.*//' "$@")
	for name in $names; do
		package_is_installed "$name" || missing+=("$name")
	done
	if ((${#missing[@]})); then
		echo "Installing ${missing[*]}"
		apt-get update --quiet=2
		DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends \
			"${missing[@]}"
	fi
}
