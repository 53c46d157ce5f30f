# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel without the owner flag: everybody may change the table, and it is healed at once."""

import time

import pytest

from labhost import wait_until
from shim import Shim
from stays import STAYS, toggle

# What the project promises.
AT_ONCE = 0.1
TIMES = 5

TABLE = "inet calico-exposed"
DAMAGE = {
    "flush ruleset": "flush ruleset",
    "table deleted": f"delete table {TABLE}",
    "element deleted": f"delete element {TABLE} dnat4 {{ tcp . 80 }}",
    "element added": f"add element {TABLE} dnat4 {{ tcp . 9999 : 10.9.8.7 . 80 }}",
    "element changed": f"delete element {TABLE} dnat4 {{ tcp . 80 }}; "
                       f"add element {TABLE} dnat4 {{ tcp . 80 : 10.9.8.7 . 80 }}",
    "range deleted": f"delete element {TABLE} range4 {{ tcp . 7000-7005 }}",
    "map emptied": f"flush map {TABLE} dnat4; flush map {TABLE} dnat6",
    "chain emptied": f"flush chain {TABLE} translate",
    "all chains emptied": f"flush table {TABLE}",
    "rule added": f"insert rule {TABLE} prerouting counter drop",
    "guard emptied": f"flush chain {TABLE} guard",
    "profile emptied": f"flush chain {TABLE} profile-bridge",
    "chain added": f"add chain {TABLE} somebodys",
    "set added": f"add set {TABLE} somebodys {{ type ipv4_addr; }}",
}


@pytest.fixture
def shared(engine, host, tmp_path):
    """Its kernel says of the flag what an old one would."""
    Shim(host, tmp_path, "netlink").deny_owner = 1
    engine.run("stays", labels=STAYS)
    host.start_ready()
    host.await_right()
    assert not host.table().owned
    return host


@pytest.fixture
def running(shared):
    host, process = shared, shared.process
    cpu = process.cpu()
    yield host
    assert process.alive and host.process is process
    assert process.cpu() - cpu < 1


def is_as_before(host, before):
    table = host.table()
    return table and table.all == before


@pytest.mark.parametrize("name", DAMAGE)
def test_damage(engine, running, commits, name):
    """As it was, to the letter, within 100 ms; and again, and again."""
    toggle(engine)
    running.await_right()
    before, took = running.table().all, []
    for _ in range(TIMES):
        count = len(commits.all)
        running.space.nft(DAMAGE[name])
        wait_until(lambda: is_as_before(running, before), 2, "it is as before")
        wait_until(lambda: commits.of("calico-exposed", count), 2, "its commit is heard of, too")
        # One commit heals; another follows where old flows were deleted, and that is forgotten.
        took.append(commits.of("calico-exposed", count)[0].time - commits.of("nft", count)[-1].time)
    assert min(took) < AT_ONCE, f"{took}: the best counts, for the machine may be busy"
    running.process.await_line("was changed from outside, and is right again")
    running.await_right()


def test_damage_beside_changes(engine, running):
    """Elements are deleted by somebody while containers come and go."""
    for _ in range(20):
        toggle(engine)
        running.space.run(["nft", DAMAGE["element deleted"]], check=False)
        toggle(engine)
        running.space.run(["nft", DAMAGE["map emptied"]], check=False)
    running.await_right()


def test_damage_while_docker_is_away(engine, running):
    engine.crash()
    running.process.await_line("Docker is away")
    running.space.nft("flush ruleset")
    running.await_right(AT_ONCE + 1)
    engine.listen()
    running.process.await_line("Connected to Docker", 5, since=time.monotonic() - 5)
    toggle(engine)
    running.await_right()


def test_kill_and_start(engine, shared):
    """Nothing owns the table: it outlives the daemon, and is taken over."""
    toggle(engine)
    shared.await_right()
    handle = shared.space.table_handle()
    shared.process.kill()
    shared.forget_stored()
    shared.await_right()
    toggle(engine)
    process = shared.start_ready()
    shared.await_right()
    assert shared.space.table_handle() == handle
    assert process.terminate() == 0
    assert shared.space.table() is None
    shared.start_ready()
    shared.await_right()


def is_forwarded(host, interface):
    return host.space.sysctl(f"net/ipv4/conf/{interface}/route_localnet") == "1"


def test_flushed_while_it_was_away(engine, shared):
    """What it had switched is still its own, and what it had withdrawn is still to be forgotten."""
    shared.space.run_inside(["mkdir", "/run/calico-exposed"])
    assert is_forwarded(shared, "docker0")
    shared.process.kill()
    shared.after_end(9)
    shared.forget_stored()
    shared.space.nft("flush ruleset")
    process = shared.start_ready()
    shared.await_right()
    assert is_forwarded(shared, "docker0")
    assert process.terminate() == 0
    assert not is_forwarded(shared, "docker0")
