# SPDX-License-Identifier: GPL-2.0-or-later
"""Containers that start, stop and change at random, from a seed."""

import random

NETWORKS = (["bridge"], ["bridge"], ["front"], ["bridge", "front"], ["cal"])


class Storm:
    """Up to `size` containers; step() does something to one of them."""

    def __init__(self, engine, seed, size=30):
        self.engine = engine
        self.random = random.Random(seed)
        self.size = size
        self.made = 0

    def labels(self, number):
        """What somebody could ask for; ports are few enough to be wanted by several."""
        pick = self.random.choice
        port = 1000 + self.random.randrange(2 * self.size)
        first = 20000 + 10 * self.random.randrange(self.size)
        entries = [f"{port}:80", f"{port}:80/udp", f"203.0.113.1:{port}:80", f"{first}-{first + 5}",
                   f"{first}-{first + 3}:{first + 100}-{first + 103}/udp", f"[fd00:d0c::1]:{port}:8080"]
        labels = {"calico.expose": f"{pick(entries)},{pick(entries)}"}
        if number % 5 == 0:
            shared = 900 + self.random.randrange(3)
            labels = {"calico.expose": f"{shared}:80", "calico.expose.mode": "balance"}
        if number % 7 == 0:
            labels["calico.expose.from"] = pick(["10.0.0.0/8", "10.0.0.0/8,2001:db8::/32"])
        if number % 6 == 0:
            labels["calico.expose.when"] = "healthy"
        return labels if number % 8 else {}

    def make(self):
        self.made += 1
        labels = self.labels(self.made)
        self.engine.run(f"c{self.made}", labels=labels, networks=self.random.choice(NETWORKS),
                        health="starting" if "calico.expose.when" in labels else None)

    def step(self):
        containers = list(self.engine.state.containers.values())
        if len(containers) < self.size and self.random.random() < 0.4 or not containers:
            self.make()
            return
        container = self.random.choice(containers)
        getattr(self, "do_" + container.state)(container)

    def do_created(self, container):
        self.engine.start(container.name)

    do_exited = do_created

    def do_restarting(self, container):
        self.engine.come_back(container.name)

    def do_paused(self, container):
        self.engine.unpause(container.name)

    def do_running(self, container):
        changes = {
            "kill": 4, "stop": 4, "restart": 3, "remove": 4, "pause": 1,
            self.flap: 1, self.rename: 1, self.turn: 4, self.move: 2,
        }
        change = self.random.choices(list(changes), list(changes.values()))[0]
        if isinstance(change, str):
            getattr(self.engine, change)(container.name)
        else:
            change(container)

    def flap(self, container):
        self.engine.die(container.name, 1, "restarting")

    def rename(self, container):
        self.made += 1
        self.engine.rename(container.name, f"c{self.made}")

    def turn(self, container):
        """Better or worse."""
        if container.health:
            self.engine.health(container.name, self.random.choice(["healthy", "unhealthy"]))

    def move(self, container):
        """Connect it to the other network, or disconnect it from one of two."""
        if len(container.endpoints) > 1:
            self.engine.disconnect(container.name, self.random.choice(list(container.endpoints)))
        else:
            self.engine.connect(container.name, "front" if "bridge" in container.endpoints else "bridge")
