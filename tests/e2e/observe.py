# SPDX-License-Identifier: GPL-2.0-or-later
"""What is observed while damage is done: steady traffic, and what the kernel says of nftables."""

import contextlib
import json
import socket
import struct
import subprocess
import threading
import time
import typing

from load import Outcome
from machine import PROBE, wait_until

LOAD = [*PROBE[:-1], "/src/tests/e2e/load.py"]
WATCH = [*PROBE[:-1], "/src/tests/e2e/nftwatch.py"]
TABLE = "calico-exposed"

# How long a process that observes may take to answer on a busy machine, in seconds.
PATIENCE = 30


class Talker:
    """A process that prints JSON lines, each handed on as it comes, and is asked by empty lines."""

    def __init__(self, command, take):
        self.take = take
        self.process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.take(json.loads(line))

    def ask(self, text=""):
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def has_ended(self):
        return self.process.poll() is not None

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
        command = self.place.machine.host.enter(command, outside=self.place.outside)
        self.talker = Talker(command, self.take)
        self.start = time.monotonic()
        self.settle()
        return self

    def __exit__(self, kind, *_):
        self.talker.close()
        self.ended = time.monotonic()
        if kind:  # whatever went wrong: this is what became of the traffic
            print(self.tell(self.failures()))

    def take(self, line):
        if "outcome" in line:
            self.outcomes.append(Outcome(*line["outcome"]))
        else:
            self.counts = line["settled"]
            self.settled += 1

    def settle(self):
        """Wait until all roads went on after now, and all sent until then has an outcome."""
        wanted = self.settled + 1
        self.talker.ask()
        wait_until(lambda: self.settled >= wanted or self.talker.has_ended(), PATIENCE,
                   "the traffic goes on")
        assert not self.talker.has_ended(), "the traffic has ended"

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
        return (f"{road.kind} to {road.name} at {road.address} {road.port}, number "
                f"{outcome.number}: {outcome.what} after {outcome.ended - outcome.began:.3f} s")


def is_by_another(failure):
    """A wrong container answered."""
    return "answered by" in failure.what


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

    def __str__(self):
        return (f"{self.time:.4f} {self.event} {self.family} {self.table} {self.name} "
                f"{self.payload[:100]}")

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
        return [event for event in self.events(since)
                if (event.family, event.table) == ("inet", TABLE)]

    def assert_untouched(self):
        changes = self.changes()
        assert not changes, "our table was changed:\n" + "\n".join(map(str, changes[:40]))


def is_our_rule(event, family):
    """The rule for marked packets is put into DOCKER-USER."""
    return ((event.event, event.family, event.name) == ("newrule", family, "DOCKER-USER")
            and event.holds(TABLE.encode()))


def returns(events, family):
    """How long it took each time until the rule was in DOCKER-USER, in seconds.

    Since the chain was made or flushed; a chain that goes needs no rule.
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
    """When the TCP port was last exposed over IPv4 ("newelement"), or withdrawn ("delelement")."""
    key = struct.pack("!B3xH2x", socket.IPPROTO_TCP, port)
    return max((change.time for change in watch.changes()
                if (change.event, change.name) == (event, "dnat4") and change.holds(key)),
               default=None)


def await_change(watch, event, port, deadline=10):
    """Wait until there was one, and return when that was."""
    return wait_until(lambda: last_change(watch, event, port), deadline, f"{event} of port {port}")
