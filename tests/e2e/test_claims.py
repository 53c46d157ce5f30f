# SPDX-License-Identifier: GPL-2.0-or-later
"""Who gets a host port, and what the others are told."""

import pytest
from claims import (AFTER_LISTENER, assert_closed, assert_open, await_claim, last_word,
                    listening)
from conftest import booted_machine
from machine import HOST, PROMPT, UNIT

BOTH = "8080:80,8080:53/udp"
TCP = [("tcp", 4), ("tcp", 6)]


@pytest.fixture(scope="module")
def machine():
    with booted_machine() as machine:
        machine.docker("network", "create", "plain")
        yield machine


def precedence(container):
    """Who was created first. Docker's list tells the second; within one, the ID decides."""
    details = container.inspect()
    return details["Created"][:len("2024-01-01T00:00:00")], details["Id"]


def start_pair(machine, first, second):
    """Start `first`, which is exposed, and `second`, which comes too late."""
    holder = machine.start("first", expose=first)
    await_claim(holder, "exposed")
    return holder, machine.start("second", expose=second)


def test_the_holder_keeps(machine):
    _, second = start_pair(machine, BOTH, BOTH)
    await_claim(second, "conflict", "container first holds that host port")
    machine.await_status("2 ports of 1 container exposed, 2 conflicts")
    assert_open(machine.outside, "first", 8080)
    machine.docker("kill", "first")
    assert_open(machine.outside, "second", 8080)
    await_claim(second, "exposed")
    machine.await_status("2 ports of 1 container exposed")


def test_ten_claimants(machine):
    claimants = [machine.start(f"c{i}", expose="8080:80") for i in range(10)]
    machine.await_status("1 port of 1 container exposed, 9 conflicts")
    claimants[1:] = sorted(claimants[1:], key=precedence)
    for claimant in claimants[1:]:
        await_claim(claimant, "conflict", "container c0 holds")
    for claimant in claimants[:3]:
        machine.outside.await_answer(claimant.name, "tcp", HOST[4], 8080)
        machine.docker("kill", claimant.name)
    machine.outside.await_answer(claimants[3].name, "tcp", HOST[4], 8080)
    for claimant in claimants[4:]:
        await_claim(claimant, "conflict", f"container {claimants[3].name} holds")


@pytest.mark.parametrize("verb", [["restart", UNIT], ["kill", "--signal", "KILL", UNIT]],
                         ids=["restart", "crash"])
def test_the_holder_survives_a_restart_of_the_daemon(machine, verb):
    """Even against somebody who was created earlier."""
    first, second = start_pair(machine, BOTH, BOTH)
    machine.docker("restart", "first")
    await_claim(second, "exposed")
    await_claim(first, "conflict", "container second holds")
    third = machine.start("third", expose=BOTH)
    process = machine.property("MainPID")
    with machine.outside.hold("tcp", HOST[4], 8080) as connection:
        assert connection.ask().name == "second"
        machine.systemctl(*verb)
        machine.await_restarted(process)
        machine.await_status("2 ports of 1 container exposed, 4 conflicts", deadline=5)
        assert connection.ask().name == "second"
    for loser in (first, third):
        await_claim(loser, "conflict", "container second holds")
    machine.docker("kill", "second")
    assert_open(machine.outside, min(first, third, key=precedence).name, 8080)


@pytest.mark.parametrize("first, second", [
    ("8000-8010:8000-8010", "8005:80"),
    ("8005:80", "8000-8010"),
    ("8005:80", "8000-8010:9000-9010"),
    ("8000-8005", "8005-8010"),
    (f"{HOST[4]}:8080:80", "8080:80"),
    ("8080:80", f"{HOST[4]}:8080:80"),
    ("8080:80", "127.0.0.1:8080:80"),
    ("0.0.0.0:8080:80", "8080:80"),
    ("[::]:8080:80", f"[{HOST[6]}]:8080:80"),
])
def test_overlaps(machine, first, second):
    holder, other = start_pair(machine, first, second)
    await_claim(other, "conflict", "container first holds that host port")
    assert last_word(holder)["CALICO_EXPOSED_STATE"] == "exposed"
    machine.docker("kill", "first")
    await_claim(other, "exposed")


@pytest.mark.parametrize("first, second", [
    ("8080:80", "8080:53/udp"),
    (f"{HOST[4]}:8080:80", "127.0.0.1:8080:80"),
    ("0.0.0.0:8080:80", "[::]:8080:80"),
    ("8000-8009", "8010:80"),
])
def test_neighbours_do_not_meet(machine, first, second):
    holder, other = start_pair(machine, first, second)
    await_claim(other, "exposed")
    assert last_word(holder)["CALICO_EXPOSED_STATE"] == "exposed"


def test_tcp_and_udp_of_two_containers(machine):
    start_pair(machine, "8080:80", "8080:53/udp")
    assert_open(machine.outside, "first", 8080, TCP)
    assert_open(machine.outside, "second", 8080, [("udp", 4), ("udp", 6)])


def test_twice_in_one_container(machine):
    web = machine.start("web", expose="8080:80,8080:81")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    await_claim(web, "invalid", "an earlier entry of this container")


def test_a_paused_holder_keeps(machine):
    _, second = start_pair(machine, "8080:80", "8080:80")
    await_claim(second, "conflict", "container first holds")
    machine.docker("pause", "first")
    machine.docker("restart", "second")
    machine.await_status("1 port of 1 container exposed, 1 conflict")
    await_claim(second, "conflict", "container first holds")
    machine.docker("unpause", "first")
    machine.outside.await_answer("first", "tcp", HOST[4], 8080)


