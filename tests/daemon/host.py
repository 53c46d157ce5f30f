# SPDX-License-Identifier: GPL-2.0-or-later
"""A host in namespaces: the daemon under its supervisor, an engine, and what must be true."""

import time

import oracle
from labhost import wait_until
from supervisor import Supervisor
from table import Table

# How soon the kernel must have followed the engine: what the project promises.
PROMPT = 1.0
# How soon what was withdrawn is forgotten by connection tracking: a sweep, another, and pauses.
FLOWS = 5.0
INTERVAL = 0.01  # seconds between two looks


class Host(Supervisor):
    """The supervisor that also knows the engine, and so what the table must hold."""

    def __init__(self, space, engine, directory, binary):
        super().__init__(space, directory, binary)
        self.engine = engine

    def table(self):
        """None while there is none."""
        listing = self.space.table()
        return Table(listing) if listing else None

    def differences(self):
        """Between the engine's containers and the table."""
        table = self.table()
        if not table:
            return ["there is no table"]
        differences = oracle.find_differences(self.engine.truth(), self.engine.image_labels(),
                                              self.space.routes(), table)
        return [line for line in differences if not line.startswith("withdrawn")]

    def await_right(self, deadline=PROMPT):
        """Wait until the table is what the containers ask for, and then until no old flow is left.

        What counts is a look that began after the deadline: on a busy machine looking takes
        its time.
        """
        end = time.monotonic() + deadline
        while True:
            start = time.monotonic()
            differences = self.differences()
            if not differences:
                break
            if start >= end:
                raise AssertionError(f"after {deadline:g} s the table is wrong:\n"
                                     + "\n".join(differences))
            time.sleep(INTERVAL)
        wait_until(lambda: not self.remembers_withdrawn(), max(FLOWS, deadline), "no old flow is left")

    def remembers_withdrawn(self):
        table = self.table()
        return table and (table.get("withdrawn4") or table.get("withdrawn6"))

    def sends(self, port, protocol="tcp"):
        """Where the table sends a host port: an IPv4 address, or None."""
        table = self.table()
        target = table.get("dnat4").get((protocol, str(port))) if table else None
        return target[0] if target else None

    def diagnosis(self):
        said = "\n".join(f"{line.time:.3f} {line.text}" for line in self.process.lines[-400:]) \
            if self.process else "it was not started"
        notified = "\n".join(f"{when:.3f} {message}" for when, message in self.messages[-20:])
        elements = "\n".join(f"{name}: {elements}" for name, elements in
                             (self.table() or Table("")).elements.items())
        alive = self.process and self.process.alive
        return f"alive: {alive}\n{said}\n{notified}\n{elements}\n{self.containers()}"

    def containers(self):
        """What is alive, a line each."""
        return "\n".join(f"{container['Name']} {container['State']} {container['Config']['Labels']} "
                         f"{ {name: (network['IPAddress'], network['GlobalIPv6Address']) for name, network in container['NetworkSettings']['Networks'].items()} }"
                         for container in self.engine.truth())
