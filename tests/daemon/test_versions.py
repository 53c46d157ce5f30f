# SPDX-License-Identifier: GPL-2.0-or-later
"""Every kind of claim and every operation, with each engine that is known."""

import pytest

from engine import VERSIONS, Replay
from stays import STAYS

LABELS = {
    "web": {"calico.expose": "80,8443:443,53/udp,9/sctp,22,99999,8443:444"},
    "host": {"calico.expose": "203.0.113.1:8080:80,[fd00:d0c::1]:8080:80,0.0.0.0:8081:80"},
    "ranges": {"calico.expose": "3000-3005,4000-4003:5000-5003/udp,203.0.113.1:6000-6005:6000-6005"},
    "limited": {"calico.expose": "82:80,7100-7105", "calico.expose.from": "10.0.0.0/8,2001:db8::/32",
                "calico.expose.interface": "eth0,lo"},
    "one": {"calico.expose": "83:80,7000-7005", "calico.expose.mode": "balance"},
    "other": {"calico.expose": "83:81,7000-7005", "calico.expose.mode": "balance"},
    "named": {"calico.expose": "84:80", "calico.expose.profile": "public"},
    "first": {"calico.expose": "85:80"},
    "second": {"calico.expose": "85:80"},
    "plain": {},
}


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


def test_every_kind_of_claim(engine, host):
    for name, labels in LABELS.items():
        engine.run(name, labels=labels)
    engine.run("image", image="labelled")
    engine.run("own", image="labelled", labels={"calico.expose": "87:80"})
    engine.run("published", published=[("0.0.0.0", 8088, 80, "tcp")])
    engine.run("late", labels={"calico.expose": "8088:80"})
    engine.run("hostnet", labels={"calico.expose": "8089:80"}, networks=[], network_mode="host")
    engine.run("calico", labels={"calico.expose": "88:80"}, networks=["bridge", "cal"])
    host.start_ready()
    host.await_right()
    table = host.table()
    assert table.owned
    assert host.sends(80) == "172.17.0.2"
    assert host.sends(88) == "192.168.0.2"
    assert table.get("dnat4")["tcp", "8443"][1] == "443", "the first of two entries counts"
    assert not host.sends(86) and not host.sends(8088) and not host.sends(8089)


def test_it_says_whom_it_speaks_to(engine, host, version):
    host.start_ready()
    name = "Podman 4.3.1 (API " if version == "podman-4.3" else "Docker "
    host.process.await_line(f"Connected to {name}")


def test_every_operation(engine, host):
    """At each step the kernel follows at once, without a list that says so."""
    host.start_ready()
    label = {"calico.expose": "80,53/udp"}
    steps = [
        lambda: engine.create("web", labels=label), lambda: engine.start("web"),
        lambda: engine.pause("web"), lambda: engine.unpause("web"),
        lambda: engine.rename("web", "renamed"), lambda: engine.connect("renamed", "front"),
        lambda: engine.disconnect("renamed", "bridge"), lambda: engine.connect("renamed", "bridge"),
        lambda: engine.disconnect("renamed", "front"), lambda: engine.stop("renamed"),
        lambda: engine.start("renamed"), lambda: engine.restart("renamed"),
        lambda: engine.die("renamed", 1, "restarting"), lambda: engine.come_back("renamed"),
        lambda: engine.kill("renamed"), lambda: engine.start("renamed"),
        lambda: engine.remove("renamed"),
        lambda: engine.run("sick", labels={**label, "calico.expose.when": "healthy"}, health="starting"),
        lambda: engine.health("sick", "healthy"), lambda: engine.health("sick", "unhealthy"),
        lambda: engine.health("sick", "healthy"), lambda: engine.remove("sick"),
    ]
    for number, step in enumerate(steps):
        step()
        try:
            host.await_right()
        except AssertionError as error:
            raise AssertionError(f"step {number}: {error}") from None
    assert host.process.alive


def test_a_paused_container_outlives_the_daemon(engine, host, monitor):
    """It keeps its ports; and Podman's list tells of it only if asked for. The event is too old to be told again."""
    engine.run("stays", labels=STAYS)
    engine.pause("stays")
    engine.stream.forget()
    for _ in range(2):
        process = host.start_ready()
        host.await_right()
        process.kill()
    assert not monitor.lines


@pytest.mark.parametrize("version", ["podman-4.3"], indirect=True)
def test_containers_that_share_a_network(engine, host, monitor):
    """Podman lists each of them with the one address that they have, and does not say whose it is."""
    engine.run("stays", labels=STAYS)
    owner = engine.state.find("stays")
    for name in "before", "behind":
        engine.run(name, labels={"calico.expose": "81"}, network_mode=f"container:{owner.id}")
        engine.set_address(name, "bridge", owner.endpoints["bridge"].address(4))
        engine.set_address(name, "bridge", owner.endpoints["bridge"].address(6), 6)
    for _ in range(2):
        process = host.start_ready()
        host.await_right()
        assert not process.said("has the same address") and not process.said("exposed 81/tcp")
        process.kill()
    assert not monitor.lines


def test_recorded_answers(space, tmp_path, host, version):
    """What engines answered, byte for byte, and then their events: what they name is looked at."""
    host.engine.server.close()
    with Replay(space.path("/run/docker.sock"), version) as replay:
        host.engine = replay
        host.start_ready()
        replay.replay_events()
        host.await_right(deadline=5)
        assert replay.requests("inspect")
