# SPDX-License-Identifier: GPL-2.0-or-later
"""calico.expose.mode=balance: one host port, several containers."""

import contextlib

import pytest
from claims import Stream, assert_closed, await_claim, labels, spread
from machine import HOST

BOTH = "8080:80,8080:53/udp"
NAMES = ["one", "two", "three"]
HEALTH = 5
HEALTHY = [*labels(mode="balance", when="healthy"),
           "--health-cmd", "test -f /healthy", "--health-interval", "1s",
           "--health-retries", "1", "--health-start-period", "120s"]


def start(machine, name, expose=BOTH, ports=("80", "53/udp"), **limits):
    return machine.start(name, expose=expose, ports=ports,
                         options=labels(mode="balance", **limits))


@pytest.fixture
def three(machine):
    containers = [start(machine, name) for name in NAMES]
    for container in containers:
        await_claim(container, "exposed", host_port=8080)
    return containers


@pytest.mark.parametrize("protocol, family, count", [
    ("tcp", 4, 3000), ("tcp", 6, 600), ("udp", 4, 600), ("udp", 6, 600)])
def test_new_connections_are_spread(machine, three, protocol, family, count):
    got = spread(machine.outside, protocol, HOST[family], 8080, count)
    assert set(got) == set(NAMES)
    for name in NAMES:
        assert got[name] == pytest.approx(count / 3, rel=0.1), got


def test_the_hosts_own_connections_are_spread(machine, three):
    for address in ("127.0.0.1", HOST[4], HOST[6]):
        got = spread(machine.itself, "tcp", address, 8080, 60)
        assert set(got) == set(NAMES)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("family", [4, 6])
def test_a_client_keeps_its_backend(machine, three, protocol, family):
    with machine.outside.hold(protocol, HOST[family], 8080) as one, \
            machine.outside.hold(protocol, HOST[family], 8080) as other:
        assert len({one.ask().name for _ in range(20)}) == 1
        assert len({other.ask().name for _ in range(20)}) == 1
        assert one.ask().name != other.ask().name


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_one_leaves(machine, three, protocol):
    """Only its own connections end, and nobody is sent to it any more."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(machine.outside.hold(protocol, HOST[4], 8080))
                for _ in range(9)]
        names = [connection.ask().name for connection in held]
        assert set(names) == set(NAMES)
        machine.docker("kill", "two")
        machine.await_status("2 ports of 2 containers exposed")
        assert set(spread(machine.outside, protocol, HOST[4], 8080, 60)) == {"one", "three"}
        for name, connection in zip(names, held):
            if name != "two":
                assert connection.ask().name == name


def test_one_joins(machine):
    """Nobody's connection moves to the newcomer."""
    start(machine, "one")
    machine.outside.await_answer("one", "tcp", HOST[4], 8080)
    with machine.outside.hold("tcp", HOST[4], 8080) as connection, \
            machine.outside.hold("udp", HOST[4], 8080) as flow:
        assert connection.ask().name == flow.ask().name == "one"
        await_claim(start(machine, "two"), "exposed", host_port=8080)
        machine.outside.await_answer("two", "tcp", HOST[4], 8080)
        assert {connection.ask().name for _ in range(5)} == {"one"}
        assert {flow.ask().name for _ in range(5)} == {"one"}
        assert spread(machine.outside, "tcp", HOST[4], 8080, 60) == {"one": 30, "two": 30}


def test_the_last_one_leaves(machine, three):
    machine.docker("kill", *NAMES)
    assert_closed(machine.outside, 8080)
    assert "balance-" not in machine.table()


def test_container_ports_may_differ(machine):
    start(machine, "one", "8080:80")
    await_claim(start(machine, "two", "8080:81", ports=["81"]), "exposed")
    answers = [machine.outside.await_answer(name, "tcp", HOST[4], 8080) for name in ("one", "two")]
    assert [answer.port for answer in answers] == [80, 81]


def test_a_range(machine):
    for name in ("one", "two"):
        await_claim(start(machine, name, "8080-8090", ports=["8080", "8085", "8090"]), "exposed")
    for port in (8080, 8085, 8090):
        for name in ("one", "two"):
            assert machine.outside.await_answer(name, "tcp", HOST[4], port).port == port


def test_a_shifted_range_is_refused(machine):
    web = start(machine, "one", "8080-8090:9080-9090")
    await_claim(web, "invalid", "the same ports on the host and in the container")


@pytest.mark.parametrize("holder, newcomer", [
    ({}, {"mode": "balance"}), ({"mode": "balance"}, {}),
    ({"mode": "balance"}, {"mode": "exclusive"})], ids=["newcomer", "holder", "said"])
def test_all_must_say_balance(machine, holder, newcomer):
    machine.start("one", expose="8080:80", options=labels(**holder))
    machine.outside.await_answer("one", "tcp", HOST[4], 8080)
    other = machine.start("two", expose="8080:80", options=labels(**newcomer))
    await_claim(other, "conflict",
                "container one holds that host port, and not both have mode=balance")
    assert spread(machine.outside, "tcp", HOST[4], 8080, 20) == {"one": 20}
    machine.docker("rm", "--force", "one")
    machine.outside.await_answer("two", "tcp", HOST[4], 8080)


@pytest.mark.parametrize("expose, limits", [
    ("8080:80", {"from_": "203.0.113.0/24"}), ("8080-8081", {}), (f"{HOST[4]}:8080:80", {})],
    ids=["limits", "ports", "address"])
def test_all_must_say_the_same(machine, expose, limits):
    start(machine, "one", "8080:80")
    machine.outside.await_answer("one", "tcp", HOST[4], 8080)
    await_claim(start(machine, "two", expose, **limits), "conflict",
                "container one balances it with other")
    assert spread(machine.outside, "tcp", HOST[4], 8080, 20) == {"one": 20}


def test_limits_hold_for_all(machine):
    for name in ("one", "two"):
        await_claim(start(machine, name, from_="203.0.113.2"), "exposed", host_port=8080)
    assert spread(machine.outside, "tcp", HOST[4], 8080, 20) == {"one": 10, "two": 10}
    assert_closed(machine.itself, 8080, [("tcp", 4), ("udp", 4)])
    assert_closed(machine.outside, 8080, [("tcp", 6), ("udp", 6)])


def make_healthy(machine, name):
    """Start a container, and wait until it has its share."""
    web = machine.start(name, expose="8080:80", options=HEALTHY)
    machine.docker("exec", name, "touch", "/healthy")
    await_claim(web, "exposed", deadline=HEALTH)
    return web


def test_rolling_update(machine):
    """Start the new one, wait until it is healthy, stop the old one: nobody is refused."""
    make_healthy(machine, "old0")
    make_healthy(machine, "old1")
    with Stream(machine, 8080) as stream:
        stream.await_more("old0")
        for i in range(2):
            make_healthy(machine, f"new{i}")
            stream.await_more(f"new{i}")
            machine.docker("stop", f"old{i}")
            stream.await_more(f"new{i}")
    lines = stream.lines()
    assert not [line for line in lines if line.startswith("refused")]
    # Of those that were accepted, none but what the old ones had in hand.
    assert len([line for line in lines if line.startswith("ended")]) <= 4
    assert set(lines) >= {"old0", "old1", "new0", "new1"}
