# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares what is with what must be: each difference is a line of text.

Who holds a contended port is read from the kernel and then judged by the
history; all the rest follows from the holders, and must be just so.
"""

import collections
import ipaddress

import observe
from model import CALICO_MAC, History, describe
from comparison import compare_content
from expected import Content, expect
from journal import Journal, name_of
from labels import LOOPBACK4, LOOPBACK6
from table import Reader, read_handle, read_table, skeleton

RULE = "meta mark & 0x{1:08x} == 0x{0:08x} counter accept comment \"calico-exposed\""


class Oracle:
    """Follows a host from look to look."""

    def __init__(self, config):
        self.config = config
        self.history = History()
        self.journal = Journal()
        self.skeletons = {}
        self.published = set()  # (protocol, port, port of the container): by Docker, ever
        self.names = collections.defaultdict(set)  # of containers, by ID
        self.state = None
        self.exposed = frozenset()
        self.content = Content()
        self.flows = set()  # that went to the host itself when it was last settled
        self.before = Content()
        self.kept = None  # options, and the table's handle
        self.passing = set()  # families

    def take(self, truth):
        """Note what the daemon has to follow; True if that is something new."""
        state = observe.read_state(truth, self.config)
        if not state:
            return True
        new = not self.state or self.state.truth() != state.truth()
        self.state = state
        self.history.add(state)
        for container in state.containers.values():
            self.names[container.id].add(container.name)
        self.published |= {(port.protocol, port.port, inside)
                           for container in state.containers.values()
                           for port, inside in container.published}
        return new

    def compare(self, look):
        """The differences; `exposed` and `content` are what was found."""
        if self.history.blind:
            return list(self.compare_stopped(look))
        if not look["table"]:
            return ["there is no table"]
        self.passing = observe.read_passing(look["filter"])
        table = read_table(look["table"])
        reader = Reader(table)
        self.exposed = find_exposed(self.state, reader.content)
        self.content = expect(self.state, self.exposed, self.config,
                              observe.read_routes(look["routes"]))
        return [*reader.wrong, *self.compare_holders(),
                *compare_content(reader.content, self.content), *self.compare_skeleton(table),
                *self.compare_docker_user(look), *self.compare_kept(look),
                *compare_localnet(look, self.content.localnet),
                *self.compare_hairpin(look, table), *self.compare_flows(look),
                *self.compare_words(look)]

    def lost_others(self):
        """Whether somebody else gave back a port of the host since it was last settled."""
        moments = [moment for moment in self.history.moments if moment]
        return any(moment.host_ports() - moments[-1].host_ports() for moment in moments)

    def settle(self, look):
        """All is as expected: from here on."""
        self.history.settle(self.exposed)
        self.journal.settle()
        self.kept = self.options(), read_handle(look["table"])
        self.flows = {flow for flow in observe.read_flows(look["conntrack"])
                      if not flow.is_translated()}
        self.before = self.content

    def options(self):
        """What the table's rules depend on."""
        return self.config.mark, self.config.enforce, self.config.localhost

    def compare_kept(self, look):
        """What was right was not interrupted on the way here."""
        claims, withdrawn = self.state.claims(), self.journal.withdrawn()
        for key in sorted(self.exposed & self.history.holders):
            container, claim = claims[key]
            if self.history.is_undisturbed(key[0]) and name_of(key[0], claim) in withdrawn:
                yield f"{container.name}: {claim.text!r} was withdrawn and exposed again"
        same = None not in self.history.moments and self.kept and self.kept[0] == self.options()
        if same and self.kept[1] != read_handle(look["table"]):
            yield "the table was made anew"

    def compare_stopped(self, look):
        """The daemon was stopped: nothing of it may decide over a packet."""
        self.content = Content()
        if look["table"]:
            yield "the table is still there"
        for family, text in look["filter"].items():
            if "calico-exposed" in (text or ""):
                yield f"the rule is still in DOCKER-USER of {family}"
        yield from compare_localnet(look, set())
        for port in look["hairpin"]:
            yield f"bridge port {port} is still in hairpin mode"
        yield from self.compare_flows(look)

    def compare_away(self, look, before):
        """Docker is away: what was exposed stays."""
        if not look["table"]:
            yield "there is no table"
            return
        reader = Reader(read_table(look["table"]))
        yield from reader.wrong
        yield from compare_content(reader.content, before)
        yield from self.compare_docker_user(look)
        if "Docker is away" not in look["unit"]["StatusText"]:
            yield f"the status is {look['unit']['StatusText']!r}, and Docker is away"

    def compare_holders(self):
        claims = self.state.claims()
        for key in sorted(self.history.impossible(self.exposed)):
            container, claim = claims.get(key, (None, None))
            yield (f"{container.name if container else key[0]}: {claim.text if claim else key[1]} "
                   f"is {'' if key in self.exposed else 'not '}exposed, by no order of events")

    def compare_skeleton(self, table):
        for name, texts in skeleton(table).items():
            known = self.skeletons.setdefault((self.options(), name), texts)
            if texts != known:
                yield f"chain {name}: {texts ^ known}"

    def compare_docker_user(self, look):
        rule = RULE.format(*self.config.mark)
        for family, text in look["filter"].items():
            rules = observe.read_docker_user(text)
            if rules is not None and (
                    rules[:1] != [rule] or sum("calico-exposed" in one for one in rules) != 1):
                yield f"{family} DOCKER-USER: {rules}"

    def compare_hairpin(self, look, table):
        noted = {key[0] for key, _ in table.sets["hairpinports"]}
        if noted != set(look["hairpin"]):
            yield f"bridge ports in hairpin mode: {look['hairpin']}, noted: {sorted(noted)}"
        behind = observe.find_ports_of_macs(look["fdb"])
        for id in {id for id, _ in self.exposed}:
            network = self.state.containers[id].network()
            if network.mac != CALICO_MAC and not behind.get(network.mac, noted) & noted:
                yield f"{self.state.containers[id].name}: its bridge port is not in hairpin mode"

    def compare_flows(self, look):
        for flow in observe.read_flows(look["conntrack"]):
            if flow.is_translated() and not self.explains(flow):
                yield f"a flow that nothing explains: {flow}"
            elif not flow.is_translated() and self.should_translate(flow):
                yield f"a flow that should be translated: {flow}"

    def explains(self, flow):
        """Whether an exposure of now, or Docker, sends it there."""
        family = ipaddress.ip_address(flow.destination).version
        if (flow.protocol, flow.port, flow.target_port) in self.published:
            return True
        return any((flow.target, flow.target_port) == (target, port + flow.port - side[3])
                   for side, targets in self.content.translations.items()
                   if is_side_of(side, family, flow) for target, port in targets)

    def should_translate(self, flow):
        """A datagram's flow to a newly exposed port that is tracked as going to the host itself.

        One that an exposure left alone (its limits, the configuration) may stay.
        """
        destination = ipaddress.ip_address(flow.destination)
        if flow.protocol != "udp" or destination == LOOPBACK6 or self.config.addresses:
            return False
        if not self.config.localhost and destination.version == 4 and destination in LOOPBACK4:
            return False
        return any(is_side_of(side, destination.version, flow)
                   and not (flow in self.flows and side in self.before.translations)
                   and not any(sides_meet(side, limited) for limited in self.content.limits)
                   for side in self.content.translations)

    def compare_words(self, look):
        """What the daemon says: in systemctl status, and in the journal."""
        described = describe(self.state, self.exposed, self.names)
        status = status_of(self.state, self.exposed, described)
        if look["unit"]["StatusText"] != status:
            yield f"the status is {look['unit']['StatusText']!r}, not {status!r}"
        yield from self.journal.compare(look["unit"]["MainPID"], self.state, described)


