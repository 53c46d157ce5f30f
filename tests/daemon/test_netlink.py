# SPDX-License-Identifier: GPL-2.0-or-later
"""What can go wrong between the daemon and the kernel, at each request and each answer in turn."""

import errno
import time

import pytest

from labhost import wait_until
from shim import ALL, ERROR, FAILED, LOST, NETLINK_NETFILTER, NETLINK_ROUTE, NETLINK_SOCK_DIAG, \
    TRUNCATED, Shim
from stays import STAYS, sweep, toggle

PROTOCOLS = {"netfilter": NETLINK_NETFILTER, "route": NETLINK_ROUTE, "sock_diag": NETLINK_SOCK_DIAG}
# What happens to an answer. One that is lost is waited for for a second: then, not each is tried.
ANSWERS = {
    "none": (LOST, 0), "cut": (TRUNCATED, 0), "overrun": (LOST, errno.ENOBUFS),
    "too long": (LOST, errno.EMSGSIZE), "restart": (ERROR, errno.ERESTART),
    "no memory": (ERROR, errno.ENOMEM), "interrupted": (FAILED, errno.EINTR),
}
SLOW = ("none", "cut")
REQUESTS = {"no buffers": errno.ENOBUFS, "interrupted": errno.EINTR, "again": errno.EAGAIN}
# Five seconds for a part of connection tracking that does not come (other answers: one), one until it is tried again,
# and some to do it.
AFTER_SILENCE = 9


@pytest.fixture
def shim(host, tmp_path):
    return Shim(host, tmp_path, "netlink")


@pytest.fixture(params=PROTOCOLS)
def protocol(request):
    return PROTOCOLS[request.param]


@pytest.fixture
def running(engine, host, shim):
    engine.run("stays", labels=STAYS)
    host.start_ready()
    host.await_right()
    return host


def spoil_answer(shim, protocol, number, answer, count=1):
    shim.protocol, shim.monitors, shim.receives = protocol, 0, 0
    shim.reply, shim.error = ANSWERS[answer]
    shim.spoil_count, shim.spoil_receive = count, number


def spoil_request(shim, protocol, number, request, count=1):
    shim.protocol, shim.monitors, shim.sends = protocol, 0, 0
    shim.error = REQUESTS[request]
    shim.spoil_count, shim.spoil_send = count, number


def count_of_a_change(engine, host, shim, protocol):
    """Requests and answers, when a container comes and when it goes."""
    shim.protocol, shim.monitors, counts = protocol, 0, []
    for _ in range(2):
        shim.sends = shim.receives = 0
        toggle(engine)
        host.await_right()
        counts.append((shim.sends, shim.receives))
    return max(sends for sends, _ in counts), max(receives for _, receives in counts)


def sweep_changes(engine, host, shim, monitor, numbers, spoil):
    """A container comes and goes, with the n-th spoiled: the same process carries on."""
    process, reached = host.process, []

    def survive(number):
        spoil(number)
        shim.spoiled = 0
        for _ in range(2):
            toggle(engine)
            host.await_right(AFTER_SILENCE)
        shim.spoil_send = shim.spoil_receive = 0
        reached.append(shim.spoiled)
        assert process.alive and host.process is process
    sweep(host, monitor, numbers, survive)
    assert sum(reached) * 3 >= len(numbers), f"{reached}: there are not always as many"


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_at_a_change(engine, running, shim, monitor, protocol, answer):
    _, receives = count_of_a_change(engine, running, shim, protocol)
    assert receives > 0
    sweep_changes(engine, running, shim, monitor,
                  range(1, receives + 1, 5 if answer in SLOW else 1),
                  lambda number: spoil_answer(shim, protocol, number, answer))


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_request_at_a_change(engine, running, shim, monitor, protocol, request_):
    sends, _ = count_of_a_change(engine, running, shim, protocol)
    assert sends > 0
    sweep_changes(engine, running, shim, monitor, range(1, sends + 1),
                  lambda number: spoil_request(shim, protocol, number, request_))


