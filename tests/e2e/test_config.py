# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration: what it permits, what a reload leaves alone, and what it refuses."""

import contextlib
import re
import subprocess

import pytest
from claims import (CONFIG, ROADS, TRAFFIC, assert_closed, assert_open, await_claim,
                    count_messages, labels, reload_config, traffic,
                    write_config)
from conftest import SUITE
from machine import HOST, OUTSIDE, PROMPT, UNIT, wait_until

TCP = [("tcp", 4), ("tcp", 6)]
BOTH = "8080:80,8080:53/udp"
# Docker has no DOCKER-USER of IPv6 before version 23.
TOOLS = ["iptables"] if SUITE == "bookworm" else ["iptables", "ip6tables"]


@pytest.fixture(autouse=True)
def back_to_default(machine, clean_up):
    yield
    write_config(machine, "")
    if machine.property("ActiveState") == "active":
        reload_config(machine)
    else:
        machine.systemctl("reset-failed", UNIT)
        machine.systemctl("start", UNIT)


@contextlib.contextmanager
def undisturbed(machine, port=8443):
    """The table and a connection to a container that the change does not concern live on."""
    machine.start("bystander", expose=f"{port}:80")
    machine.outside.await_answer("bystander", "tcp", HOST[4], port)
    handle = machine.table_handle()
    with machine.outside.hold("tcp", HOST[4], port) as connection:
        assert connection.ask().name == "bystander"
        yield
        assert connection.ask().name == "bystander"
    assert machine.table_handle() == handle


def test_ports(machine):
    low = machine.start("low", expose="80,7999-8000:80-81", ports=["80", "81"])
    with undisturbed(machine):
        assert_open(machine.outside, "low", 80, TCP)
        reload_config(machine, "[Expose]\nPorts=8000-8999, 9443")
        await_claim(low, "withdrawn", "see Ports=", host_port=80)
        await_claim(low, "withdrawn", "see Ports=", host_port="7999-8000")
        assert_closed(machine.outside, 80, TCP)
        assert_closed(machine.outside, 8000, TCP)
        await_claim(machine.start("high", expose="8999:80,9443:80"), "exposed", host_port=9443)
        await_claim(machine.start("above", expose="9000:80"), "denied", "see Ports=")
        reload_config(machine)
        assert_open(machine.outside, "low", 80, TCP)
        assert_open(machine.outside, "low", 8000, TCP)


def test_reserved_ports(machine):
    web = machine.start("web", expose="22:80,8080:80")
    with undisturbed(machine):
        await_claim(web, "denied", "see ReservedPorts=", host_port=22)
        reload_config(machine, "[Expose]\nReservedPorts=8000-8100")
        await_claim(web, "withdrawn", "see ReservedPorts=", host_port=8080)
        assert_open(machine.outside, "web", 22, TCP)
        assert_closed(machine.outside, 8080, TCP)
        reload_config(machine, "[Expose]\nReservedPorts=")
        assert_open(machine.outside, "web", 22, TCP)
        assert_open(machine.outside, "web", 8080, TCP)


def test_addresses(machine):
    web = machine.start("web", expose=f"8080:80,{HOST[4]}:8081:80,[{HOST[6]}]:8082:80")
    with undisturbed(machine):
        assert_open(machine.outside, "web", 8080, TCP)
        reload_config(machine, "[Expose]\nAddresses=203.0.113.0/24")
        await_claim(web, "withdrawn", "see Addresses=", host_port=8082)
        assert_open(machine.outside, "web", 8080, [("tcp", 4)])
        assert_open(machine.outside, "web", 8081, [("tcp", 4)])
        assert_closed(machine.outside, 8080, [("tcp", 6)])
        assert_closed(machine.outside, 8082, [("tcp", 6)])
        machine.itself.await_answer("web", "tcp", "127.0.0.1", 8080)
        reload_config(machine)
        assert_open(machine.outside, "web", 8080, TCP)
        assert_open(machine.outside, "web", 8082, [("tcp", 6)])


def test_interfaces(machine):
    machine.start("web", expose=BOTH)
    machine.start("own", expose="8081:80", options=labels(interface="lo"))
    with undisturbed(machine):
        reload_config(machine, "[Expose]\nInterfaces=eth0")
        assert_closed(machine.itself, 8080)
        assert_open(machine.outside, "web", 8080)
        assert_open(machine.itself, "own", 8081, TCP)
        assert_closed(machine.outside, 8081, TCP)
        reload_config(machine, "[Expose]\nInterfaces=lo eth0")
        assert_open(machine.itself, "web", 8080)
        assert_open(machine.outside, "web", 8080)
    reload_config(machine, "[Expose]\nInterfaces=docker0")
    assert_closed(machine.outside, 8080)
    assert_open(machine.container("own").place(), "web", 8080)


