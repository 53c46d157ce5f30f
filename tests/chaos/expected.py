# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel must hold for the claims that are exposed.

In the same shape as table.py reads it, and said by meaning: a port is a range
of one, whatever set it stands in.
"""

import dataclasses
import ipaddress

from labels import LOOPBACK4, outermost

ANYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


@dataclasses.dataclass
class Content:
    """What the table says. A host side is (family, address or None, protocol, first, last)."""

    usable: set = dataclasses.field(default_factory=set)  # networks of host addresses
    # by host side: set of (address, port)
    translations: dict = dataclasses.field(default_factory=dict)
    limits: dict = dataclasses.field(default_factory=dict)  # by host side: Limits
    endpoints: dict = dataclasses.field(default_factory=dict)  # address: profile
    allowed: dict = dataclasses.field(default_factory=dict)  # (profile, address, protocol): ports
    balanced: set = dataclasses.field(default_factory=set)  # (address, protocol, port)
    neighbours: set = dataclasses.field(default_factory=set)  # networks
    hairpins: set = dataclasses.field(default_factory=set)  # addresses
    localnet: set = dataclasses.field(default_factory=set)  # interfaces
    withdrawn: set = dataclasses.field(default_factory=set)  # keys: old flows not yet deleted


def expect(state, exposed, config, routes):
    """The content for these claims (keys of state.claims())."""
    content = Content(usable=usable_addresses(config))
    claims, balances = state.claims(), {}
    for key in exposed:
        container, claim = claims[key]
        for family, address in container.addresses(claim.entry).items():
            add_claim(content, container, claim.entry, family, address)
            if container.asked.balance:
                balances.setdefault(host_side(claim.entry, family), set()).add(
                    (address, claim.entry))
            add_endpoint(content, container, family, address, config, routes)
    content.balanced = {
        (address, "tcp", entry.container) for backends in balances.values() if len(backends) > 1
        for address, entry in backends if entry.protocol == "tcp" and not entry.is_range()}
    content.neighbours = outermost(content.neighbours)
    return content


def usable_addresses(config):
    networks = list(config.addresses) or [ipaddress.ip_network(text) for text in ANYWHERE.values()]
    if config.addresses and config.localhost:
        networks.append(LOOPBACK4)
    return outermost(networks)


def host_side(entry, family):
    return family, entry.address, entry.protocol, entry.first, entry.last


def add_claim(content, container, entry, family, address):
    ports = range(entry.first, entry.last + 1) if entry.is_shifted() else (entry.first,)
    for port in ports:
        last = port if entry.is_shifted() else entry.last
        side = family, entry.address, entry.protocol, port, last
        content.translations.setdefault(side, set()).add(
            (address, entry.container + port - entry.first))
    if container.asked.limits.are_set():
        content.limits[host_side(entry, family)] = container.asked.limits
    content.allowed.setdefault((container.profile(), address, entry.protocol), set()).update(
        range(entry.container, entry.container + entry.last - entry.first + 1))


def add_endpoint(content, container, family, address, config, routes):
    content.endpoints[address] = container.profile()
    network, interface = find_route(routes, address)
    if network and network.num_addresses == 1:
        content.hairpins.add(address)
    elif network:
        content.neighbours.add(network)
    if interface and family == 4 and config.localhost:
        content.localnet.add(interface)


def find_route(routes, address):
    """The network and interface by which the host reaches a container."""
    address = ipaddress.ip_address(address)
    found = [(network, interface) for network, interface in routes
             if network.version == address.version and address in network]
    return max(found, key=lambda route: route[0].prefixlen, default=(None, None))
