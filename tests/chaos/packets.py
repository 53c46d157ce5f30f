# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions to ports of the host, and who must answer them."""

import ipaddress
import typing

from oracle import sides_meet

HOST = {4: "203.0.113.1", 6: "2001:db8:1::1"}
OUTSIDE = {4: "203.0.113.2", 6: "2001:db8:1::2"}
LOOPBACK = "127.0.0.1"
# From outside nobody need be let in. We are, but not where Docker 20.10 comes back to living
# containers: it puts its own rules before DOCKER-USER.
INTERNAL = "inner"
# Not SCTP: a host need not have it, and nobody inside speaks it.
ASKED = ("tcp", "udp")


class Road(typing.NamedTuple):
    """How a packet comes to the host."""

    outside: bool
    interface: str
    source: str
    destination: str


ROADS = [Road(True, "eth0", OUTSIDE[4], HOST[4]), Road(True, "eth0", OUTSIDE[6], HOST[6]),
         Road(False, "lo", HOST[4], HOST[4]), Road(False, "lo", HOST[6], HOST[6]),
         Road(False, "lo", LOOPBACK, LOOPBACK)]


class Question(typing.NamedTuple):
    """names: one of these must answer; empty: nobody."""

    road: Road
    protocol: str
    port: int
    names: frozenset


def choose_questions(random, oracle, ports, count):
    """Some to ports that are exposed, and some to others of `ports`, (protocol, port)."""
    exposed = [ask_exposed(random, oracle, road, side)
               for side in sorted(oracle.content.translations, key=repr) for road in ROADS]
    closed = [Question(road, *port, frozenset()) for port in ports for road in ROADS]
    exposed = [question for question in exposed if question]
    closed = [question for question in closed if is_closed(oracle, question)]
    return (random.sample(exposed, min(count, len(exposed)))
            + random.sample(closed, min(count // 2, len(closed))))


def host_side(road, protocol, port):
    family = ipaddress.ip_address(road.destination).version
    return family, road.destination, protocol, port, port


def is_closed(oracle, question):
    """Nobody exposes it by that road, and no process of the host has it."""
    side = host_side(question.road, question.protocol, question.port)
    return not any(sides_meet(side, other) for other in oracle.content.translations) \
        and not is_taken(oracle, question)


def is_taken(oracle, question):
    return any((port.protocol, port.port) == (question.protocol, question.port)
               for port in oracle.state.host_ports())


def ask_exposed(random, oracle, road, side):
    """A question to one port of an exposure; None where the answer cannot be foretold."""
    family, address, protocol, first, last = side
    port = random.randint(first, last)
    if protocol not in ASKED or not sides_meet(side, host_side(road, protocol, port)):
        return None
    if not may_use(oracle, road, protocol, port):
        question = Question(road, protocol, port, frozenset())
        return None if is_taken(oracle, question) else question
    names = {answers(oracle, road, protocol, target, inside + port - first)
             for target, inside in oracle.content.translations[side]}
    return None if None in names else Question(road, protocol, port, frozenset(names))


def may_use(oracle, road, protocol, port):
    """Whether the configuration and the limits let this road through."""
    destination = ipaddress.ip_address(road.destination)
    if road.destination == LOOPBACK and not oracle.config.localhost:
        return False
    if not lies_in(destination, oracle.content.usable):
        return False
    side = host_side(road, protocol, port)
    for limited, limits in oracle.content.limits.items():
        if sides_meet(side, limited):
            return (limits.interfaces is None or road.interface in limits.interfaces) and (
                limits.sources is None or lies_in(ipaddress.ip_address(road.source),
                                                  limits.sources))
    return True


def lies_in(address, networks):
    return any(address in ipaddress.ip_network(network) for network in networks
               if ipaddress.ip_network(network).version == address.version)


def answers(oracle, road, protocol, address, port):
    """What the container there calls itself; None if it need not answer, or not at once."""
    for container in oracle.state.containers.values():
        if container.network() and address in container.addresses().values():
            passes = not road.outside or (
                ipaddress.ip_address(address).version in oracle.passing
                and container.network().name != INTERNAL)
            ready = container.status == "running" and passes and answers_by_that_road(
                container, protocol, address)
            return container.answers.get((protocol, port)) if ready else None
    return None


def answers_by_that_road(container, protocol, address):
    """One on several networks answers by its default route, a datagram from whatever address that
    prefers, and by IPv6 when its link-local addresses are no longer tentative.
    """
    if container.route != container.network().name:
        return False
    return len(container.networks) == 1 or (protocol == "tcp" and ":" not in address)