# Processes of the host

@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("address, shown", [
    ("::", "all addresses"), ("0.0.0.0", "all addresses"), (HOST[4], HOST[4]), (HOST[6], HOST[6]),
    ("127.0.0.1", "127.0.0.1")], ids=["dual", "IPv4", "own4", "own6", "loopback"])
def test_a_process_of_the_host_keeps_its_port(machine, address, shown, protocol):
    with listening(machine, address, 8080, protocol):
        web = machine.start("web", expose={"tcp": "8080:80", "udp": "8080:53/udp"}[protocol])
        await_claim(web, "conflict",
                    f"a process of user nobody has port 8080/{protocol} of {shown}")
        machine.await_status("0 ports of 0 containers exposed, 1 conflict")
        machine.itself.await_answer("host", protocol,
                                    {"::": HOST[6], "0.0.0.0": HOST[4]}.get(address, address), 8080)
    await_claim(web, "exposed", deadline=AFTER_LISTENER)
    assert_open(machine.outside, "web", 8080, [(protocol, 4), (protocol, 6)])


@pytest.mark.parametrize("address, entry", [
    ("127.0.0.1", f"{HOST[4]}:8080:80"), ("0.0.0.0", "[::]:8080:80"), (HOST[6], "0.0.0.0:8080:80")])
def test_a_process_elsewhere_is_no_conflict(machine, address, entry):
    with listening(machine, address, 8080):
        await_claim(machine.start("web", expose=entry), "exposed")


def test_a_process_inside_of_a_range(machine):
    with listening(machine, "0.0.0.0", 8005, user="root"):
        web = machine.start("web", expose="8000-8010")
        await_claim(web, "conflict", "a process of user root has port 8005/tcp")
    await_claim(web, "exposed", deadline=AFTER_LISTENER)


def test_a_process_that_came_later_takes_nothing(machine):
    machine.start("web", expose="8080:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    with listening(machine, "0.0.0.0", 8080):
        other = machine.start("other", expose="8081:80")
        await_claim(other, "exposed")
        machine.outside.await_answer("web", "tcp", HOST[4], 8080)
        machine.systemctl("restart", UNIT)
        machine.await_status("2 ports of 2 containers exposed", deadline=5)
        machine.outside.await_answer("web", "tcp", HOST[4], 8080)


# Ports that Docker itself published

def check_published(machine, reason):
    machine.start("docker", options=["--publish", "8080:80", "--publish", "8080:53/udp"])
    web = machine.start("web", expose=BOTH)
    await_claim(web, "conflict", reason)
    machine.await_status("0 ports of 0 containers exposed, 2 conflicts")
    machine.outside.await_answer("docker", "tcp", HOST[4], 8080)
    machine.docker("rm", "--force", "docker")
    await_claim(web, "exposed", host_port=8080, deadline=AFTER_LISTENER)
    assert_open(machine.outside, "web", 8080)


def test_published_through_docker_proxy(machine):
    check_published(machine, "has port 8080/")


def test_published_for_the_same_container(machine):
    web = machine.start("web", expose="8080:80", options=["--publish", "8080:80"])
    await_claim(web, "conflict", "Docker, for container web has port 8080/tcp")


def test_published_on_one_address(machine):
    machine.start("docker", options=["--publish", "127.0.0.1:8080:80"])
    web = machine.start("web", expose=f"8080:80,{HOST[4]}:8081:80")
    await_claim(web, "conflict", "127.0.0.1", host_port=8080)
    await_claim(web, "exposed", host_port=8081)


# Containers that cannot be exposed

def test_host_network(machine):
    web = machine.start("web", expose="8080:80", network="host", ports=["8099"])
    await_claim(web, "waiting", "uses the host's network")
    machine.await_status("0 ports of 0 containers exposed, 1 waiting")
    assert_closed(machine.outside, 8080, TCP)


def test_no_network(machine):
    web = machine.start("web", expose="8080:80", network="none")
    await_claim(web, "waiting", "the container has no network")
    assert_closed(machine.outside, 8080, TCP)


def test_another_containers_network(machine):
    machine.start("owner")
    web = machine.start("web", expose="8080:8081", network="container:owner", ports=["8081"])
    await_claim(web, "waiting", "shares another container's network")
    assert_closed(machine.outside, 8080, TCP)


def test_no_address_of_that_family(machine):
    web = machine.start("web", expose="[::]:8080:80,0.0.0.0:8080:80", network="plain")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    said = machine.journal(container_id=web.inspect()["Id"], state="waiting")
    assert [entry["CALICO_EXPOSED_REASON"] for entry in said] == [
        "the container has no IPv6 address on network plain"]
    assert_closed(machine.outside, 8080, [("tcp", 6)])


def test_restarting(machine):
    web = machine.start("web", expose="8080:80",
                        options=["--restart", "always", "--entrypoint", "/bin/false"])
    await_claim(web, "waiting", "the container is restarting", deadline=10)


# What the configuration forbids from the start

@pytest.mark.parametrize("entry", ["22", "22:80", "20-30", f"{HOST[4]}:22:80", "22/udp"])
def test_the_reserved_port(machine, entry):
    web = machine.start("web", expose=f"{entry},8080:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    said = machine.journal(container_id=web.inspect()["Id"], state="denied")
    assert len(said) == 1
    assert "ReservedPorts=" in said[0]["CALICO_EXPOSED_REASON"]
    assert_closed(machine.outside, 22, TCP)
    machine.await_status("1 port of 1 container exposed, 1 refused", deadline=PROMPT)

