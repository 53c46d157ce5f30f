# SPDX-License-Identifier: GPL-2.0-or-later
"""Who reaches an exposed port: from everywhere, over everything, on each kind of network.

The machines differ in what Docker makes of forwarding: it drops, it accepts, or
it keeps its hands off iptables altogether.
"""

import pytest
from conftest import booted_machine
from machine import HOST, OUTSIDE

FORWARDING = {
    "drop": {"forward": "drop"},
    "accept": {"forward": "accept"},
    "no-iptables": {"docker_json": {"iptables": False, "ip6tables": False}},
}
# The host ports of the container on each network.
NETWORKS = {"bridge": 8000, "front": 8001, "cal": 8002}
# Where somebody who is neither the container nor on its network comes from.
ELSEWHERE = {"bridge": "front", "front": "bridge", "cal": "bridge"}


@pytest.fixture(scope="module", params=FORWARDING)
def machine(request):
    with booted_machine(**FORWARDING[request.param]) as machine:
        machine.make_networks()
        for network, port in NETWORKS.items():
            machine.start(f"target-{network}", network=network, expose=f"{port}:80,{port}:53/udp")
            machine.start(f"other-{network}", network=network)
        yield machine


@pytest.fixture(autouse=True)
def clean_up():
    """The containers are the whole module's."""


def place_of(machine, place, network):
    return {
        "outside": lambda: machine.outside,
        "host": lambda: machine.itself,
        "neighbour": lambda: machine.container(f"other-{network}").place(),
        "stranger": lambda: machine.container(f"other-{ELSEWHERE[network]}").place(),
        "itself": lambda: machine.container(f"target-{network}").place(),
    }[place]()


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("place", ["outside", "host", "neighbour", "stranger", "itself"])
@pytest.mark.parametrize("network", NETWORKS)
def test_by_the_hosts_address(machine, network, place, protocol, family):
    answer = place_of(machine, place, network).await_answer(
        f"target-{network}", protocol, HOST[family], NETWORKS[network])
    if place == "outside":
        assert answer.client == OUTSIDE[family]


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("network", NETWORKS)
def test_by_localhost(machine, network, protocol):
    machine.itself.await_answer(f"target-{network}", protocol, "127.0.0.1", NETWORKS[network])


def test_status_tells_them_all(machine):
    machine.await_status("6 ports of 3 containers exposed")
