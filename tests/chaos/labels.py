# SPDX-License-Identifier: GPL-2.0-or-later
"""What a container's labels ask for, as docs/labels.md has it; nothing here is the daemon's."""

import ipaddress
import re
import typing

EXPOSE = "calico.expose"
OTHERS = ("network", "profile", "interface", "from", "when", "mode")
PROTOCOLS = ("tcp", "udp", "sctp")
ENTRY_SIZE_MAX = 128
SHIFTED_PORTS_MAX = 4096
LOOPBACK4 = ipaddress.ip_network("127.0.0.0/8")
LOOPBACK6 = ipaddress.ip_address("::1")


class Refused(Exception):
    """The text is not what was expected."""


class Entry(typing.NamedTuple):
    """[host-address:][host-port[-last]:]container-port[-last][/protocol]"""

    protocol: str
    family: int | None  # None: both
    address: str | None  # None: every address of the host
    first: int
    last: int
    container: int  # the first port

    @property
    def host_side(self):
        return self[:5]

    def is_range(self):
        return self.first != self.last

    def is_shifted(self):
        return self.is_range() and self.first != self.container

    def overlaps(self, other):
        return (self.protocol == other.protocol
                and self.first <= other.last and other.first <= self.last
                and addresses_meet(self.family, self.address, other.family, other.address))


class Limits(typing.NamedTuple):
    """Who may use the ports; None: everybody, from everywhere."""

    sources: frozenset | None = None
    interfaces: frozenset | None = None

    def are_set(self):
        return self != Limits()


class Claim(typing.NamedTuple):
    """One entry; refused: (state, pattern of the reason), or None where it may be exposed."""

    text: str
    entry: Entry | None
    refused: tuple | None


class Asked(typing.NamedTuple):
    """All that a container's labels say."""

    claims: tuple
    network: str | None = None
    profile: str | None = None
    limits: Limits = Limits()
    healthy: bool = False
    balance: bool = False


def addresses_meet(family, address, other_family, other_address):
    """Whether an address can be of both; None is all of them."""
    if family and other_family and family != other_family:
        return False
    return not address or not other_address or address == other_address


def parse_port(text):
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or not 1 <= int(text) <= 65535:
        raise Refused("port from 1 to 65535")
    return int(text)


def parse_ports(text):
    first, dash, last = text.partition("-")
    ports = parse_port(first), parse_port(last if dash else first)
    if ports[0] > ports[1]:
        raise Refused("range")
    return ports


def parse_address(text, family):
    """(family, address); the address of all addresses is None."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise Refused("address") from None
    if address.version != family or "%" in text:
        raise Refused("address")
    return family, None if int(address) == 0 else str(address)


def split_address(text):
    """What stands before the ports, and they."""
    if found := re.fullmatch(r"\[([^]]*)\]:(.*)", text):
        return parse_address(found[1], 6), found[2]
    first, colon, rest = text.partition(":")
    if colon and ("." in first or text.count(":") == 2):
        return parse_address(first, 4), rest
    return (None, None), text


def parse_entry(text):
    text = text.strip(" \t")
    if not text or len(text.encode()) > ENTRY_SIZE_MAX or re.search(r"[\x00-\x1f\x7f]", text):
        raise Refused("expected")
    text, slash, protocol = text.partition("/")
    protocol = protocol.lower() if slash else "tcp"
    if protocol not in PROTOCOLS:
        raise Refused("tcp, udp or sctp")
    (family, address), ports = split_address(text)
    host, colon, container = ports.rpartition(":")
    container = parse_ports(container)
    host = parse_ports(host) if colon else container
    if host[1] - host[0] != container[1] - container[0]:
        raise Refused("as many ports")
    return Entry(protocol, family, address, *host, container[0])


def parse_word(value):
    if not value:
        raise Refused("a name")
    return value


def parse_choice(*words):
    def parse(value):
        if value not in words:
            raise Refused(" or ".join(words))
        return value
    return parse


def parse_sources(value):
    try:
        networks = [ipaddress.ip_network(item.strip(" \t"), strict=False)
                    for item in value.split(",")]
    except ValueError:
        raise Refused("networks") from None
    return outermost(networks)


def outermost(networks):
    """Without those that lie in another."""
    return frozenset(str(network) for network in networks if not any(
        network != other and network.version == other.version and network.subnet_of(other)
        for other in networks))


def parse_interfaces(value):
    names = [item.strip(" \t") for item in value.split(",")]
    if not all(re.fullmatch(r'[^\s/:,"]{1,15}', name) and name not in (".", "..")
               for name in names):
        raise Refused("interfaces")
    return frozenset(names)


PARSERS = {
    "network": parse_word, "profile": parse_word, "interface": parse_interfaces,
    "from": parse_sources, "when": parse_choice("running", "healthy"),
    "mode": parse_choice("exclusive", "balance"),
}


def read_others(labels):
    """The values of the other labels, and which of them is wrong: the first, as they are known."""
    values, problem = {}, None
    for key in OTHERS:
        name = f"{EXPOSE}.{key}"
        if name in labels:
            try:
                values[key] = PARSERS[key](labels[name])
            except Refused:
                problem = problem or re.escape(name)
    return values, problem


def read_labels(labels, image_labels, config):
    """What `labels` ask for; those that the image has alike count if the configuration says so."""
    own = {key: value for key, value in labels.items()
           if config.honor or image_labels.get(key) != value}
    values, problem = read_others(own)
    balance = values.get("mode") == "balance"
    limits = Limits(values.get("from"), values.get("interface", config.interfaces or None))
    claims = []
    for text in labels[EXPOSE].split(",") if EXPOSE in labels else ():
        claims.append(read_claim(text, claims, balance, problem, EXPOSE in own, config))
    return Asked(tuple(claims), values.get("network"), values.get("profile"), limits,
                 values.get("when") == "healthy", balance)


def read_claim(text, earlier, balance, problem, counts, config):
    try:
        entry = parse_entry(text)
    except Refused:
        return Claim(text, None, ("invalid", "expected"))
    reason = why_invalid(entry, [claim.entry for claim in earlier if not claim.refused], balance)
    if reason or problem:
        return Claim(text, entry, ("invalid", reason or problem))
    reasons = why_denied(entry, counts, config)
    return Claim(text, entry, ("denied", "|".join(reasons)) if reasons else None)


def why_invalid(entry, earlier, balance):
    if any(entry.overlaps(other) for other in earlier):
        return "earlier entry"
    if not entry.is_shifted():
        return None
    if balance:
        return "mode=balance"
    shifted = [other for other in earlier if other.is_shifted()] + [entry]
    if sum(other.last - other.first + 1 for other in shifted) > SHIFTED_PORTS_MAX:
        return "4096"
    return None


def why_denied(entry, counts, config):
    """Patterns of all that forbids it: which of them is told is not promised."""
    reasons = []
    if not counts:
        reasons.append("image")
    ports = set(range(entry.first, entry.last + 1))
    if not ports <= config.ports:
        reasons.append("see Ports=")
    if ports & config.reserved:
        reasons.append("ReservedPorts=")
    if entry.address:
        address = ipaddress.ip_address(entry.address)
        if config.addresses and not any(address in network for network in config.addresses
                                        if network.version == address.version):
            reasons.append("Addresses=")
        if address.version == 4 and address in LOOPBACK4 and not config.localhost:
            reasons.append("Localhost=no")
        if address == LOOPBACK6:
            reasons.append("::1")
    return reasons
