# SPDX-License-Identifier: GPL-2.0-or-later
"""What an exposure must not open: the host's loopback, and every other port."""

import pytest
from conftest import booted_machine
from machine import HOST, PROBE, UNIT, wait_until

SECRET_PORT = 7777


@pytest.fixture(scope="module")
def machine():
    with booted_machine() as machine:
        machine.make_networks()
        machine.run(["systemd-run", "--quiet", "--unit", "secret", *PROBE, "listen", SECRET_PORT])
        wait_until(lambda: "listening" in heard(machine), 10, "the secret service listens")
        yield machine


def heard(machine):
    """What a service on the host's 127.0.0.1 has received."""
    return machine.run("journalctl --unit secret --output cat")


def forgeries(machine):
    return heard(machine).count("forged")


def places(machine, network):
    """Those who could address the host's loopback by the wire they share with it."""
    return [machine.outside, machine.container(f"other-{network}").place(),
            machine.container(f"target-{network}").place()]


@pytest.mark.parametrize("network", ["bridge", "front", "cal"])
def test_nobody_reaches_the_hosts_loopback(machine, network):
    machine.start(f"target-{network}", network=network, expose="80,53/udp")
    machine.start(f"other-{network}", network=network)
    machine.itself.await_answer(f"target-{network}", "tcp", "127.0.0.1", 80)
    before = forgeries(machine)
    for place in places(machine, network):
        place.forge(SECRET_PORT)
    # Each place's next packet arrives: the forged one before it had its chance.
    for place in places(machine, network):
        place.await_answer(f"target-{network}", "udp", HOST[4], 53)
    assert forgeries(machine) == before


@pytest.fixture
def unguarded(machine):
    """The host as it would be with route_localnet set, and nothing that guards."""
    setting = "/proc/sys/net/ipv4/conf/eth0/route_localnet"
    machine.systemctl("stop", UNIT)
    machine.run(f"echo 1 >{setting}")
    yield
    machine.run(f"echo 0 >{setting}")
    machine.systemctl("start", UNIT)


def test_the_forgery_is_real(machine, unguarded):
    before = forgeries(machine)
    machine.outside.forge(SECRET_PORT)
    wait_until(lambda: forgeries(machine) > before, 5, "the forged packet arrives")


@pytest.mark.parametrize("family", [4, 6])
def test_a_port_without_a_label_stays_closed(machine, family):
    machine.start("web", expose="80", ports=["80", "81", "53/udp"])
    machine.outside.await_answer("web", "tcp", HOST[family], 80)
    assert machine.outside.ask("tcp", HOST[family], 81) is None
    assert machine.outside.ask("udp", HOST[family], 53) is None
    assert machine.outside.ask("udp", HOST[family], 80) is None


@pytest.mark.parametrize("network", ["bridge", "cal"])
def test_the_containers_own_address_stays_closed(machine, network):
    """Somebody outside who routes the containers' addresses to the host gains nothing."""
    web = machine.start("web", expose="80", network=network, ports=["80", "81"])
    machine.outside.await_answer("web", "tcp", HOST[4], 80)
    address = web.address(network)
    machine.run(["ip", "route", "replace", f"{address}/32", "via", HOST[4]], outside=True)
    assert machine.itself.ask("tcp", address, 81).name == "web"
    assert machine.outside.ask("tcp", address, 81) is None
    assert machine.outside.ask("tcp", address, 80) is None


def test_an_unlabelled_container_stays_closed(machine):
    machine.start("web")
    machine.start("labelled", expose="8080:80")
    machine.outside.await_answer("labelled", "tcp", HOST[4], 8080)
    assert machine.outside.ask("tcp", HOST[4], 80) is None