def test_localhost(machine):
    web = machine.start("web", expose="8080:80,127.0.0.1:8081:80")
    machine.itself.await_answer("web", "tcp", "127.0.0.1", 8080)
    machine.itself.await_answer("web", "tcp", "127.0.0.1", 8081)
    reload_config(machine, "[Expose]\nLocalhost=no")
    await_claim(web, "withdrawn", "Localhost=no", host_port=8081)
    machine.itself.await_silence("tcp", "127.0.0.1", 8080)
    machine.itself.await_silence("tcp", "127.0.0.1", 8081)
    assert_open(machine.itself, "web", 8080, TCP)
    assert machine.run("cat /proc/sys/net/ipv4/conf/docker0/route_localnet").strip() == "0"
    reload_config(machine)
    machine.itself.await_answer("web", "tcp", "127.0.0.1", 8080)
    machine.itself.await_answer("web", "tcp", "127.0.0.1", 8081)


def marks(machine, tool):
    rules = machine.run([tool, "-S", "DOCKER-USER"]).splitlines()
    return [found[1] for rule in rules if (found := re.search(r"--mark (\S+) .*-j ACCEPT", rule))]


def test_mark(machine):
    machine.start("web", expose=BOTH)
    with machine.outside.hold("tcp", HOST[4], 8080) as connection:
        machine.outside.await_answer("web", "tcp", HOST[4], 8080)
        assert connection.ask().name == "web"
        for mark in ("0x200/0x200", "0x1000/0xf000", "0x80/0x80"):
            reload_config(machine, f"[Expose]\nMark={mark}")
            for tool in TOOLS:
                wait_until(lambda: marks(machine, tool) == [mark], 1,
                           f"one rule of {tool}, with mark {mark}")
            assert_open(machine.outside, "web", 8080)
            assert connection.ask().name == "web"


# [Profile] Enforce

@pytest.fixture
def routed(machine):
    """A host that forwards everything, and an outside that knows the way to its containers."""
    web = machine.start("web", expose=f"{BOTH},443:443",
                        ports=["80", "81", "53/udp", "54/udp", "443"])
    bare = machine.start("bare", ports=["80", "81"])
    before = {tool: machine.run([tool, "-S", "FORWARD"]).splitlines()[0]
              for tool in ("iptables", "ip6tables")}
    for tool in before:
        machine.run([tool, "-P", "FORWARD", "ACCEPT"])
    machine.run(f"ip route add 172.17.0.0/16 via {HOST[4]};"
                f"ip -6 route add fd00:d0c::/64 via {HOST[6]}", outside=True)
    yield web, bare
    machine.run("ip route del 172.17.0.0/16; ip -6 route del fd00:d0c::/64", outside=True)
    for tool, policy in before.items():
        machine.run([tool, *policy.split()])


def assert_direct(machine, container, port, name, protocol="tcp"):
    """Who answers on the container's own addresses, outside: its name, or nobody (None)."""
    words = [word for family in (4, 6)
             for word in (protocol, container.address(family=family), port)]
    wait_until(lambda: set(traffic(machine.outside, "survey", *words)) == {name}, PROMPT,
               f"{name} answers on port {port}/{protocol} of {container.name}")
    assert set(traffic(machine.outside, "survey", *words * 2)) == {name}


def test_enforce(machine, routed):
    web, bare = routed
    assert_direct(machine, web, 81, "web")
    reload_config(machine, "[Profile]\nEnforce=yes")
    assert_direct(machine, web, 81, None)
    assert_direct(machine, web, 54, None, "udp")
    assert_direct(machine, web, 80, "web")
    assert_direct(machine, web, 53, "web", "udp")
    assert_open(machine.outside, "web", 8080)
    assert_open(machine.itself, "web", 8080)
    # Containers that are not exposed are none of its business.
    assert_direct(machine, bare, 81, "bare")
    reload_config(machine)
    assert_direct(machine, web, 81, "web")


def test_enforce_on_neighbours(machine, routed):
    """What the host forwards between two networks; on one bridge it need not see the packets."""
    web, _ = routed
    machine.docker("network", "create", "elsewhere")
    stranger = machine.start("stranger", network="elsewhere").place()
    reload_config(machine, "[Profile]\nEnforce=yes")
    machine.outside.await_silence("tcp", web.address(), 81)
    assert_open(stranger, "web", 8080, [("tcp", 4)])
    assert stranger.ask("tcp", web.address(), 81) is None
    machine.docker("rm", "--force", "stranger")
    machine.docker("network", "rm", "elsewhere")


