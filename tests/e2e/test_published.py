# SPDX-License-Identifier: GPL-2.0-or-later
"""Ports that Docker published without docker-proxy: dockerd may hold them, or nobody."""

import pytest
from claims import AFTER_LISTENER, ROADS, assert_open, await_claim
from conftest import booted_machine
from machine import HOST

BOTH = "8080:80,8080:53/udp"


@pytest.fixture(scope="module")
def machine():
    with booted_machine(docker_json={"userland-proxy": False}) as machine:
        yield machine


def publish(machine):
    machine.start("docker", options=["--publish", "8080:80", "--publish", "8080:53/udp"])


@pytest.mark.parametrize("when", ["after the start", "later", "later still"])
def test_a_published_port_is_kept(machine, when):
    publish(machine)
    web = machine.start("web", expose=BOTH)
    await_claim(web, "conflict", "has port 8080/")
    machine.await_status("0 ports of 0 containers exposed, 2 conflicts")
    machine.outside.await_answer("docker", "tcp", HOST[4], 8080)
    machine.docker("rm", "--force", "docker")
    await_claim(web, "exposed", host_port=8080, deadline=AFTER_LISTENER)
    assert_open(machine.outside, "web", 8080, ROADS[:2])


def test_it_is_known_from_the_start(machine):
    publish(machine)
    web = machine.start("web", expose=BOTH)
    machine.systemctl("restart", "calico-exposed")
    machine.await_status("0 ports of 0 containers exposed, 2 conflicts", deadline=5)
    await_claim(web, "conflict", "has port 8080/")
