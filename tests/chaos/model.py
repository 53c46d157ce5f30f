# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of each claim, as DESIGN.md and docs/labels.md have it.

A `State` is what is true at one moment: the containers that live, the
configuration, who else uses the host's ports. Who holds a port depends on what
was before, and on which of the moments between the daemon has seen: `History`
keeps the moments, and knows every assignment of ports that they can lead to.
"""

import dataclasses
import itertools
import re
import typing

from labels import Asked, addresses_meet

CALICO_MAC = "ee:ee:ee:ee:ee:ee"
# More containers than these changing at once, and all orders of seeing it are too many to look at.
AT_ONCE_MAX = 4


class Network(typing.NamedTuple):
    """Where a container is attached."""

    name: str
    addresses: dict  # family: address
    gateways: frozenset
    mac: str


class HostPort(typing.NamedTuple):
    """Who else has a port of the host: a process, or Docker itself."""

    protocol: str
    family: int | None
    address: str | None
    port: int

    def is_in_the_way_of(self, entry):
        return (self.protocol == entry.protocol and entry.first <= self.port <= entry.last
                and addresses_meet(self.family, self.address, entry.family, entry.address))


@dataclasses.dataclass(frozen=True, eq=False)
class Container:
    """A container that lives, by what Docker says of it."""

    id: str
    name: str
    created: str  # to the second
    asked: Asked
    status: str  # running, paused, restarting
    health: str | None
    mode: str  # of its network
    networks: dict
    route: str | None  # the network that holds the default route
    published: tuple  # of HostPort and (address, port) of the container
    answers: dict  # (protocol, port): by what name it answers there
    pid: int
    run: tuple  # changes with each start

    def network(self):
        """The one whose address is used: by label, the only one, Calico's, the default route's."""
        if self.asked.network:
            return self.networks.get(self.asked.network)
        calico = [network for network in self.networks.values() if network.mac == CALICO_MAC]
        if calico:
            return min(calico, key=lambda network: network.name)
        if self.route in self.networks:
            return self.networks[self.route]
        return min(self.networks.values(), key=lambda network: network.name, default=None)

    def profile(self):
        return self.asked.profile or self.network().name

    def addresses(self, entry=None):
        """What the entry (or any) can lead to: family: address."""
        return {family: address for family, address in self.network().addresses.items()
                if not entry or entry.family in (None, family)}

    def waits(self):
        """Why nothing of it can be exposed: a pattern; None if it can."""
        if self.status == "restarting":
            return "restarting"
        if self.mode == "host":
            return "host's network"
        if self.mode.startswith("container:"):
            return "shares another container's network"
        network = self.network()
        if not network and self.asked.network:
            return "not on network"
        if not network or network.name == "none":
            return "no network"
        if not network.addresses:
            return "no address"
        if self.asked.healthy and self.health != "healthy":
            return "health"
        return None

    def state_alone(self, claim):
        """(state, pattern of the reason) without the others; state None: it could be exposed."""
        if claim.refused:
            return claim.refused
        if reason := self.waits():
            return "waiting", reason
        if not self.addresses(claim.entry):
            return "waiting", f"no IPv{claim.entry.family} address"
        return None, ""

    def order(self):
        return self.created, self.id

    def ports(self):
        """What Docker published for it."""
        return {port for port, _ in self.published}

    def truth(self):
        """All that a change of can matter."""
        return (self.name, self.asked, self.status, self.health, self.mode, repr(self.networks),
                self.route, self.published, self.run)


@dataclasses.dataclass(frozen=True, eq=False)
class State:
    """One moment."""

    containers: dict  # by ID
    others: frozenset  # HostPorts of processes

    def host_ports(self):
        return self.others.union(*(container.ports() for container in self.containers.values()))

    def claims(self):
        """Every claim by its key, with its container."""
        return {(container.id, index): (container, claim)
                for container in self.containers.values()
                for index, claim in enumerate(container.asked.claims)}

    def candidates(self):
        """The claims that could be exposed, if nobody else had their ports."""
        return {key: (container, claim) for key, (container, claim) in self.claims().items()
                if not container.state_alone(claim)[0]}

    def truth(self):
        return ({id: container.truth() for id, container in self.containers.items()}, self.others)


def may_share(one, other):
    """Whether two (container, claim) can both be exposed."""
    if not one[1].entry.overlaps(other[1].entry):
        return True
    return (one[0].asked.balance and other[0].asked.balance
            and one[1].entry.host_side == other[1].entry.host_side
            and one[0].asked.limits == other[0].asked.limits)


def give(candidates, holders, host_ports):
    """Who gets its ports: holders keep them; then by time of creation and ID."""
    def precedence(key):
        return key not in holders, candidates[key][0].order(), key[1]

    exposed = []
    for key in sorted(candidates, key=precedence):
        entry = candidates[key][1].entry
        if key not in holders and any(port.is_in_the_way_of(entry) for port in host_ports):
            continue
        if all(may_share(candidates[key], candidates[other]) for other in exposed):
            exposed.append(key)
    return frozenset(exposed)


class History:
    """The moments since the last time it was certain who holds what.

    A moment need not have been seen by the daemon, and a container that
    changed may have been seen without an address in between.
    """

    def __init__(self):
        self.holders = frozenset()
        self.moments = []  # State; None: the daemon forgot everything
        self.blind = False  # the daemon does not run

    def add(self, state):
        if self.blind:
            self.moments = [None, state]
        elif not self.moments or self.moments[-1].truth() != state.truth():
            self.moments.append(state)

    def stop(self):
        """What the daemon holds goes with its table, and it sees nothing until start()."""
        self.blind = True
        self.moments = [None, self.moments[-1]]

    def start(self):
        self.blind = False

    def settle(self, holders):
        """From here on: these, and no others."""
        self.holders = frozenset(holders)
        self.moments = self.moments[-1:]

    def is_undisturbed(self, id):
        """Whether the container is as it was all the time, and the daemon was not stopped."""
        first = self.moments[0]
        return None not in self.moments and not any(
            differ(first, moment, id) for moment in self.moments)

    def impossible(self, exposed):
        """The claims that cannot be exposed now beside the others, or must be and are not."""
        candidates = {}
        for moment in self.moments:
            candidates |= moment.candidates() if moment else {}
        wrong = exposed - candidates.keys()
        for cluster in clusters(candidates):
            outcomes = self.outcomes(cluster, exposed & cluster)
            if exposed & cluster not in outcomes:
                wrong |= min((exposed & cluster ^ outcome for outcome in outcomes), key=len)
        return wrong

    def outcomes(self, cluster, exposed):
        """All that may be exposed now of claims that no others meet."""
        worlds, before = {self.holders & cluster}, None
        for moment in self.moments:
            if moment is None:
                worlds = {frozenset()}
            elif before:
                worlds = between(worlds, before, moment, cluster, exposed)
            before = moment
        return seen(worlds, before, cluster)


def clusters(candidates):
    """Sets of claims: none of one set has a port of another's."""
    found = []
    for key, (_, claim) in candidates.items():
        met = [cluster for cluster in found
               if any(claim.entry.overlaps(candidates[other][1].entry) for other in cluster)]
        found = [cluster for cluster in found if cluster not in met]
        found.append({key}.union(*met))
    return [frozenset(cluster) for cluster in found]


