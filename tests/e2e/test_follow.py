# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever happens to a container, its ports follow within a second."""

import pytest
from conftest import booted_machine
from machine import HOST

LABEL = "80,53/udp"
ROADS = [("tcp", 4, 80), ("udp", 4, 53), ("tcp", 6, 80), ("udp", 6, 53)]


@pytest.fixture(scope="module")
def machine():
    with booted_machine() as machine:
        machine.make_networks()
        yield machine


@pytest.fixture(params=["bridge", "cal"])
def network(request):
    return request.param


def assert_open(machine, name):
    for protocol, family, port in ROADS:
        machine.outside.await_answer(name, protocol, HOST[family], port)


def assert_closed(machine):
    for protocol, family, port in ROADS:
        machine.outside.await_silence(protocol, HOST[family], port)


@pytest.mark.parametrize("verb", ["stop", "kill", "rm --force"])
def test_the_end_of_a_container_closes(machine, network, verb):
    machine.start("web", expose=LABEL, network=network)
    assert_open(machine, "web")
    machine.docker(*verb.split(), "web")
    assert_closed(machine)


def test_its_own_end_closes(machine):
    web = machine.start("web", expose=LABEL)
    assert_open(machine, "web")
    machine.run(["kill", web.inspect()["State"]["Pid"]])
    assert_closed(machine)


def test_restart(machine, network):
    machine.start("web", expose=LABEL, network=network)
    assert_open(machine, "web")
    machine.docker("restart", "web")
    assert_open(machine, "web")


def test_restart_with_another_address(machine):
    web = machine.start("web", expose=LABEL)
    old = web.address()
    machine.docker("stop", "web")
    thief = machine.start("thief")
    assert thief.address() == old
    assert_closed(machine)
    machine.docker("start", "web")
    assert web.address() != old
    assert_open(machine, "web")


def test_restart_policy(machine):
    web = machine.start("web", expose=LABEL, options=["--restart", "always"])
    assert_open(machine, "web")
    machine.run(["kill", "-9", web.inspect()["State"]["Pid"]])
    # Docker itself takes its time before it starts the container again.
    machine.outside.await_answer("web", "tcp", HOST[4], 80, deadline=10)
    assert_open(machine, "web")


def test_network_connect_and_disconnect(machine):
    machine.start("web", expose=LABEL, network="front")
    assert_open(machine, "web")
    machine.docker("network", "connect", "bridge", "web")
    machine.docker("network", "disconnect", "front", "web")
    assert_open(machine, "web")
    machine.docker("network", "disconnect", "bridge", "web")
    assert_closed(machine)
    machine.docker("network", "connect", "cal", "web")
    assert_open(machine, "web")


def test_created_without_a_network(machine):
    machine.docker("create", "--name", "web", "--label", f"calico.expose={LABEL}",
                   "answer", "web", "80", "53/udp")
    assert_closed(machine)
    machine.docker("start", "web")
    assert_open(machine, "web")


def test_pause_keeps_the_ports(machine):
    machine.start("web", expose=LABEL)
    assert_open(machine, "web")
    before = machine.table()
    machine.docker("pause", "web")
    assert machine.outside.ask("tcp", HOST[4], 80) is None
    assert machine.table() == before
    machine.docker("unpause", "web")
    assert_open(machine, "web")


def test_rename_is_followed(machine):
    machine.start("web", expose=LABEL)
    assert_open(machine, "web")
    machine.docker("rename", "web", "renamed")
    assert_open(machine, "web")
    machine.docker("stop", "renamed")
    assert_closed(machine)
    assert machine.journal(container_name="renamed")


def test_many_at_once(machine):
    """A burst of containers, each started before the last one is through."""
    names = [f"burst{i}" for i in range(8)]
    machine.run(" & ".join(
        f"docker run -d --name {name} --label calico.expose={9000 + i}:80 answer {name} 80"
        for i, name in enumerate(names)) + " & wait")
    for i, name in enumerate(names):
        machine.outside.await_answer(name, "tcp", HOST[4], 9000 + i)
    machine.docker("kill", *names)
    for i in range(len(names)):
        machine.outside.await_silence("tcp", HOST[4], 9000 + i)
    machine.await_status("0 ports of 0 containers exposed")


def test_the_next_claimant_takes_over(machine):
    machine.start("first", expose="80")
    machine.outside.await_answer("first", "tcp", HOST[4], 80)
    machine.start("second", expose="80")
    machine.await_status("1 conflict")
    machine.outside.await_answer("first", "tcp", HOST[4], 80)
    machine.docker("stop", "first")
    machine.outside.await_answer("second", "tcp", HOST[4], 80)
