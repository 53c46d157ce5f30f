# SPDX-License-Identifier: GPL-2.0-or-later
"""Without an owner of the table, and without a stored socket: what anybody may damage is healed."""

import contextlib
import re

import pytest
from conftest import booted_machine
from damage import HEALED, LIFE, MOVED, PORTS, ROADS, disown, start_exposures
from machine import UNIT
from observe import Load, Watch

# systemd waits for 100 ms before it starts what was killed.
STARTED = 2
DAMAGE = [
    "nft flush ruleset",
    "nft delete table inet calico-exposed",
    "nft flush table inet calico-exposed",
    f"nft delete element inet calico-exposed dnat4 '{{ tcp . {PORTS['bridge']} }}'",
    "systemctl restart nftables",
    "for i in $(seq 20); do nft flush ruleset; done",
]


@pytest.fixture(scope="module")
def machine():
    with booted_machine() as machine:
        start_exposures(machine)
        disown(machine)
        yield machine


@pytest.fixture(autouse=True)
def clean_up():
    """The containers are the whole module's."""


def listing(machine):
    return machine.run("nft list table inet calico-exposed")


def without_memory(listed):
    """Less what only the table remembers: which switches of interfaces are ours."""
    return re.sub(r"(?s)\tset (localnet|hairpinports) \{.*?\n\t\}\n", "", listed)


@contextlib.contextmanager
def held_connections(machine):
    """They say nothing while damage is done, and must be alive afterwards."""
    with contextlib.ExitStack() as stack:
        held = [(road.name, machine.outside.hold("tcp", road.address, road.port))
                for road in ROADS if road.kind == "long"]
        for _, connection in held:
            stack.enter_context(connection)
        for check in range(2):
            for name, connection in held:
                answer = connection.ask()
                assert answer and answer.name == name, f"the connection to {name} is gone"
            if check == 0:
                yield


def healing(watch):
    """When our table was damaged, and when it was right again."""
    commits = [event.time for event in watch.events()
               if (event.event, event.name) == ("newgen", UNIT)]
    return watch.changes()[0].time, max(commits, default=float("inf"))


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_healed(machine, damage):
    before = listing(machine)
    with Watch(machine) as watch, held_connections(machine), Load(machine.outside, ROADS) as load:
        with load.during(damage) as moment:
            machine.run(damage)
        damaged, healed = healing(watch)
        print(f"healed after {healed - damaged:.4f} s, lost: {len(load.failures())}")
        if "seq" not in damage:
            assert healed - damaged <= HEALED
        assert listing(machine) == before
        load.assert_lost_only(moment.began, healed + MOVED)


def test_damage_while_it_is_down_is_healed_by_the_next(machine):
    before = listing(machine)
    with Watch(machine) as watch, held_connections(machine), Load(machine.outside, ROADS) as load:
        with load.during("kill -9 and flush") as moment:
            old = machine.property("MainPID")
            machine.run(f"kill -9 {old}; nft flush ruleset")
            machine.await_restarted(old)
        damaged, healed = healing(watch)
        print(f"healed after {healed - damaged:.4f} s, lost: {len(load.failures())}")
        assert healed - damaged <= STARTED
        assert without_memory(listing(machine)) == without_memory(before)
        load.assert_lost_only(moment.began, healed + MOVED)


@pytest.mark.parametrize("event", LIFE)
def test_nothing_is_lost(machine, event):
    handle = machine.table_handle()
    with Watch(machine) as watch, held_connections(machine), Load(machine.outside, ROADS) as load:
        with load.during(event.__name__):
            event(machine)
        load.assert_nothing_lost()
        watch.assert_untouched()
    assert machine.table_handle() == handle
