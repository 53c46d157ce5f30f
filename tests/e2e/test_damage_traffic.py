# SPDX-License-Identifier: GPL-2.0-or-later
"""That the traffic and the watch of the damage tests notice: each kind of loss, and each change."""

import contextlib

import pytest
from conftest import booted_machine
from damage import PORTS, ROADS, start_exposures
from machine import HOST, wait_until
from observe import Load, Watch

PORT = PORTS["bridge"]
# What is done to the packets for that port, by a chain of which type; what it looks like, by road.
SABOTAGE = {
    "drop": ("filter", "th dport {port} drop", {
        "open": "a packet of the handshake was lost", "long": "a packet was lost", "udp": "lost"}),
    "reject": ("filter", "tcp dport {port} reject with tcp reset; {rule} udp dport {port} reject", {
        "open": "refused", "long": "reset", "udp": "refused"}),
    "take": ("nat", "tcp dport {port} dnat to {other}:80", {"open": "answered by on-cal"}),
}


@pytest.fixture(scope="module")
def machine():
    with booted_machine() as machine:
        start_exposures(machine)
        yield machine


@pytest.fixture(autouse=True)
def clean_up():
    """The containers are the whole module's."""


@contextlib.contextmanager
def sabotage(machine, kind, rule):
    other = machine.container("on-cal").address("cal")
    add = "add rule ip sabotage prerouting"
    machine.run(["nft", "add table ip sabotage; add chain ip sabotage prerouting "
                 f"{{ type {kind} hook prerouting priority -150; }}; "
                 f"{add} {rule.format(port=PORT, rule=add, other=other)}"])
    yield
    machine.run("nft delete table ip sabotage")


@pytest.mark.parametrize("how", SABOTAGE)
def test_a_loss_is_noticed(machine, how):
    kind, rule, wanted = SABOTAGE[how]
    with Load(machine.outside, ROADS) as load:

        def seen(road, what):
            return any(load.roads[outcome.road].kind == road and what == outcome.what
                       for outcome in load.failures())
        with load.during(how) as moment, sabotage(machine, kind, rule):
            # What TCP makes good is known when it is made good, which is after this.
            at_once = [item for item in wanted.items() if "packet" not in item[1]]
            wait_until(lambda: all(seen(*item) for item in at_once), 5, f"{at_once} are noticed")
    for road, what in wanted.items():
        assert seen(road, what), load.tell(load.failures())
    assert {load.roads[outcome.road].port for outcome in load.failures()} == {PORT}
    load.assert_lost_only(moment.began, moment.ended)
    with pytest.raises(AssertionError, match="to on-bridge at"):
        load.assert_nothing_lost()
    with pytest.raises(AssertionError, match="to on-bridge at"):
        load.assert_lost_only(moment.ended, moment.ended)


def test_a_change_is_noticed(machine):
    with Watch(machine) as watch:
        watch.assert_untouched()
        machine.start("more", expose="8100:80")
        machine.outside.await_answer("more", "tcp", HOST[4], 8100)
        changes = watch.changes()
        machine.docker("rm", "--force", "more")
    assert "newelement" in {change.event for change in changes if change.name == "dnat4"}
    assert [change for change in changes if change.holds((8100).to_bytes(2, "big"))]
