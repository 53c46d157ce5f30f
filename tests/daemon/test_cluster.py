# SPDX-License-Identifier: GPL-2.0-or-later
"""Three daemons with different names on one etcd: whose rule it is, when everything happens at once."""

import collections
import json
import os
import pathlib
import random
import threading
import time

import pytest

from cluster import Cluster, own_profile
from datastore import OURS, PROFILES, allow
from labhost import LabError, wait_until
from person import Person

NAMES = ("web", "db")  # profiles, that the person has made
PORTS = (80, 443, 5000)
SECONDS = float(os.environ.get("CALICO_EXPOSED_SECONDS", "45"))
# A host that was cut off while etcd was restarted finds that out by keepalives, after 40 s; what was removed is
# watched for ten more; and a busy machine.
QUIET = 90.0


@pytest.fixture
def cluster(tmp_path):
    binary = pathlib.Path(os.environ["CALICO_EXPOSED_BUILD"], "daemon", "calico-exposed")
    with Cluster(tmp_path, str(binary), ["profile", "profile", "endpoint"]) as made:
        yield made


class Everything:
    """What happens, from a seed."""

    def __init__(self, cluster, seed):
        self.random = random.Random(seed)
        self.cluster = cluster
        self.person = Person(cluster.etcd, self.random, NAMES, PORTS)
        self.counts = collections.Counter()
        self.troubles = []

    def go_on_for(self, seconds):
        end = time.monotonic() + seconds
        trouble = 0.0
        while (now := time.monotonic()) < end:
            self.cluster.go_on(now)
            if now >= trouble:
                self.make_trouble()
                trouble = time.monotonic() + self.random.uniform(0.3, 1.5)
            self.step()
            threading.Event().wait(self.random.random() * 0.03)

    def step(self):
        what = self.random.choices(["container", "same", "other"], [55, 20, 25])[0]
        self.counts[what] += 1
        if what == "container":
            self.change(self.random.choice(self.cluster.slots()))
        elif what == "same":
            self.person.edit_same()
        else:
            self.person.edit_other()

    def change(self, slot):
        """A container comes, goes, dies, lives again, or is given another profile by calicoctl."""
        plugin, chance = self.random.random() < 0.5, self.random.random()
        profile, port = self.random.choice(NAMES), self.random.choice(PORTS)
        if slot.state == "absent":
            slot.run(plugin, profile, port)
        elif chance < 0.5:
            slot.remove()
        elif slot.state == "exited":
            slot.start()
        elif chance < 0.8 or slot.plugin:
            slot.end()
        else:
            slot.put_record(profile)

    # Trouble: each kind in turn, in an order that is another one each time.

    def make_trouble(self):
        if not self.troubles:
            self.troubles = [self.kill_daemons] * 5 + [self.hurt_etcd] * 2 + [self.cut_off]
            self.random.shuffle(self.troubles)
        trouble = self.troubles.pop()
        self.counts[trouble.__name__] += 1
        trouble()

    def kill_daemons(self):
        """Some or all, in the middle of what follows from a change."""
        nodes = self.random.sample(self.cluster.nodes, self.random.choice([1, 1, 2, 3]))
        gently, pauses = self.random.random() < 0.2, [self.random.random() * 2 for _ in nodes]
        before = self.random.random() * 0.03
        self.change(self.random.choice(self.cluster.slots()))
        threading.Event().wait(before)
        for node, pause in zip(nodes, pauses):
            print(f"{time.monotonic():.3f} {node.name}: {'stopped' if gently else 'killed'} for {pause:.3f} s")
            if node.due is None:
                node.stop(gently, pause)

    def hurt_etcd(self):
        """Containers that have their record die and live meanwhile."""
        how, etcd = self.random.choice(["KILL", "TERM", "STOP"]), self.cluster.etcd
        steps = self.random.randrange(6)
        print(f"{time.monotonic():.3f} etcd: SIG{how}, {steps} changes")
        if how == "STOP":
            etcd.freeze()
        else:
            etcd.kill(9 if how == "KILL" else 15)
        for slot in self.random.sample(self.cluster.slots(), steps):
            if not slot.plugin and slot.state == "running":
                slot.end()
            elif not slot.plugin and slot.state == "exited":
                slot.start()
            threading.Event().wait(self.random.random() * 0.2)
        if how == "STOP":
            etcd.thaw()
        else:
            etcd.start()

    def cut_off(self):
        number, pause = self.random.randrange(1, 1 + len(self.cluster.nodes)), self.random.random() * 1.5
        print(f"{time.monotonic():.3f} node{number}: cut off for {pause:.3f} s")
        self.cluster.cut(number, pause)

    def calm(self):
        self.cluster.go_on(float("inf"))
        self.await_right(self.differences)
        for node in self.cluster.nodes:
            assert node.process.alive, f"{node.name}: the daemon ended by itself"
            wait_until(lambda: node.status_of("check")[0] == 0, QUIET, f"check agrees on {node.name}")

    # What must come out.

    def differences(self):
        needed = [(node, slot, profile) for node in self.cluster.nodes for slot, profile in node.needed()]
        found = [line for profile in NAMES for line in
                 self.person.differences(profile, {slot.port for _, slot, name in needed if name == profile})]
        return [*found, *self.own_differences({name for _, _, name in needed} - set(NAMES)),
                *self.record_differences(), *self.table_differences()]

    def own_differences(self, expected):
        """Of the profiles that daemons make: each is there while it is needed, and has just its rule."""
        names = {key.split("/")[5] for key in self.cluster.etcd.keys(PROFILES)} - set(NAMES)
        found = [f"profile {name} {'is left over' if name in names else 'is missing'}" for name in names ^ expected]
        rules = {own_profile(port): [allow(port)] for port in PORTS}
        return found + [f"profile {name} has {self.cluster.etcd.inbound(name)}" for name in names & expected
                        if self.cluster.etcd.inbound(name) != rules[name]]

    def record_differences(self):
        expected = {}
        for node in self.cluster.nodes:
            for slot in node.slots:
                if slot.state == "running" or slot.state == "exited" and not slot.plugin:
                    own = node.scope == "endpoint" and slot.state == "running"
                    expected[slot.key] = [slot.profile, *([own_profile(slot.port)] if own else [])]
        keys = self.cluster.etcd.keys("/calico/v1/host")
        assert keys.keys() == expected.keys(), "no daemon makes a record, or takes one away"
        return [f"{key} has {value}" for key, (value, _) in keys.items()
                if json.loads(value)["profile_ids"] != expected[key]]

    def table_differences(self):
        return [f"{node.name}: {slot.host_port} goes to {node.sends(slot.host_port)}, {slot.name} is "
                f"{slot.state} at {slot.address if slot.state == 'running' else None}"
                for node in self.cluster.nodes for slot in node.slots
                if node.sends(slot.host_port) != (slot.address if slot.state == "running" else None)]

    def end_all(self):
        """The last containers go, and with them all that is ours."""
        for slot in self.cluster.slots():
            if slot.state != "absent":
                slot.remove()
        self.await_right(lambda: [*self.differences(), *self.cluster.etcd.keys(f"{OURS}/profile")])

    def await_right(self, differences):
        found = []

        def is_right():
            found[:] = differences()
            return not found
        try:
            wait_until(is_right, QUIET, "all is right", 0.2)
        except LabError as error:
            raise AssertionError("\n".join(found)) from error


def test_everything_at_once(cluster):
    """In the end every profile holds exactly the person's rules and those that a living exposure needs."""
    seed = int(os.environ.get("CALICO_EXPOSED_SEED", random.randrange(1 << 32)))
    print(f"CALICO_EXPOSED_SEED={seed}")
    everything = Everything(cluster, seed)
    for node in cluster.nodes:
        node.host.start_ready()
    everything.go_on_for(SECONDS)
    everything.calm()
    everything.end_all()
    print(everything.counts, everything.person.edits)
