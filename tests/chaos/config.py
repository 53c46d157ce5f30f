# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon's configuration, written and known by the test."""

import dataclasses
import ipaddress

PATH = "/etc/calico-exposed/calico-exposed.conf"
# What it refuses: the old configuration must stay.
BAD = "[Expose]\nPorts=9000-9999\nLocalhost=maybe\n"


def ports_of(text):
    """The ports that a list of ports and ranges names."""
    ports = set()
    for item in text.split(","):
        first, _, last = item.partition("-")
        ports |= set(range(int(first), int(last or first) + 1)) if item else set()
    return frozenset(ports)


@dataclasses.dataclass(frozen=True)
class Config:
    """By the keys of the file; made from a dictionary of those that differ from the default."""

    ports: frozenset = ports_of("1-65535")
    reserved: frozenset = ports_of("22")
    addresses: tuple = ()
    interfaces: frozenset = frozenset()
    honor: bool = False
    localhost: bool = True
    mark: tuple = (0x80, 0x80)
    enforce: bool = False

    @classmethod
    def of(cls, keys):
        mark, _, mask = keys.get("Mark", "0x80/0x80").partition("/")
        return cls(
            ports=ports_of(keys.get("Ports", "1-65535")),
            reserved=ports_of(keys.get("ReservedPorts", "22")),
            addresses=tuple(ipaddress.ip_network(item)
                            for item in keys.get("Addresses", "").split(",") if item),
            interfaces=frozenset(item for item in keys.get("Interfaces", "").split(",") if item),
            honor=keys.get("ImageLabels") == "honor",
            localhost=keys.get("Localhost", "yes") == "yes",
            mark=(int(mark, 0), int(mask or mark, 0)),
            enforce=keys.get("Enforce") == "yes")


def write(keys):
    """The file's text."""
    sections = {"Expose": [], "Profile": []}
    for key, value in keys.items():
        sections["Profile" if key == "Enforce" else "Expose"].append(f"{key}={value}\n")
    return "".join(f"[{name}]\n{''.join(lines)}" for name, lines in sections.items())
