# SPDX-License-Identifier: GPL-2.0-or-later
"""Each label by what it lets through, and by what the journal says."""

import pytest
from claims import (ROADS, assert_closed, assert_open, await_claim, labels, last_word, listening,
                    read_journal)
from conftest import booted_machine
from machine import HOST, OUTSIDE, wait_until

# How soon Docker itself sees that a container's health changed: it looks once a second.
HEALTH = 5
HEALTH_CHECK = ["--health-cmd", "test -f /healthy", "--health-interval", "1s",
                "--health-retries", "1", "--health-start-period", "120s"]
BOTH = "8080:80,8080:53/udp"
TCP = [("tcp", 4), ("tcp", 6)]


@pytest.fixture(scope="module")
def machine():
    with booted_machine() as machine:
        machine.make_networks()
        yield machine


# calico.expose: host addresses

def test_an_ipv4_address_of_the_host(machine):
    web = machine.start("web", expose=f"{HOST[4]}:8080:80")
    assert_open(machine.outside, "web", 8080, [("tcp", 4)])
    assert_open(machine.itself, "web", 8080, [("tcp", 4)])
    assert_closed(machine.outside, 8080, [("tcp", 6)])
    machine.itself.await_silence("tcp", "127.0.0.1", 8080)
    assert last_word(web)["CALICO_EXPOSED_CONTAINER_ADDRESS"] == web.address()


def test_an_ipv6_address_of_the_host(machine):
    web = machine.start("web", expose=f"[{HOST[6]}]:8080:80")
    assert_open(machine.outside, "web", 8080, [("tcp", 6)])
    assert_closed(machine.outside, 8080, [("tcp", 4)])
    assert last_word(web)["CALICO_EXPOSED_CONTAINER_ADDRESS"] == web.address(family=6)


def test_the_loopback_address(machine):
    machine.start("web", expose="127.0.0.1:8080:80")
    machine.itself.await_answer("web", "tcp", "127.0.0.1", 8080)
    assert_closed(machine.outside, 8080, [("tcp", 4), ("tcp", 6)])
    assert_closed(machine.itself, 8080, [("tcp", 4), ("tcp", 6)])


def test_all_addresses_of_one_family(machine):
    machine.start("web", expose="0.0.0.0:8004:80,[::]:8006:80")
    assert_open(machine.outside, "web", 8004, [("tcp", 4)])
    assert_open(machine.outside, "web", 8006, [("tcp", 6)])
    assert_closed(machine.outside, 8004, [("tcp", 6)])
    assert_closed(machine.outside, 8006, [("tcp", 4)])


def test_blanks_and_case(machine):
    machine.start("web", expose=" 8080:80 , 8080:53/UDP ")
    assert_open(machine.outside, "web", 8080)


# calico.expose: ranges

@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("container_first", [8000, 9000], ids=["equal", "shifted"])
def test_a_range(machine, container_first, protocol):
    suffix = {"tcp": "", "udp": "/udp"}[protocol]
    last = container_first + 10
    machine.start("web", expose=f"8000-8010:{container_first}-{last}/{protocol}",
                  ports=[f"{port}{suffix}" for port in range(container_first - 1, last + 2)])
    for family in (4, 6):
        for offset in (0, 1, 5, 9, 10):
            answer = machine.outside.await_answer("web", protocol, HOST[family], 8000 + offset)
            assert answer.port == container_first + offset
        assert_closed(machine.outside, 7999, [(protocol, family)])
        assert_closed(machine.outside, 8011, [(protocol, family)])


def test_a_range_of_ten_thousand(machine):
    machine.start("web", expose="20000-29999/udp",
                  ports=["19999/udp", "20000/udp", "25000/udp", "29999/udp", "30000/udp"])
    for port in (20000, 25000, 29999):
        for family in (4, 6):
            assert machine.outside.await_answer("web", "udp", HOST[family], port).port == port
    assert_closed(machine.outside, 19999, [("udp", 4), ("udp", 6)])
    assert_closed(machine.outside, 30000, [("udp", 4), ("udp", 6)])
    table = machine.table()
    assert "20000-29999" in table
    assert "25000" not in table
    machine.await_status("10000 ports of 1 container exposed")


# calico.expose.network

def network_id(machine, name):
    return machine.docker("network", "inspect", "--format", "{{.Id}}", name)


# A container on two networks answers a datagram from whatever address its own routes prefer: by
# TCP alone, then. By IPv6 it does so once the link-local addresses are no longer tentative.
TWO_NETWORKS = 5


