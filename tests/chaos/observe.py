# SPDX-License-Identifier: GPL-2.0-or-later
"""From what the agent fetched to values: containers, listeners, routes, flows, DOCKER-USER."""

import ipaddress
import re
import struct
import typing

from model import Container, HostPort, Network, State
from labels import read_labels

# Above this the kernel gives out ports to whoever asks; no claim of the test is there.
PORT_MAX = 32767
TUPLE = re.compile(r"src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)")


class Flow(typing.NamedTuple):
    """A tracked connection: what the client sent it to, and where it goes."""

    protocol: str
    source: str
    destination: str
    port: int
    target: str
    target_port: int

    def is_translated(self):
        return (self.destination, self.port) != (self.target, self.target_port)


def read_state(truth, config):
    """None while Docker cannot be asked."""
    if truth["containers"] is None:
        return None
    containers = [read_container(inspected, config) for inspected in truth["containers"]]
    return State({container.id: container for container in containers},
                 frozenset(read_listeners(truth["listening"])))


def read_container(inspected, config):
    settings, details = inspected["NetworkSettings"], inspected["State"]
    networks = {name: read_network(name, network)
                for name, network in (settings["Networks"] or {}).items()}
    return Container(
        id=inspected["Id"],
        name=inspected["Name"].lstrip("/"),
        created=inspected["Created"][:len("2024-01-01T00:00:00")],
        asked=read_labels(inspected["Config"]["Labels"] or {}, inspected["ImageLabels"], config),
        status=details["Status"],
        health=(details.get("Health") or {}).get("Status"),
        mode=inspected["HostConfig"]["NetworkMode"],
        networks=networks,
        route=find_default_route(inspected["Routes"] or "", networks),
        published=tuple(read_published(settings["Ports"] or {})),
        answers=read_answers(inspected["Args"]),
        pid=details["Pid"],
        run=(details["StartedAt"], inspected["RestartCount"]))


def read_network(name, network):
    addresses = {4: network["IPAddress"], 6: network["GlobalIPv6Address"]}
    return Network(name, {family: str(ipaddress.ip_address(address))
                          for family, address in addresses.items() if address},
                   frozenset(filter(None, (network["Gateway"], network["IPv6Gateway"]))),
                   network["MacAddress"])


def read_answers(arguments):
    """Of the image `answer`: NAME PORT[/udp]..."""
    ports = [port.partition("/") for port in arguments[1:]]
    return {(protocol or "tcp", int(port)): arguments[0] for port, _, protocol in ports}


def find_default_route(routes, networks):
    """The network with the gateway that /proc/PID/net/route says, in the kernel's byte order."""
    for line in routes.splitlines()[1:]:
        _, destination, gateway, *_ = line.split()
        if destination == "00000000":
            address = str(ipaddress.ip_address(struct.pack("=I", int(gateway, 16))))
            for network in networks.values():
                if address in network.gateways:
                    return network.name
    return None


def read_published(ports):
    """(HostPort, port of the container)"""
    for inside, bindings in sorted(ports.items()):
        port, _, protocol = inside.partition("/")
        for binding in bindings or ():
            family, address = read_any_address(binding["HostIp"])
            yield HostPort(protocol, family, address, int(binding["HostPort"])), int(port)


def read_any_address(text):
    """(family, address), the latter None for all of the family."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return address.version, None if int(address) == 0 else str(address)


def read_listeners(text):
    """Of ss -Hlntu; "*" is both families."""
    for line in text.splitlines():
        protocol, _, _, _, local, *_ = line.split()
        host, _, port = local.rpartition(":")
        family, address = (None, None) if host == "*" else read_any_address(host.strip("[]"))
        if int(port) <= PORT_MAX:
            yield HostPort(protocol, family, address, int(port))


def read_routes(lists):
    """(network, interface) of what is directly connected."""
    routes = [(ipaddress.ip_network(route["dst"]), route["dev"]) for routes in lists
              for route in routes if route["dst"] != "default" and "gateway" not in route]
    return [route for route in routes if not route[0].is_link_local]


def read_flows(texts):
    """Of conntrack -L, those with ports."""
    for line in "".join(filter(None, texts)).splitlines():
        found = TUPLE.findall(line)
        if len(found) == 2:
            (source, destination, _, port), (target, _, target_port, _) = found
            yield Flow(line.split()[0], source, destination, int(port), target, int(target_port))


def read_docker_user(filter_table):
    """The rules of Docker's chain for others, without counters; None where there is none."""
    found = re.search(r"chain DOCKER-USER \{\n(.*?)\t\}", filter_table or "", re.DOTALL)
    return found and [re.sub(r"counter packets \d+ bytes \d+", "counter", line.strip())
                      for line in found[1].splitlines()]


def read_passing(filter_tables):
    """The families whose marked packets pass; some Dockers drop, and make no DOCKER-USER."""
    return {family for family, text in zip((4, 6), filter_tables.values())
            if read_docker_user(text) or "drop" not in (text or "")}


def find_ports_of_macs(fdb):
    """The bridge ports behind which a MAC address was seen."""
    ports = {}
    for entry in fdb:
        if entry.get("master") and entry.get("state") != "permanent":
            ports.setdefault(entry["mac"], set()).add(entry["ifname"])
    return ports
