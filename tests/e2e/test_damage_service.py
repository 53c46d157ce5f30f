# SPDX-License-Identifier: GPL-2.0-or-later
"""Damage to the service: whatever becomes of the process, nothing is lost, nothing written anew."""

import os
import random
import socket
import threading

import pytest
from conftest import booted_machine
from damage import LIFE, ROADS, start_exposures
from machine import HOST
from observe import Load, Watch

KILLS = 100
# A new process is ready some 100 ms after systemd starts it: many of the kills come before that.
KILLED_WITHIN = 0.15
NEIGHBOUR = "10.9.0.7"


@pytest.fixture(scope="module")
def machine():
    with booted_machine() as machine:
        start_exposures(machine)
        machine.docker("network", "create", "--subnet", "10.9.0.0/24", "churn")
        yield machine


@pytest.fixture(autouse=True)
def clean_up():
    """The containers are the whole module's."""


@pytest.mark.parametrize("damage", LIFE)
def test_nothing_is_lost(machine, damage):
    handle = machine.table_handle()
    with Watch(machine) as watch, Load(machine.outside, ROADS) as load:
        with load.during(damage.__name__):
            damage(machine)
        load.assert_nothing_lost()
        watch.assert_untouched()
    assert machine.table_handle() == handle


class Churn:
    """A container beside the others that comes and goes all the time, by itself on its network."""

    def __init__(self, machine):
        self.machine = machine
        self.over = threading.Event()
        self.error = None
        self.rounds = 0

    def start(self):
        self.machine.start("churn", network="churn", expose="8100:80", options=["--ip", NEIGHBOUR])

    def run(self):
        try:
            while not self.over.is_set():
                self.start()
                self.machine.docker("rm", "--force", "churn")
                self.rounds += 1
        except Exception as error:
            self.error = error

    def __enter__(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        assert not self.error, self.error


def concerns_the_others(event):
    """A change of anything but what belongs to the container that comes and goes."""
    if "profile-churn" in event.name or event.name == "hairpinports":
        return False
    if event.event not in ("newelement", "delelement"):
        return True
    mine = [b"br-", socket.inet_aton(NEIGHBOUR), socket.inet_aton("10.9.0.0")]
    return not any(event.holds(data) for data in mine)


def test_a_hundred_kills(machine):
    seed = int(os.environ.get("CALICO_EXPOSED_SEED", random.randrange(1 << 32)))
    print(f"CALICO_EXPOSED_SEED={seed}")
    randomness = random.Random(seed)
    pause = threading.Event()
    handle, early = machine.table_handle(), False
    with Watch(machine) as watch, Load(machine.outside, ROADS) as load:
        with Churn(machine) as churn, load.during(f"{KILLS} kills, seed {seed}"):
            for _ in range(KILLS):
                # Never two starts in a row that fail: that is a crash loop, and another matter.
                if early:
                    machine.await_property("ActiveState", "active", deadline=10)
                pause.wait(randomness.uniform(0, KILLED_WITHIN))  # damage comes at any moment
                early = machine.property("ActiveState") != "active"
                pid = machine.property("MainPID")
                assert pid != "0", "it ended by itself"
                machine.run(["kill", "-9", pid])
                machine.await_new_process(pid)
            machine.await_property("ActiveState", "active", deadline=10)
        churn.start()
        machine.outside.await_answer("churn", "tcp", HOST[4], 8100, deadline=5)
        machine.docker("rm", "--force", "churn")
        machine.outside.await_silence("tcp", HOST[4], 8100)
        print(f"beside {churn.rounds} rounds of another container")
        load.assert_nothing_lost()
        others = [event for event in watch.changes() if concerns_the_others(event)]
        assert not others, "\n".join(map(str, others))
    assert churn.rounds
    assert machine.table_handle() == handle