@pytest.mark.parametrize("how", ["name", "short ID", "whole ID"])
def test_the_network_that_the_label_names(machine, how):
    whole = network_id(machine, "front")
    wanted = {"name": "front", "short ID": whole[:12], "whole ID": whole}[how]
    web = machine.start("web", expose="8080:80", options=labels(network=wanted))
    await_claim(web, "waiting", f"not on network {wanted}")
    assert_closed(machine.outside, 8080, TCP)
    machine.docker("network", "connect", "front", "web")
    assert_open(machine.outside, "web", 8080, TCP, TWO_NETWORKS)
    said = await_claim(web, "exposed")
    assert web.address("front") in said["CALICO_EXPOSED_CONTAINER_ADDRESS"].split()
    assert said["CALICO_EXPOSED_PROFILE"] == "front"
    machine.docker("network", "disconnect", "front", "web")
    await_claim(web, "waiting", f"not on network {wanted}")
    assert_closed(machine.outside, 8080, TCP)


def test_an_id_is_too_short(machine):
    short = network_id(machine, "bridge")[:11]
    web = machine.start("web", expose="80", options=labels(network=short))
    await_claim(web, "waiting", f"not on network {short}")


def test_the_network_is_chosen(machine):
    """Calico's goes before the one that holds the default route."""
    web = machine.start("web", expose="8080:80", network="cal")
    machine.docker("network", "connect", "bridge", "web")
    assert_open(machine.outside, "web", 8080, TCP, TWO_NETWORKS)
    said = await_claim(web, "exposed")
    assert web.address("cal") in said["CALICO_EXPOSED_CONTAINER_ADDRESS"].split()
    assert said["CALICO_EXPOSED_PROFILE"] == "cal"


# calico.expose.profile

def test_profile(machine):
    web = machine.start("web", expose=BOTH, options=labels(profile="shop"))
    assert_open(machine.outside, "web", 8080)
    assert await_claim(web, "exposed")["CALICO_EXPOSED_PROFILE"] == "shop"
    assert "chain profile-shop " in machine.table()
    assert "chain profile-bridge " not in machine.table()
    machine.docker("stop", "web")
    wait_until(lambda: "profile-shop" not in machine.table(), 1,
               "the profile goes with its last user")


# calico.expose.interface

def test_interface_of_the_outside(machine):
    machine.start("web", expose=BOTH, options=labels(interface="eth0"))
    neighbour = machine.start("neighbour").place()
    assert_open(machine.outside, "web", 8080)
    assert_closed(machine.itself, 8080)
    assert_closed(neighbour, 8080)


def test_interface_of_the_neighbours(machine):
    machine.start("web", expose=BOTH, options=labels(interface="docker0"))
    neighbour = machine.start("neighbour").place()
    assert_open(neighbour, "web", 8080)
    assert_closed(machine.outside, 8080)
    assert_closed(machine.itself, 8080)


def test_interface_of_the_host_itself(machine):
    machine.start("web", expose=BOTH, options=labels(interface="lo"))
    assert_open(machine.itself, "web", 8080)
    machine.itself.await_answer("web", "tcp", "127.0.0.1", 8080)
    assert_closed(machine.outside, 8080)


def test_several_interfaces(machine):
    machine.start("web", expose=BOTH, options=labels(interface="wg0, eth0,lo"))
    assert_open(machine.outside, "web", 8080)
    assert_open(machine.itself, "web", 8080)


# calico.expose.from

@pytest.mark.parametrize("sources, allowed", [
    (f"{OUTSIDE[4]}/32,{OUTSIDE[6]}/128", ROADS),
    ("198.51.100.0/24, 203.0.113.0/24 ,2001:db8:1::/64", ROADS),
    ("203.0.113.0/24", [("tcp", 4), ("udp", 4)]),
    ("2001:db8:1::/64", [("tcp", 6), ("udp", 6)]),
    ("198.51.100.0/24,2001:db8:9::/64", []),
], ids=["alone", "networks", "IPv4", "IPv6", "others"])
def test_from(machine, sources, allowed):
    web = machine.start("web", expose=BOTH, options=labels(from_=sources))
    await_claim(web, "exposed")
    for road in ROADS:
        if road in allowed:
            assert_open(machine.outside, "web", 8080, [road])
        else:
            assert_closed(machine.outside, 8080, [road])


def test_a_process_of_the_host_answers_the_others(machine):
    """As if the port were not exposed at all. The process comes later: else it has the port."""
    web = machine.start("web", expose=BOTH,
                        options=labels(from_=f"{OUTSIDE[4]}/32,{OUTSIDE[6]}/128"))
    await_claim(web, "exposed")
    with listening(machine, "::", 8080, "tcp"), listening(machine, "::", 8080, "udp"):
        assert_open(machine.outside, "web", 8080)
        assert_open(machine.itself, "host", 8080)
        assert_open(machine.outside, "web", 8080)


# calico.expose.when

