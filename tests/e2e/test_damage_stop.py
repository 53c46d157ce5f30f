# SPDX-License-Identifier: GPL-2.0-or-later
"""systemctl stop: at once nothing of ours decides over a packet any more; and start, all of it."""

import re

import pytest
from claims import listening, reload_config
from conftest import booted_machine
from damage import MOVED, PORTS, ROADS, disown, start_exposures
from load import Road
from machine import HOST, UNIT
from observe import Load

RECORDED = [road._replace(record=True) for road in ROADS]
SWITCHES = "/proc/sys/net/ipv4/conf"


@pytest.fixture(scope="module", params=["owner", "shared"])
def machine(request):
    with booted_machine() as machine:
        start_exposures(machine)
        if request.param == "shared":
            disown(machine)
        yield machine


@pytest.fixture(autouse=True)
def clean_up():
    """The containers are the whole module's."""


@pytest.fixture
def stopped(machine):
    """A function that stops the service; it runs again afterwards."""
    yield lambda: machine.systemctl("stop", UNIT)
    machine.systemctl("start", UNIT)


def localnets(machine):
    """route_localnet by interface."""
    lines = machine.run(f"grep -H . {SWITCHES}/*/route_localnet").splitlines()
    return {line.split("/")[-2]: line.split(":")[1] for line in lines}


def leftovers(machine):
    """What is ours in the kernel: table, rules, switches, translated flows."""
    containers = [machine.container(f"on-{network}").address(network, family)
                  for network in PORTS for family in (4, 6)]
    flows = machine.run("conntrack -L -f ipv4; conntrack -L -f ipv6").splitlines()
    return {
        "table": machine.table(),
        "rules": [line for line in machine.run("iptables-save; ip6tables-save").splitlines()
                  if "0x80" in line],
        "route_localnet": [name for name, value in localnets(machine).items() if value != "0"],
        "flows": [line for line in flows for host in HOST.values() for container in containers
                  if re.search(f" dst={host} .* src={container} ", line)],
    }


def assert_nothing_stays(machine, stop):
    """Nothing is left when the stop returns, and all that is sent later the host refuses."""
    with Load(machine.outside, RECORDED) as load:
        assert all(leftovers(machine).values()), "what is to go is there"
        with load.during("systemctl stop") as moment:
            stop()
            assert not any(leftovers(machine).values()), leftovers(machine)
    late = [outcome for outcome in load.outcomes if outcome.began > moment.ended]
    assert {load.roads[outcome.road] for outcome in late} == set(load.roads)
    for outcome in late:
        # The host does not say of every datagram that nobody is there.
        silent = outcome.what == "lost" and load.roads[outcome.road].kind == "udp"
        assert outcome.what == "refused" or silent, load.tell([outcome])


def test_nothing_stays(machine, stopped):
    assert_nothing_stays(machine, stopped)


@pytest.fixture
def without_docker(machine):
    """A daemon that could never ask Docker."""
    reload_config(machine, "[Docker]\nSocket=/run/nobody.sock")
    machine.systemctl("restart", UNIT)
    machine.await_status("Docker is away", deadline=5)
    yield
    reload_config(machine)
    machine.await_status("6 ports of 3 containers exposed", deadline=5)


def test_nothing_stays_that_an_earlier_one_made(machine, without_docker, stopped):
    """What there is, it knows from the table alone."""
    assert_nothing_stays(machine, stopped)


def assert_all(load, names, after, before):
    """All questions of that time were answered so, on each road."""
    questions = [outcome for outcome in load.outcomes
                 if outcome.began > after and outcome.ended < before]
    assert {outcome.road for outcome in questions} == set(range(len(load.roads)))
    others = [outcome for outcome in questions if outcome.who != names[outcome.road]]
    assert not others, load.tell(others)


def test_a_process_of_the_host_answers_at_once(machine, stopped):
    """As if we never were: also those that were there before, by the same UDP port."""
    port = PORTS["bridge"]
    roads = [Road(kind, None, HOST[4], port, record=True) for kind in ("open", "udp")]
    with listening(machine, "0.0.0.0", port), listening(machine, "0.0.0.0", port, "udp"), \
            Load(machine.outside, roads) as load, load.during("systemctl stop") as stop:
        stopped()
    assert_all(load, ["on-bridge"] * 2, 0, stop.began)
    assert_all(load, ["host"] * 2, stop.ended, load.ended)


def test_a_start_exposes_at_once(machine, stopped):
    """It is said to have started when all is exposed; who tried before is let go just then."""
    stopped()
    with Load(machine.outside, RECORDED) as load, load.during("systemctl start") as start:
        machine.systemctl("start", UNIT)
    assert_all(load, [None] * len(ROADS), 0, start.began)
    assert_all(load, [road.name for road in ROADS], start.ended + MOVED, load.ended)


def test_a_switch_of_the_administrators_stays(machine, stopped):
    machine.docker("network", "create", "--opt", "com.docker.network.bridge.name=theirs", "theirs")
    machine.run(f"echo 1 >{SWITCHES}/theirs/route_localnet")
    machine.start("on-theirs", network="theirs", expose="8100:80")
    machine.outside.await_answer("on-theirs", "tcp", HOST[4], 8100)
    stopped()
    assert localnets(machine)["theirs"] == "1"
    machine.docker("rm", "--force", "on-theirs")
    machine.docker("network", "rm", "theirs")