@pytest.mark.parametrize("answer", ["none", "overrun", "restart", "no memory"])
def test_a_start(engine, running, shim, monitor, answer):
    """It is right, or it ends with a word and is right when started again."""
    running.process.kill()
    shim.protocol = NETLINK_NETFILTER
    shim.receives = 0
    running.start_ready()
    receives = shim.receives
    running.process.kill()
    assert receives > 20

    def survive(number):
        spoil_answer(shim, NETLINK_NETFILTER, number, answer)
        toggle(engine)
        process = running.start()
        since = time.monotonic()
        wait_until(lambda: running.said("READY", since) or not process.alive, 10, "ready or ended")
        shim.spoil_receive = 0
        if not process.alive:
            assert process.wait() == 1 and process.lines
            running.start_ready()
        running.await_right(AFTER_SILENCE)
        running.process.kill()
    sweep(running, monitor, range(1, receives + 1, 9 if answer in SLOW else 3), survive)


@pytest.mark.parametrize("answer", ["none", "overrun", "no memory"])
def test_nothing_works_for_a_while(engine, running, shim, monitor, protocol, answer):
    """It carries on, without a flood of words and without a busy loop, and is right afterwards."""
    process, lines, cpu = running.process, len(running.process.lines), running.process.cpu()
    start = time.monotonic()
    spoil_answer(shim, protocol, 1, answer, ALL)
    toggle(engine)
    wait_until(lambda: time.monotonic() > start + 4, 5, "some time")
    assert shim.spoiled > 0
    assert process.cpu() - cpu < 0.5
    shim.spoil_receive = 0
    running.await_right(deadline=7)  # it may try again after five seconds
    assert process.alive
    assert len(process.lines) - lines < 12, process.lines[lines:]
    assert not monitor.lines


def test_no_word_of_somebody_elses_changes(engine, running, shim):
    """The monitors' queues overflow: what was in them is looked up."""
    shim.monitors, shim.reply, shim.error = 1, LOST, errno.ENOBUFS
    shim.protocol, shim.spoil_count, shim.spoil_receive = NETLINK_NETFILTER, ALL, 1
    running.space.nft("add table ip filter; add chain ip filter DOCKER-USER")
    wait_until(lambda: "0x00000080" in running.space.run(["nft", "list", "ruleset", "ip"]), 1,
               "the rule is in DOCKER-USER")
    shim.protocol = NETLINK_ROUTE
    running.space.run(["ip", "route", "add", "172.17.0.2/32", "dev", "cali0"])
    running.await_right()
    assert ("172.17.0.2", "172.17.0.2") in running.table().get("hairpin4")
    assert shim.spoiled > 1


def test_old_flows_go_though_the_commit_was_not_confirmed(engine, running, shim):
    """The answer to the commit is lost: nothing is left to be changed, but the flows are."""
    toggle(engine)
    running.await_right()
    running.space.run(["conntrack", "-I", "-p", "udp", "-s", "203.0.113.9", "-d", "203.0.113.1",
                       "--sport", "4000", "--dport", "81", "--dst-nat", "172.19.0.2:81",
                       "-t", "300"])
    spoil_answer(shim, NETLINK_NETFILTER, 1, "none")
    toggle(engine)
    running.await_right(AFTER_SILENCE)
    assert shim.spoiled == 1
    wait_until(lambda: "dport=81" not in running.space.run(["conntrack", "-L"]), 3,
               "the flow of the container that went is gone")


def test_an_interface_gets_another_name(running):
    """Its route_localnet is ours under that name, too, and goes off with the daemon."""
    assert ("docker0",) in running.table().get("localnet")
    running.space.run(["sh", "-c", "ip link set docker0 name other0 2>/dev/null ||"  # before Linux 6.2
                       " { ip link set docker0 down; ip link set docker0 name other0; ip link set other0 up; }"])
    running.await_right()
    assert ("other0",) in running.table().get("localnet")
    wait_until(lambda: running.space.sysctl("net/ipv4/conf/other0/route_localnet") == "1", 3,
               "it is on again")
    assert running.process.terminate() == 0
    assert running.space.sysctl("net/ipv4/conf/other0/route_localnet") == "0"