def seen(worlds, state, cluster):
    """What becomes of each world when the daemon looks now."""
    candidates = {key: value for key, value in state.candidates().items() if key in cluster}
    host_ports = state.host_ports()
    return {give(candidates, world & candidates.keys(), host_ports) for world in worlds}


def between(worlds, before, after, cluster, exposed):
    """All worlds that looking at any times between two moments can lead to; or at none.

    Where too much changed at once, any holders are believed that can hold together.
    """
    ids = {id for id, _ in cluster if id in before.containers or id in after.containers}
    changed = [id for id in ids if differ(before, after, id)]
    if len(changed) > AT_ONCE_MAX:
        return worlds | {exposed}
    moments = list(mixtures(before, after, ids, changed))
    worlds = set(worlds)
    while True:
        more = set().union(*(seen(worlds, moment, cluster) for moment in moments)) - worlds
        if not more:
            return worlds
        worlds |= more


def mixtures(before, after, ids, changed):
    """What may be seen between two moments: each container as before, absent, or as after."""
    same = {id: after.containers[id] for id in ids.difference(changed)}
    choices = [{None, before.containers.get(id), after.containers.get(id)} for id in changed]
    others = {moment.others | published_elsewhere(moment, ids) for moment in (before, after)}
    others.add(before.others | published_elsewhere(after, ids))
    closed = freed(before, after, ids)
    others |= {ports - closed for ports in others}
    for chosen in itertools.product(others, *choices):
        containers = {container.id: container for container in chosen[1:] if container}
        yield State(same | containers, chosen[0])


def published_elsewhere(state, ids):
    """What Docker published for containers that claim nothing here."""
    return frozenset().union(*(container.ports() for id, container in state.containers.items()
                               if id not in ids))


def freed(before, after, ids):
    """Ports of containers that were, or became, another run: they closed in between.

    Those of containers in the host's network, and what Docker published for containers that claim nothing here.
    """
    changed = {container for moment in (before, after) for id, container in moment.containers.items()
               if differ(before, after, id)}
    answered = set().union(*(container.answers for container in changed if container.mode == "host"))
    published = set().union(*(container.ports() for container in changed if container.id not in ids))
    return published | {port for moment in (before, after) for port in moment.others
                        if (port.protocol, port.port) in answered}


def differ(before, after, id):
    one, other = before.containers.get(id), after.containers.get(id)
    return one is None or other is None or one.truth() != other.truth()


def describe(state, exposed, names=None):
    """By key: the state of a claim, and patterns of which its reason must match one.

    names: by ID, what else a container was called; nobody says a conflict again for that.
    """
    result, claims = {}, state.claims()
    host_ports = state.host_ports()
    for key, (container, claim) in claims.items():
        alone, reason = container.state_alone(claim)
        if alone:
            result[key] = alone, {reason}
        elif key in exposed:
            result[key] = "exposed", set()
        else:
            result[key] = "conflict", conflict_reasons(
                claims, key, exposed, host_ports, names or {})
    return result


def conflict_reasons(claims, key, exposed, host_ports, names):
    entry = claims[key][1].entry
    holders = {claims[other][0] for other in exposed if not may_share(claims[key], claims[other])}
    reasons = {f"container {re.escape(name)} " for holder in holders
               for name in {holder.name, *names.get(holder.id, ())}}
    if any(port.is_in_the_way_of(entry) for port in host_ports):
        reasons.add(f" has port [0-9]+/{entry.protocol} of ")
    return reasons
