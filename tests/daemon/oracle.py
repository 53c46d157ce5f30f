# SPDX-License-Identifier: GPL-2.0-or-later
"""What must stand in the daemon's table, worked out from Docker's word and docs/labels.md.

It shares nothing with the daemon's code. Where containers want the same host port, any one
of them may have it (who held it before is not known here), but one of them must.
"""

import collections
import dataclasses
import ipaddress
import itertools
import re

ALL_ADDRESSES = {"addresses4": {("ipv4", "0.0.0.0/0"): ()}, "addresses6": {("ipv6", "::/0"): ()}}
RESERVED = (22,)
ENTRY = re.compile(r"(?:(?:\[([^]]+)\]|(\d+\.\d+\.\d+\.\d+)):)?(?:(\d+)(?:-(\d+))?:)?"
                   r"(\d+)(?:-(\d+))?(?:/(tcp|udp|sctp))?", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Ports:
    """A range, or one port."""

    first: int
    last: int

    def __str__(self):
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    def meets(self, other):
        return self.first <= other.last and other.first <= self.last


@dataclasses.dataclass
class Claim:
    """One entry of one container that is valid and permitted."""

    name: str
    protocol: str
    host: str        # an address, or "": all
    families: tuple  # in which it has a host side
    host_ports: Ports
    ports: Ports     # in the container
    addresses: dict  # family: the container's address
    profile: str
    balance: bool
    sources: tuple = None     # networks that it is limited to
    interfaces: tuple = None  # likewise

    def sides(self):
        """(family, address of the container)"""
        return [(family, self.addresses[family]) for family in self.families
                if family in self.addresses]

    @property
    def shifted(self):
        return self.host_ports.first != self.host_ports.last and \
            self.host_ports.first != self.ports.first

    def meets(self, other):
        """They cannot both be exposed."""
        return (self.protocol == other.protocol and self.host_ports.meets(other.host_ports)
                and bool(set(self.families) & set(other.families))
                and (not self.host or not other.host or self.host == other.host)
                and not self.balances_with(other))

    def balances_with(self, other):
        def host_side(claim):
            return (claim.balance, claim.host, claim.families, claim.host_ports, claim.sources,
                    claim.interfaces)
        return self.balance and host_side(self) == host_side(other)


def parse_entry(text):
    """(protocol, host, families, host ports, ports); None: it is invalid."""
    found = ENTRY.fullmatch(text.strip(" \t"))
    if not found:
        return None
    host = found[1] or found[2] or ""
    families = (6,) if found[1] else (4,) if found[2] else (4, 6)
    if host and ipaddress.ip_address(host).is_unspecified:
        host = ""
    ports = Ports(int(found[5]), int(found[6] or found[5]))
    host_ports = Ports(int(found[3]), int(found[4] or found[3])) if found[3] else ports
    for some in (ports, host_ports):
        if not 1 <= some.first <= some.last <= 65535:
            return None
    if ports.last - ports.first != host_ports.last - host_ports.first:
        return None
    return (found[7] or "tcp").lower(), host, families, host_ports, ports


def choose_network(networks, wanted):
    """The name of the one whose address is used."""
    if wanted:
        return next((name for name in networks if name == wanted or len(wanted) >= 12
                     and networks[name]["NetworkID"].startswith(wanted)), None)
    for is_it in (lambda network: network["MacAddress"].lower() == "ee:ee:ee:ee:ee:ee",
                  lambda network: network["Gateway"] or network["IPv6Gateway"],
                  lambda network: True):
        for name in sorted(networks):
            if is_it(networks[name]):
                return name
    return None


def split_list(text):
    return tuple(sorted(part.strip() for part in text.split(","))) if text is not None else None


def is_candidate(container, labels):
    """Its state, whose network it is in, and its health where that counts."""
    state = container["State"]
    if not state["Running"] or state["Restarting"]:
        return False
    if container["HostConfig"]["NetworkMode"].startswith("container:"):
        return False
    return labels.get("calico.expose.when") != "healthy" or \
        state.get("Health", {}).get("Status") == "healthy"


def claims_of(container, image_labels):
    """Those that could be exposed, if nobody else had the port."""
    image = image_labels.get(container["Image"], {})
    labels = {key: value for key, value in container["Config"]["Labels"].items()
              if image.get(key) != value}
    networks = container["NetworkSettings"]["Networks"] or {}
    network = choose_network(networks, labels.get("calico.expose.network"))
    if "calico.expose" not in labels or not network or not is_candidate(container, labels):
        return []
    addresses = {family: networks[network][key]
                 for family, key in ((4, "IPAddress"), (6, "GlobalIPv6Address"))
                 if networks[network][key]}
    claims = []
    for entry in map(parse_entry, labels["calico.expose"].split(",")):
        if not entry:
            continue
        protocol, host, families, host_ports, ports = entry
        claim = Claim(container["Name"].removeprefix("/"), protocol, host, families, host_ports,
                      ports, addresses, labels.get("calico.expose.profile", network),
                      labels.get("calico.expose.mode") == "balance",
                      split_list(labels.get("calico.expose.from")),
                      split_list(labels.get("calico.expose.interface")))
        reserved = any(host_ports.first <= port <= host_ports.last for port in RESERVED)
        if not reserved and not any(claim.meets(other) for other in claims):
            claims.append(claim)
    return [claim for claim in claims if claim.sides()]


def published_of(container):
    for inside, bindings in (container["NetworkSettings"]["Ports"] or {}).items():
        for binding in bindings or ():
            port = int(binding["HostPort"])
            yield Claim("", inside.partition("/")[2], "", (4, 6), Ports(port, port), None, {}, "",
                        False)


def without_duplicates(claims):
    """Two containers with one address: neither is exposed."""
    holders = collections.defaultdict(set)
    for claim in claims:
        for address in claim.addresses.values():
            holders[address].add(claim.name)
    return [claim for claim in claims
            if all(len(holders[address]) == 1 for address in claim.addresses.values())]


def goes_to(claim, family, address, table):
    """How the table sends the claim's (first) host port to that address: [(map, key, data)]."""
    key, prefix = (claim.protocol, str(claim.host_ports)), ""
    if claim.host:
        key, prefix = (claim.host, *key), "host"
    if claim.balance:
        balance = prefix + ("range" if "-" in str(claim.host_ports) else "") + f"balance{family}"
        chain = table.get(balance).get(key)
        backends = table.get(f"{chain[0]}-backends").values() if chain else ()
        port = () if "-" in str(claim.host_ports) else (str(claim.ports),)
        return [(balance, key, chain)] if (address, *port) in backends else []
    if claim.host_ports.first != claim.host_ports.last and not claim.shifted:
        return [(f"{prefix}range{family}", key, (address,))]
    offset = claim.ports.first - claim.host_ports.first
    return [(f"{prefix or 'dnat'}{family}", (*key[:-1], str(port)), (address, str(port + offset)))
            for port in range(claim.host_ports.first, claim.host_ports.last + 1)]


def is_exposed(claim, table):
    return all(steps and table.get(steps[0][0]).get(steps[0][1]) == steps[0][2]
               for family, address in claim.sides()
               for steps in [goes_to(claim, family, address, table)])


def find_conflicts(claims, exposed, published):
    """Why the choice of who has which port cannot be right, in words."""
    for one, other in itertools.combinations(exposed, 2):
        if one.meets(other):
            yield f"{one.name} and {other.name} both have {one.host_ports}/{one.protocol}"
    for claim in claims:
        if claim not in exposed and not any(claim.meets(other) for other in exposed + published):
            yield f"{claim.name} does not have {claim.host_ports}/{claim.protocol}, nor has another"
    for claim in exposed:
        if any(claim.meets(other) for other in published):
            yield f"{claim.name} has {claim.host_ports}/{claim.protocol}, which Docker published"


class Expected(collections.defaultdict):
    """{set or map: {key: data}}, as Table.elements."""

    def __init__(self):
        super().__init__(dict, {name: dict(elements) for name, elements in ALL_ADDRESSES.items()})

    def add_claim(self, claim, table):
        for family, address in claim.sides():
            for name, key, data in goes_to(claim, family, address, table):
                self[name][key] = data
            allowed = "range" if claim.ports.first != claim.ports.last else "allow"
            chain = f"profile-{claim.profile}"
            self[f"{chain}-{allowed}{family}"][address, claim.protocol, str(claim.ports)] = ()
            self[f"endpoint{family}"][address,] = (chain,)
            if claim.sources is not None or claim.interfaces is not None:
                self.add_limit(claim, family, table)

    def add_limit(self, claim, family, table):
        """The chain's name is the daemon's own affair; what is in its sets is not."""
        shape = ("host" if claim.host else "") + ("range" if "-" in str(claim.host_ports) else "")
        key = ((claim.host,) if claim.host else ()) + (claim.protocol, str(claim.host_ports))
        chain = table.get(f"{shape}limit{family}").get(key, ("no limit",))
        self[f"{shape}limit{family}"][key] = chain
        for source in claim.sources or ():
            version = 6 if ":" in source else 4
            self[f"{chain[0]}-from{version}"][f"ipv{version}", source] = ()
        for interface in claim.interfaces or ():
            self[f"{chain[0]}-interfaces"][interface,] = ()

    def add_route(self, address, routes):
        """Who would miss the answer, and 127.0.0.1."""
        family = 6 if ":" in address else 4
        found = [(ipaddress.ip_network(network), interface) for network, interface in routes
                 if ipaddress.ip_address(address) in ipaddress.ip_network(network)]
        if not found:
            return
        network, interface = max(found, key=lambda route: route[0].prefixlen)
        if network.num_addresses == 1:
            self[f"hairpin{family}"][address, address] = ()
        else:
            self[f"neighbours{family}"][str(network), str(network)] = ()
        if family == 4:
            self["localnet"][interface,] = ()

    def add_balances(self, exposed, table):
        """Each has its backends, numbered in any order."""
        backends = collections.defaultdict(list)
        for claim in exposed:
            for family, address in claim.sides() if claim.balance else ():
                ranged = claim.host_ports.first != claim.host_ports.last
                for _, _, chain in goes_to(claim, family, address, table):
                    backends[chain[0], family, claim.protocol, ranged].append(
                        (address,) if ranged else (address, str(claim.ports)))
        for (chain, family, protocol, ranged), wanted in backends.items():
            actual = table.get(f"{chain}-backends")
            in_any_order = sorted(actual.values()) == sorted(wanted)
            self[f"{chain}-backends"] = actual if in_any_order else dict(enumerate(wanted))
            for address, port in wanted if len(wanted) > 1 and protocol == "tcp" and not ranged \
                    else ():
                self[f"balanced{family}"][address, protocol, port] = ()


def find_differences(containers, image_labels, routes, table):
    """What is wrong with the table, a line each; none: it is right.

    containers: as `docker inspect` says them; image_labels: {image ID: its labels}; routes:
    see Space.routes().
    """
    claims = without_duplicates([claim for container in containers
                                 for claim in claims_of(container, image_labels)])
    published = [port for container in containers for port in published_of(container)]
    exposed = [claim for claim in claims if is_exposed(claim, table)]
    differences = list(find_conflicts(claims, exposed, published))
    expected = Expected()
    for claim in exposed:
        expected.add_claim(claim, table)
        for _, address in claim.sides():
            expected.add_route(address, routes)
    expected.add_balances(exposed, table)
    for name in sorted(expected.keys() | table.elements.keys()):
        wanted, there = expected.get(name, {}), table.get(name)
        differences += [f"{name}: missing {key} : {wanted[key]}" for key in wanted.keys() - there.keys()]
        differences += [f"{name}: too much {key} : {there[key]}" for key in there.keys() - wanted.keys()]
        differences += [f"{name}: {key} is {there[key]}, not {wanted[key]}"
                        for key in wanted.keys() & there.keys() if wanted[key] != there[key]]
    return differences
