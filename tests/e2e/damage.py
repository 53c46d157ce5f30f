# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes on while damage is done: steady traffic, what the kernel is told, and how to judge both."""

import contextlib
import datetime
import json
import socket
import struct
import subprocess
import threading
import time
import typing

from claims import reload_config
from load import Outcome, Road
from machine import HOST, PROBE, PROMPT, UNIT, wait_until

LOAD = [*PROBE[:-1], "/src/tests/e2e/load.py"]
WATCH = [*PROBE[:-1], "/src/tests/e2e/nftwatch.py"]
TABLE = "calico-exposed"

# How soon the rule in DOCKER-USER must be back after the chain, and a table that anybody may delete.
HEALED = 0.1
# How soon a flow that never pauses has left the way that it had before a change of the table: connection tracking is
# searched after the change, and after a search there is a pause (PAUSE_USEC_MAX in daemon/net/conntrack.c).
MOVED = 0.1
# An answer may take this long on a busy machine; longer than a packet that was sent again would.
PATIENCE = 15

# One exposure on each kind of network: host port by network.
PORTS = {"bridge": 8000, "front": 8001, "cal": 8002}
# Over IPv4 and IPv6; each question is answered by the container that is named.
ROADS = [
    Road("open", "on-bridge", HOST[4], PORTS["bridge"]),
    Road("open", "on-front", HOST[6], PORTS["front"]),
    Road("open", "on-cal", HOST[4], PORTS["cal"]),
    Road("long", "on-bridge", HOST[4], PORTS["bridge"]),
    Road("long", "on-front", HOST[6], PORTS["front"]),
    Road("long", "on-cal", HOST[4], PORTS["cal"]),
    Road("udp", "on-bridge", HOST[4], PORTS["bridge"]),
    Road("udp", "on-cal", HOST[6], PORTS["cal"]),
]


def start_exposures(machine, options=()):
    machine.make_networks()
    for network, port in PORTS.items():
        machine.start(f"on-{network}", network=network, expose=f"{port}:80,{port}:53/udp", options=options)
    machine.await_status("6 ports of 3 containers exposed", deadline=5)
    wait_until(lambda: machine.table().count('"veth') == 2, 5, "two bridge ports are in hairpin mode")


def disown(machine):
    """The service as on a kernel before 5.12, or without systemd: no owner of the table, no socket kept."""
    machine.run("cc -O2 -Wall -shared -fPIC -o /usr/local/lib/no-owner.so /src/tests/e2e/shim/no-owner.c")
    machine.run(f"mkdir -p /run/systemd/system/{UNIT}.service.d && printf '[Service]\\nFileDescriptorStoreMax=0\\n"
                f"Environment=LD_PRELOAD=/usr/local/lib/no-owner.so\\n' >/run/systemd/system/{UNIT}.service.d/disown.conf")
    machine.systemctl("daemon-reload")
    machine.systemctl("stop", UNIT)
    machine.systemctl("start", UNIT)
    assert "owner" not in machine.table()


def await_new_process(machine, old):
    wait_until(lambda: machine.property("MainPID") not in ("0", old), 10, "there is a new process")


def restart(machine):
    machine.systemctl("restart", UNIT)


def reload(machine):
    reload_config(machine, "[Expose]\nReservedPorts=22,4444")


def kill(machine):
    old = machine.property("MainPID")
    machine.run(["kill", "-9", old])
    await_new_process(machine, old)
    machine.await_property("ActiveState", "active", deadline=10)


def upgrade(machine):
    """As dpkg does it: the new file takes the old one's name, then a restart."""
    path = f"/usr/sbin/{UNIT}"
    machine.run(f"cp {path} {path}.dpkg-new && echo upgraded >>{path}.dpkg-new && mv {path}.dpkg-new {path}")
    machine.systemctl("daemon-reload")
    restart(machine)
    assert machine.run(f"tail -c9 /proc/{machine.property('MainPID')}/exe") == "upgraded\n"


def reexec(machine):
    """systemd itself is upgraded: it holds the socket."""
    machine.systemctl("daemon-reexec")


# What the life of a service brings: none of it may be noticed.
LIFE = [restart, reload, kill, upgrade, reexec]


class Talker:
    """A process that prints JSON lines, each handed on as it comes, and is asked by empty lines."""

    def __init__(self, command, take):
        self.take = take
        self.process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.take(json.loads(line))

    def ask(self, text=""):
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=PATIENCE)
        self.reader.join()


