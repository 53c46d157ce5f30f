# SPDX-License-Identifier: GPL-2.0-or-later
"""Old flows of what is withdrawn, where the daemon ends before it has deleted them."""

import pytest
from labhost import wait_until
from shim import ALL, NETLINK_NETFILTER, Shim
from space import OUTSIDE

CLIENT = "198.51.100.9"
EPERM = 1


def add_flow(space, protocol, port, answers, answer_port):
    """As if a client had sent something to the host's port, and this address answered."""
    client_port = str(20000 + port)
    space.run(["conntrack", "-I", "-p", protocol, "-s", CLIENT, "-d", OUTSIDE, "--sport", client_port,
               "--dport", str(port), "-r", answers, "-q", CLIENT, "--reply-port-src", str(answer_port),
               "--reply-port-dst", client_port, "-t", "300",
               *(["--state", "ESTABLISHED"] if protocol == "tcp" else [])])


def count_flows(space, port):
    listing = space.run(["conntrack", "-L", "-d", OUTSIDE])
    return sum(f"dport={port} " in line for line in listing.splitlines())


@pytest.fixture
def shim(host, tmp_path):
    return Shim(host, tmp_path, "netlink")


def test_what_a_killed_daemon_left_is_deleted(space, engine, host, shim):
    """Those flows, and no others."""
    engine.run("web", labels={"calico.expose": "80,81/udp"})
    engine.run("other", labels={"calico.expose": "82:80"})
    host.start_ready()
    host.await_right()
    add_flow(space, "tcp", 80, "172.17.0.2", 80)
    add_flow(space, "udp", 81, "172.17.0.2", 81)
    add_flow(space, "tcp", 82, "172.17.0.3", 80)
    add_flow(space, "tcp", 8080, "172.17.0.2", 80)  # somebody else's translation
    shim.protocol, shim.error = NETLINK_NETFILTER, EPERM
    shim.spoil_send, shim.spoil_count = shim.sends + 2, ALL  # the table changes, and then no more
    engine.kill("web")
    wait_until(lambda: not host.sends(80), 5, "the exposure is withdrawn")
    host.process.kill()
    assert len(host.table().get("withdrawn4")) == 2
    assert [count_flows(space, port) for port in (80, 81, 82, 8080)] == [1, 1, 1, 1]

    shim.reset()
    host.start_ready()
    wait_until(lambda: not host.table().get("withdrawn4"), 5, "all is deleted")
    assert [count_flows(space, port) for port in (80, 81, 82, 8080)] == [0, 0, 1, 1]
    host.await_right()


def test_a_flow_that_was_pinned_while_no_daemon_ran(space, engine, host):
    """A datagram that came before the exposure made a flow that is not translated."""
    add_flow(space, "udp", 53, OUTSIDE, 53)
    add_flow(space, "udp", 54, OUTSIDE, 54)
    engine.run("dns", labels={"calico.expose": "53/udp"})
    host.start_ready()
    host.await_right()
    host.process.kill()
    add_flow(space, "udp", 53, OUTSIDE, 53)
    host.start_ready()
    wait_until(lambda: count_flows(space, 53) == 0, 5, "the flow is deleted")
    assert count_flows(space, 54) == 1
