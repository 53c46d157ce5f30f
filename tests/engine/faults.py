# SPDX-License-Identifier: GPL-2.0-or-later
"""What can go wrong with an engine's answers and events, each on its own.

A fault takes an answer that is right and makes it wrong. It is put on a route (ping,
events, list, inspect, image, or * for all) by Faults.add(), for some times or until it is
taken off:

    faults.add("list", status(500))             every list
    faults.add("inspect", hang(), times=1)      the next inspect
"""

import dataclasses
import json
import random
import threading

ROUTES = ("ping", "events", "list", "inspect", "image", "*")


def status(code, message="out of order"):
    """Another status, with Docker's kind of error."""
    body = json.dumps({"message": message}).encode() + b"\n"
    return lambda answer: dataclasses.replace(answer, status=code, body=body, stream=None)


def body(data):
    """Any bytes in place of the body."""
    return lambda answer: dataclasses.replace(answer, body=data, stream=None)


def headers(**values):
    """Headers replaced, or left out where the value is None; _ stands for -."""
    def change(answer):
        changed = {**answer.headers,
                   **{name.replace("_", "-"): value for name, value in values.items()}}
        kept = {name: value for name, value in changed.items() if value is not None}
        return dataclasses.replace(answer, headers=kept)
    return change


def edit(function):
    """function changes the decoded JSON in place, or returns another."""
    def change(answer):
        if answer.status != 200:
            return answer
        value = json.loads(answer.body)
        other = function(value)
        data = json.dumps(value if other is None else other).encode() + b"\n"
        return dataclasses.replace(answer, body=data)
    return change


def cut(size):
    """The connection ends after so many bytes of the body."""
    return lambda answer: dataclasses.replace(answer, cut=size)


def drop():
    """The connection ends without an answer."""
    return lambda answer: dataclasses.replace(answer, raw=b"", stream=None)


def raw(data):
    """These bytes in place of an HTTP answer, and the end."""
    return lambda answer: dataclasses.replace(answer, raw=data, stream=None)


def hang(until=None):
    """Nothing is answered until the event is set; without one, never."""
    until = until or threading.Event()
    return lambda answer: dataclasses.replace(answer, hang=until)


def endless(data=b"x" * 65536):
    """It never ends, and in a stream there is never a newline."""
    return lambda answer: dataclasses.replace(answer, endless=data)


def pieces(size, pause=0.0):
    """Chunk boundaries anywhere; with a pause, a slow dribble."""
    return lambda answer: dataclasses.replace(answer, piece=size, pause=pause)


def close():
    """Answered well, but then the connection is closed though it was to be kept."""
    return lambda answer: dataclasses.replace(answer, close=True)


@dataclasses.dataclass
class Active:
    """A fault that is on; which=None: whatever was asked for there, else a part of the path."""

    route: str
    change: object
    times: int = None
    which: str = None
    hits: int = 0

    def meets(self, request):
        return (self.route in ("*", request.route) and (not self.which or self.which in request.path)
                and (self.times is None or self.hits < self.times))


class Faults:
    """Those that are on."""

    def __init__(self):
        self.active = []

    def add(self, route, change, times=None, which=None):
        if route not in ROUTES:
            raise ValueError(f"there is no route {route}: expected one of {', '.join(ROUTES)}")
        fault = Active(route, change, times, which)
        self.active.append(fault)
        return fault

    def remove(self, fault):
        self.active.remove(fault)

    def clear(self):
        self.active = []

    def apply(self, request, answer):
        for fault in list(self.active):
            if fault.meets(request):
                fault.hits += 1
                answer = fault.change(answer)
        return answer


class Mangler:
    """Loses, doubles and reorders events (see stream.Stream.mangle), each with a probability."""

    def __init__(self, seed, lose=0.0, double=0.0, reorder=0.0):
        self.random = random.Random(seed)
        self.lose, self.double, self.reorder = lose, double, reorder
        self.kept = []
        self.counts = {"lost": 0, "doubled": 0, "reordered": 0}

    def __call__(self, item):
        """None: nothing more comes for now, so all that was kept back is told."""
        if item is None:
            told, self.kept = self.kept, []
            return told
        if self.random.random() < self.lose:
            self.counts["lost"] += 1
            return []
        told = [item]
        if self.random.random() < self.double:
            self.counts["doubled"] += 1
            told = [item, item]
        if self.random.random() < self.reorder:
            self.counts["reordered"] += 1
            self.kept += told
            return []
        told, self.kept = told + self.kept, []
        return told