def test_enforce_lets_the_container_out(machine, routed):
    web, _ = routed
    argv = [*TRAFFIC, "serve", "world", "tcp", "::", "9000"]
    with subprocess.Popen(machine.host.enter(argv, outside=True)) as server:
        try:
            reload_config(machine, "[Profile]\nEnforce=yes")
            machine.outside.await_silence("tcp", web.address(), 81)
            for family in (4, 6):
                web.place().await_answer("world", "tcp", OUTSIDE[family], 9000, deadline=5)
        finally:
            server.terminate()


def test_enforce_from_the_start(machine, routed):
    web, _ = routed
    write_config(machine, "[Profile]\nEnforce=yes")
    with machine.outside.hold("tcp", HOST[4], 8080) as connection:
        assert connection.ask().name == "web"
        machine.systemctl("restart", UNIT)
        machine.await_status("3 ports of 1 container exposed", deadline=5)
        assert_direct(machine, web, 81, None)
        assert connection.ask().name == "web"
    assert_open(machine.outside, "web", 8080)


# What is refused

BAD = [
    ("[Expose]\nPorts=0-80", 2, "Ports", "ports or ranges of ports"),
    ("[Expose]\nPorts=80\nPorts=", 3, "Ports", "at least one port"),
    ("# comment\n[Expose]\nReservedPorts=22,ssh", 3, "ReservedPorts", "ports or ranges of ports"),
    ("[Expose]\nAddresses=localhost", 2, "Addresses", "addresses of the host or networks"),
    ("[Expose]\nInterfaces=eth0,a/b", 2, "Interfaces", "names of interfaces"),
    ("[Expose]\nImageLabels=sometimes", 2, "ImageLabels", "ignore or honor"),
    ("[Expose]\nLocalhost=maybe", 2, "Localhost", "yes or no"),
    ("[Expose]\nMark=0x80/0x1", 2, "Mark", "a mark and a mask"),
    ("[Expose]\nMark=0", 2, "Mark", "a mark and a mask"),
    ("[Docker]\nSocket=docker.sock", 2, "Socket", "an absolute path"),
    ("\n[Profile]\nEnforce=perhaps", 3, "Enforce", "yes or no"),
    ("[Expose]\nLocalhost", 2, "line", "[Section] or Key=value"),
]


@pytest.mark.parametrize("text, line, key, expected", BAD)
def test_a_bad_value_refuses_the_start(machine, text, line, key, expected):
    wanted = f"{CONFIG}:{line}: {key}: expected {expected}"
    before = count_messages(machine, wanted)
    machine.systemctl("stop", UNIT)
    write_config(machine, text)
    assert not machine.host.succeeds(["systemctl", "start", UNIT])
    assert machine.property("ExecMainStatus") == "78"
    assert machine.property("ActiveState") == "failed"
    assert machine.property("NRestarts") == "0"
    wait_until(lambda: count_messages(machine, wanted) > before, 1, f"the journal says {wanted!r}")
    assert machine.table() is None


def test_a_bad_reload_keeps_the_old_one(machine):
    machine.start("web", expose="8080:80")
    reload_config(machine, "[Expose]\nPorts=8000-8999")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    process, handle = machine.property("MainPID"), machine.table_handle()
    with machine.outside.hold("tcp", HOST[4], 8080) as connection:
        assert connection.ask().name == "web"
        reload_config(machine, "[Expose]\nPorts=9000-9999\nLocalhost=maybe",
                      "The configuration stays as it was: "
                      f"{CONFIG}:3: Localhost: expected yes or no")
        machine.await_status("The configuration file is bad since ")
        await_claim(machine.start("other", expose="9443:80"), "denied", "see Ports=")
        await_claim(machine.start("same", expose="8081:80"), "exposed")
        assert connection.ask().name == "web"
    assert machine.property("ActiveState") == "active"
    assert machine.property("MainPID") == process
    assert machine.table_handle() == handle


def test_an_unknown_key_is_warned_about(machine):
    before = count_messages(machine, "did you mean ReservedPorts?")
    reload_config(machine, "[Expose]\nReservedPort=80\nPorts=8000-8999")
    assert count_messages(machine, f"{CONFIG}:2: there is no key ReservedPort in section [Expose], "
                                   "did you mean ReservedPorts?") == before + 1
    reload_config(machine, "[Expos]\nPorts=8000-8999")
    assert count_messages(machine, f"{CONFIG}:2: there is no section [Expos], did you mean [Expose]?")
    machine.start("web", expose="8080:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)


def test_without_a_file(machine):
    machine.run(["rm", CONFIG])
    machine.systemctl("restart", UNIT)
    machine.start("web", expose=BOTH)
    assert_open(machine.outside, "web", 8080, ROADS)