def test_healthy(machine):
    web = machine.start("web", expose=BOTH, options=[*labels(when="healthy"), *HEALTH_CHECK])
    await_claim(web, "waiting", "has not passed yet")
    assert_closed(machine.outside, 8080)
    machine.docker("exec", "web", "touch", "/healthy")
    await_claim(web, "exposed", deadline=HEALTH)
    assert_open(machine.outside, "web", 8080)
    machine.docker("exec", "web", "rm", "/healthy")
    await_claim(web, "withdrawn", "unhealthy", deadline=HEALTH)
    assert_closed(machine.outside, 8080)
    machine.docker("exec", "web", "touch", "/healthy")
    await_claim(web, "exposed", deadline=HEALTH)
    assert_open(machine.outside, "web", 8080)


def test_healthy_survives_a_restart_of_the_daemon(machine):
    """Docker's list says less of the health than its events."""
    web = machine.start("web", expose=BOTH, options=[*labels(when="healthy"), *HEALTH_CHECK])
    machine.docker("exec", "web", "touch", "/healthy")
    await_claim(web, "exposed", deadline=HEALTH)
    with machine.outside.hold("tcp", HOST[4], 8080) as connection:
        assert connection.ask().name == "web"
        machine.systemctl("restart", "calico-exposed")
        machine.await_status("2 ports of 1 container exposed", deadline=5)
        assert connection.ask().name == "web"
    assert_open(machine.outside, "web", 8080)


def test_healthy_without_a_health_check(machine):
    web = machine.start("web", expose="8080:80", options=labels(when="healthy"))
    await_claim(web, "waiting", "has no health check")
    assert_closed(machine.outside, 8080)


def test_running_is_the_default(machine):
    """An unhealthy container is exposed all the same."""
    machine.start("web", expose="8080:80,8080:53/udp",
                  options=[*labels(when="running"), *HEALTH_CHECK])
    assert_open(machine.outside, "web", 8080)


# What cannot be read

@pytest.mark.parametrize("label, value, expected", [
    ("network", "", "a network's name or ID"),
    ("profile", "", "a profile's name"),
    ("interface", "eth0,", "names of interfaces"),
    ("interface", "a-name-of-an-interface", "names of interfaces"),
    ("from", "203.0.113.0/33", "networks between commas"),
    ("from", "", "networks between commas"),
    ("when", "always", "running or healthy"),
    ("mode", "shared", "exclusive or balance"),
])
def test_a_bad_value_makes_all_entries_invalid(machine, label, value, expected):
    web = machine.start("web", expose=BOTH, options=labels(**{label: value}))
    for protocol in ("tcp", "udp"):
        said = wait_until(lambda: machine.journal(
            container_id=web.inspect()["Id"], protocol=protocol), 1, "the journal tells")
        assert [entry["CALICO_EXPOSED_STATE"] for entry in said] == ["invalid"]
        assert said[0]["CALICO_EXPOSED_REASON"] == said[0]["MESSAGE"].partition(" is invalid: ")[2]
        assert f"calico.expose.{label}={value}" in said[0]["CALICO_EXPOSED_REASON"]
        assert expected in said[0]["CALICO_EXPOSED_REASON"]
    machine.await_status("2 refused")
    assert_closed(machine.outside, 8080, [("tcp", 4), ("udp", 6)])


@pytest.mark.parametrize("wrong, meant", [
    ("calico.exposed", "calico.expose"),
    ("calico.expose.form", "calico.expose.from"),
    ("calico.expose.networks", "calico.expose.network"),
    ("calico.expose.Mode", "calico.expose.mode"),
])
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "beside"])
def test_an_unknown_label_is_warned_about(machine, wrong, meant, alone):
    web = machine.start("web", expose=None if alone else BOTH, options=["--label", f"{wrong}=80"])
    found = f"CALICO_EXPOSED_CONTAINER_ID={web.inspect()['Id']}"
    said = wait_until(lambda: [entry["MESSAGE"] for entry in read_journal(machine, found)
                               if f"no label {wrong}," in entry["MESSAGE"]], 1, "the journal warns")
    assert said == [f"web: there is no label {wrong}, did you mean {meant}?"]
    if not alone:
        assert_open(machine.outside, "web", 8080)


def test_a_warning_is_said_once(machine):
    machine.start("web", expose=BOTH, options=["--label", "calico.expose.colour=blue"])
    assert_open(machine.outside, "web", 8080)
    machine.docker("rename", "web", "renamed")
    machine.docker("network", "connect", "front", "renamed")
    assert_open(machine.outside, "web", 8080)
    found = f"CALICO_EXPOSED_CONTAINER_ID={machine.container('renamed').inspect()['Id']}"
    said = [entry["MESSAGE"] for entry in read_journal(machine, found)]
    assert [text for text in said if "colour" in text] == [
        "web: there is no label calico.expose.colour"]
