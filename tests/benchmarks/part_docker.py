# SPDX-License-Identifier: GPL-2.0-or-later
"""2: with a real Docker, on a disposable host: the label, -p, and neither, in turns."""

import contextlib
import os
import statistics
import subprocess
import time

import labhost
from machine import HOST, Machine
from table import Row

SUITE = "bookworm"
ROUNDS = 9
RANGE_ROUNDS = 2
MANY = 100  # which takes some minutes
AWAIT = ["/usr/bin/python3", "-B", "/src/tests/benchmarks/await.py"]
FIRST = 20000

# What `docker run` is given, for host ports FIRST... that lead to ports from 8000 on.
WAYS = {
    "neither": lambda first, count: [],
    "label": lambda first, count: ["--label", f"calico.expose={ports(first, count)}"],
    "-p": lambda first, count: ["--publish", ports(first, count)],
}


def ports(first, count):
    """Equal on both sides, where there are several."""
    return f"{first}:80" if count == 1 else f"{first}-{first + count - 1}:{first}-{first + count - 1}"


@contextlib.contextmanager
def booted():
    host = labhost.boot_host(SUITE, owner=os.getpid(), binds=labhost.project_binds(SUITE))
    try:
        labhost.install(host)
        host.run("systemctl start calico-exposed")
        yield Machine(host)
    finally:
        host.remove()


class Waiter(contextlib.AbstractContextManager):
    """Somebody outside who waits for a page."""

    def __init__(self, machine):
        self.process = subprocess.Popen(machine.host.enter(AWAIT, outside=True), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, port):
        self.process.stdin.write(f"{HOST[4]} {port}\n")
        self.process.stdin.flush()

    def answer(self):
        return int(self.process.stdout.readline()) / 1e9


def start(machine, name, way, first, count):
    inside = 80 if count == 1 else first
    machine.docker("run", "--detach", "--pull", "never", "--name", name, *WAYS[way](first, count),
                   "answer", name, str(inside))


def cycle(machine, waiter, way, count):
    """Seconds: until `docker run` is back, until a page is served outside, to remove it."""
    begun = time.monotonic()
    if way != "neither":
        waiter.ask(FIRST)
    start(machine, "bench", way, FIRST, count)
    ran = time.monotonic() - begun
    served = waiter.answer() - begun if way != "neither" else None
    begun = time.monotonic()
    machine.docker("rm", "--force", "bench")
    return ran, served, time.monotonic() - begun


def alternate(machine, waiter, count, rounds):
    found = {way: [] for way in WAYS}
    for number in range(rounds + 1):
        for way, values in found.items():
            value = cycle(machine, waiter, way, count)
            if number > 0:  # the first is to warm up
                values.append(value)
    return {way: [statistics.median(column) if column[0] is not None else None
                  for column in zip(*values)] for way, values in found.items()}


def burden(machine):
    """(processes, KiB) of docker-proxy, and the daemon's anonymous memory in KiB."""
    proxies = machine.run("for pid in $(pgrep docker-proxy); do awk '/^RssAnon/ {print $2}' /proc/$pid/status; done")
    sizes = [int(size) for size in proxies.split()]
    pid = machine.property("MainPID")
    own = int(machine.run(f"awk '/^RssAnon/ {{print $2}}' /proc/{pid}/status"))
    return len(sizes), sum(sizes), own


def describe(way, values):
    ran, served, removed = values
    page = f", page {served * 1000:.0f} ms" if served else ""
    return f"run {ran * 1000:.0f} ms{page}, removed {removed * 1000:.0f} ms"


def timed(action, *arguments):
    begun = time.monotonic()
    action(*arguments)
    return time.monotonic() - begun


def measure_many(machine):
    """In turns, each beside as many of the other ways. Seconds to start and to remove all of a way, and their burden."""
    started, removed = dict.fromkeys(WAYS, 0.0), dict.fromkeys(WAYS, 0.0)
    turns = [(way, f"many{index}-{number}", FIRST + index * MANY + number)
             for number in range(MANY) for index, way in enumerate(WAYS)]
    before = burden(machine)
    for way, name, port in turns:
        started[way] += timed(start, machine, name, way, port, 1)
    after = burden(machine)
    for way, name, _ in turns:
        removed[way] += timed(machine.docker, "rm", "--force", name)
    return started, removed, [b - a for a, b in zip(before, after)]


def run():
    with booted() as machine, Waiter(machine) as waiter:
        for count, rounds in ((1, ROUNDS), (200, RANGE_ROUNDS)):
            for way, values in alternate(machine, waiter, count, rounds).items():
                yield Row(f"{count} port{'s' if count > 1 else ''}, {way}", describe(way, values),
                          "as neither" if way == "label" else "")
        started, removed, (proxies, kib, own) = measure_many(machine)
        burdens = {"neither": "", "label": f", the daemon {own / 1024:.1f} MiB more",
                   "-p": f", {proxies} processes with {kib / 1024:.0f} MiB more"}
        for way, burden_text in burdens.items():
            yield Row(f"{MANY} containers, {way}",
                      f"started in {started[way]:.1f} s, removed in {removed[way]:.1f} s{burden_text}",
                      "as neither" if way == "label" else "")