def find_exposed(state, content):
    """The claims of which the table has anything."""
    exposed = set()
    for key, (container, claim) in state.candidates().items():
        entry = claim.entry
        last = entry.first if entry.is_shifted() else entry.last
        for family, address in container.addresses(entry).items():
            side = family, entry.address, entry.protocol, entry.first, last
            if (address, entry.container) in content.translations.get(side, ()):
                exposed.add(key)
    return frozenset(exposed)


def is_side_of(side, family, flow):
    """Whether the flow was sent to that host side."""
    return (side[0] == family and side[1] in (None, flow.destination)
            and side[2] == flow.protocol and side[3] <= flow.port <= side[4])


def sides_meet(one, other):
    return (one[0] == other[0] and one[2] == other[2]
            and (one[1] == other[1] or None in (one[1], other[1]))
            and one[3] <= other[4] and other[3] <= one[4])


def compare_localnet(look, wanted):
    if set(look["localnet"]) != wanted:
        yield f"route_localnet is on for {look['localnet']}, not for {sorted(wanted)}"


def status_of(state, exposed, described):
    """What systemctl status must show; a port that containers share is one port."""
    claims = state.claims()
    sides = {claims[key][1].entry.host_side for key in exposed}
    ports = sum(last - first + 1 for *_, first, last in sides)
    containers = len({id for id, _ in exposed})
    counts = collections.Counter(told for told, _ in described.values())
    status = f"{count(ports, 'port')} of {count(containers, 'container')} exposed"
    if counts["conflict"]:
        status += f", {count(counts['conflict'], 'conflict')}"
    if counts["waiting"]:
        status += f", {counts['waiting']} waiting"
    refused = counts["denied"] + counts["invalid"]
    return status + (f", {refused} refused" if refused else "")


def count(number, word):
    return f"{number} {word}{'' if number == 1 else 's'}"
