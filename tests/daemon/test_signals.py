# SPDX-License-Identifier: GPL-2.0-or-later
"""What the daemon says to systemd, and what systemd asks of it."""

import pathlib
import signal
import time

import pytest

from labhost import wait_until
from stays import STAYS, toggle

DOCKER_USER = "add table ip filter; add chain ip filter DOCKER-USER"
RULE = 'meta mark & 0x00000080 == 0x00000080 counter packets 0 bytes 0 accept comment "calico-exposed"'


@pytest.fixture
def running(engine, host):
    engine.run("stays", labels=STAYS)
    host.start_ready()
    host.await_right()
    return host


def write_config(host, text):
    path = pathlib.Path(host.space.path("/etc/calico-exposed/calico-exposed.conf"))
    path.write_text(text, encoding="ascii")


def docker_user(host, family="ip"):
    return host.space.run(["nft", "-n", "list", "chain", family, "filter", "DOCKER-USER"])


def localnet(host, interface="docker0"):
    return host.space.sysctl(f"net/ipv4/conf/{interface}/route_localnet")


def test_the_socket_is_kept_and_nothing_polls_it(running):
    assert set(running.stored) == {"nft", "starts"}
    assert [message for _, message in running.messages if message.get("FDNAME") == "nft"] == \
        [{"FDSTORE": "1", "FDNAME": "nft", "FDPOLL": "0"}]


def test_ready_when_the_kernel_is_right(engine, host):
    """Not before: what is ordered after us relies on it."""
    for number in range(200):
        engine.run(f"c{number}", labels={"calico.expose": f"{20000 + number}:80"})
    host.start_ready()
    assert host.differences() == []
    assert host.status == "200 ports of 200 containers exposed"


def test_ready_without_docker(engine, host):
    engine.shut_down()
    host.start_ready()
    host.await_status("Docker is away since")


def test_stop(engine, running):
    """At once nothing of ours decides over a packet any more."""
    running.space.nft(DOCKER_USER)
    running.space.nft(DOCKER_USER.replace(" ip ", " ip6 "))
    wait_until(lambda: RULE in docker_user(running) and RULE in docker_user(running, "ip6"), 1,
               "the rule is in DOCKER-USER")
    toggle(engine)
    running.await_right()
    assert localnet(running) == localnet(running, "front0") == "1"
    running.space.run(["conntrack", "-I", "-p", "udp", "-s", "203.0.113.9", "-d", "203.0.113.1",
                       "--sport", "4000", "--dport", "53", "--dst-nat", "172.17.0.2:53", "-t", "300"])
    start = time.monotonic()
    assert running.process.terminate() == 0
    assert time.monotonic() - start < 2
    assert running.table() is None
    assert localnet(running) == localnet(running, "front0") == "0"
    assert "calico-exposed" not in docker_user(running) + docker_user(running, "ip6")
    assert "dport=53" not in running.space.run(["conntrack", "-L"])
    assert running.said("STOPPING", start) and "nft" not in running.stored
    assert running.process.said("nothing is exposed any more")


def test_what_somebody_else_switched_on_stays(engine, running):
    running.space.run(["sysctl", "-q", "net.ipv4.conf.front0.route_localnet=1"])
    toggle(engine)
    wait_until(lambda: running.sends(81), 1, "it is exposed")
    assert ("front0",) not in running.table().get("localnet")
    running.process.terminate()
    assert localnet(running, "front0") == "1"
    assert localnet(running) == "0"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_without_docker(engine, running, number):
    engine.crash()
    running.process.await_line("Docker is away")
    running.process.signal(number)
    assert running.process.wait() == 0
    assert running.table() is None


def test_reload(engine, running):
    engine.run("other", labels={"calico.expose": "8080:80"})
    running.await_right()
    write_config(running, "[Expose]\nPorts=1-1023,7000-7005\n")
    start = time.monotonic()
    running.process.signal(signal.SIGHUP)
    wait_until(lambda: running.said("READY", start), 1, "it is ready again")
    assert running.said("RELOADING", start) and running.said("MONOTONIC_USEC", start)
    assert not running.sends(8080) and running.sends(80)
    write_config(running, "")
    running.process.signal(signal.SIGHUP)
    running.await_right()


@pytest.mark.parametrize("text", ["[Expose]\nPorts=http\n", "[Expose\n", "Ports=1\n" + "x" * 5000,
                                  "[Docker]\nSocket=docker.sock\n"])
def test_reload_of_a_bad_configuration(engine, running, monitor, text):
    """It stays as it was, and says what is wrong and where."""
    write_config(running, text)
    start = time.monotonic()
    running.process.signal(signal.SIGHUP)
    running.process.await_line("The configuration stays as it was: /etc/calico-exposed", 1, start)
    wait_until(lambda: running.said("READY", start), 1, "it is ready again")
    toggle(engine)
    running.await_right()
    assert not monitor.lines
    running.process.kill()
    process = running.start()
    assert process.wait() == 78, "a start is refused, for good"
    assert process.said("/etc/calico-exposed/calico-exposed.conf:")
    running.after_end(78)
    assert running.table() is None and localnet(running) == "0"


def test_watchdog(engine, host):
    """It is fed as long as the loop turns, whatever the engine does."""
    host.environment["WATCHDOG_USEC"] = "400000"
    engine.run("stays", labels=STAYS)
    host.start_ready()
    host.await_right()
    engine.freeze()
    toggle(engine)
    start = time.monotonic()
    wait_until(lambda: time.monotonic() > start + 3, 4, "nothing is answered for some time")
    engine.thaw()
    fed = [when for when, _ in host.said("WATCHDOG", start)]
    gaps = [later - earlier for earlier, later in zip([start, *fed], fed)]
    assert len(fed) >= 7 and max(gaps) < 0.4, gaps
    host.await_right()