class Load:
    """Traffic from a place, from when it flows everywhere until the end of the block."""

    def __init__(self, place, roads):
        self.place, self.roads = place, roads
        self.outcomes, self.moments = [], []
        self.settled, self.counts = 0, []

    def __enter__(self):
        command = [*self.place.prefix, *LOAD, json.dumps(self.roads)]
        self.talker = Talker(self.place.machine.host.enter(command, outside=self.place.outside), self.take)
        self.start = time.monotonic()
        self.settle()
        return self

    def __exit__(self, *_):
        self.talker.close()
        self.ended = time.monotonic()

    def take(self, line):
        if "outcome" in line:
            self.outcomes.append(Outcome(*line["outcome"]))
        else:
            self.counts = line["settled"]
            self.settled += 1

    def settle(self):
        """Wait until all roads went on after now, and it is known what became of everything until then."""
        wanted = self.settled + 1
        self.talker.ask()
        wait_until(lambda: self.settled >= wanted or self.talker.process.poll() is not None, PATIENCE,
                   "the traffic goes on")
        assert self.talker.process.poll() is None, "the traffic has ended"

    @contextlib.contextmanager
    def during(self, what):
        """Something is done, and its time noted; the traffic goes on for a while after it."""
        moment = Moment(what, time.monotonic())
        self.moments.append(moment)
        yield moment
        moment.ended = time.monotonic()
        self.settle()

    def failures(self):
        return [outcome for outcome in self.outcomes if outcome.what]

    def assert_nothing_lost(self):
        assert not self.failures(), self.tell(self.failures())

    def assert_lost_only(self, began, ended, allowed=lambda _outcome: True):
        """All that was lost was under way within that time, and of a kind that is allowed."""
        others = [outcome for outcome in self.failures()
                  if outcome.began > ended or outcome.ended < began or not allowed(outcome)]
        assert not others, self.tell(others)

    def tell(self, outcomes):
        """Failures and what was done when, in order."""
        lines = [(outcome.began, self.describe(outcome)) for outcome in outcomes[:60]]
        lines += [(moment.began, f"  {moment.what} (until {moment.ended - self.start:+.3f})")
                  for moment in self.moments]
        return "\n".join([f"{len(outcomes)} of {sum(self.counts)} were lost:",
                          *(f"{when - self.start:+9.3f} {text}" for when, text in sorted(lines))])

    def describe(self, outcome):
        road = self.roads[outcome.road]
        return (f"{road.kind} to {road.name} at {road.address} {road.port}, number {outcome.number}: "
                f"{outcome.what} after {outcome.ended - outcome.began:.3f} s")


class Moment:
    """When something was done."""

    def __init__(self, what, began):
        self.what, self.began, self.ended = what, began, began


class Event(typing.NamedTuple):
    """A message of the kernel about nftables, see nftwatch.py."""

    time: float
    event: str
    family: str = ""
    table: str = ""
    name: str = ""
    payload: str = ""

    def holds(self, data):
        return data in bytes.fromhex(self.payload)


class Watch:
    """All changes of nftables on the host, from the start until the end of the block."""

    def __init__(self, machine):
        self.machine = machine
        self.taken, self.drained = [], 0

    def __enter__(self):
        self.talker = Talker(self.machine.host.enter(WATCH), self.take)
        wait_until(lambda: self.drained, PATIENCE, "the kernel is listened to")
        return self

    def __exit__(self, *_):
        self.talker.close()

    def take(self, line):
        event = Event(**line)
        if event.event == "drained":
            self.drained += 1
        else:
            self.taken.append(event)

    def events(self, since=0.0):
        """All until now."""
        wanted = self.drained + 1
        self.talker.ask()
        wait_until(lambda: self.drained >= wanted, PATIENCE, "the kernel's messages are read")
        assert not [event for event in self.taken if event.event == "overrun"], "messages were lost"
        return [event for event in self.taken if event.time >= since]

    def changes(self, since=0.0):
        """Those of our own table."""
        return [event for event in self.events(since) if (event.family, event.table) == ("inet", TABLE)]

    def assert_untouched(self):
        changes = self.changes()
        assert not changes, "our table was changed:\n" + "\n".join(map(str, changes[:40]))


def is_our_rule(event, family):
    """The rule for marked packets is put into DOCKER-USER."""
    return ((event.event, event.family, event.name) == ("newrule", family, "DOCKER-USER")
            and event.holds(TABLE.encode()))


def returns(events, family):
    """How long it took each time until the rule was in DOCKER-USER, since the chain was made or flushed, in seconds.

    None for a chain that went is counted: there is nothing to put the rule into.
    """
    times, since = [], None
    for event in events:
        if event.family != family or event.name != "DOCKER-USER":
            continue
        if is_our_rule(event, family):
            times += [event.time - since] if since else []
            since = None
        elif event.event == "delchain":
            since = None
        elif event.event in ("newchain", "delrule"):
            since = since or event.time
    return times + [float("inf")] * (since is not None)


def last_change(watch, event, port):
    """When the TCP port was last exposed over IPv4 ("newelement"), or withdrawn ("delelement"); None for never."""
    key = struct.pack("!B3xH2x", socket.IPPROTO_TCP, port)
    return max((change.time for change in watch.changes()
                if (change.event, change.name) == (event, "dnat4") and change.holds(key)), default=None)


def await_change(watch, event, port, deadline=10):
    """Wait until there was one, and return when that was."""
    return wait_until(lambda: last_change(watch, event, port), deadline, f"{event} of port {port}")


def started_at(machine, name):
    """When Docker says that the container was started."""
    text = machine.container(name).inspect()["State"]["StartedAt"]
    started = datetime.datetime.fromisoformat(f"{text[:26].rstrip('Z')}+00:00").timestamp()
    return started - time.time() + time.monotonic()


def restart_docker(machine):
    """Not counted by systemd, which would refuse the fourth restart within a minute."""
    machine.systemctl("reset-failed", "docker")
    machine.systemctl("restart", "docker")
    wait_until(lambda: "away" not in machine.property("StatusText"), 10, "Docker answers again")


def docker_up_at(machine):
    """When Docker could be asked again."""
    return int(machine.property("ActiveEnterTimestampMonotonic", "docker.service")) / 1e6


def await_all_answers(machine):
    for road in ROADS:
        machine.outside.await_answer(road.name, "udp" if road.kind == "udp" else "tcp", road.address, road.port,
                                     deadline=10)


def exposed_by(machine):
    """When all must be exposed that Docker restarted: a second after that, or after Docker could be asked."""
    started = [started_at(machine, f"on-{network}") for network in PORTS]
    return max(*started, docker_up_at(machine)) + PROMPT
