# SPDX-License-Identifier: GPL-2.0-or-later
"""check: it finds what differs, and nothing else."""

import contextlib

import pytest
from claims import labels
from damage import deny_owner, permit_owner
from documented import assert_documented
from machine import HOST, OUTSIDE, UNIT, wait_until
from verbs import check, explain, on_terminal, row_of, rows, say


@pytest.fixture(scope="module")
def machine(lasting_machine):
    return lasting_machine


def test_check_matches(machine):
    assert check(machine, 0).out == ""
    machine.start("web", expose="8080:80,53/udp,8000-8010", options=labels(from_="203.0.113.0/24"))
    balance = labels(mode="balance")
    machine.start("other", expose="8080:80,9000:80", network="front", options=balance)
    machine.start("third", expose="9000:80", network="front", options=balance)
    machine.start("calico", expose="9001:80", network="cal")
    machine.await_status("15 ports of 4 containers exposed, 1 conflict")
    said = check(machine, 0)
    assert said.out == "" and said.error == ""
    assert on_terminal(machine, 80, "check") == ["The kernel has what the containers ask for."]
    document = say(machine, "check", "--json").json()
    assert document["result"] == "match" and document["differences"] == []


@contextlib.contextmanager
def stopped_daemon(machine):
    """The daemon sees nothing meanwhile."""
    machine.systemctl("kill", "--signal", "STOP", UNIT)
    try:
        yield
    finally:
        machine.systemctl("kill", "--signal", "CONT", UNIT)


def test_check_finds_what_was_missed(machine):
    web = machine.start("web", expose="8080:80,8081:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    with stopped_daemon(machine):
        machine.docker("kill", "web")
        other = machine.start("other", expose="8080:80,8082:80", network="front")
        check(machine, 1,
              f"changed: port 8080/tcp -> {web.address() or '172.17.0'}",
              "missing: port 8082/tcp -> ", "extra: port 8081/tcp -> ",
              f"should be {other.address('front')}:80 (other)")
        document = say(machine, "check", "--json").json()
        found, documented = assert_documented(document, "Every document", "check")
        assert found == documented
        assert document["result"] == "differ"
        assert any(row["REASON"] == "in the kernel, but no container asks for it"
                   for row in rows(machine))
        assert row_of(machine, "other", "8082/tcp")["STATE"] == "waiting"
        assert "calico-exposed has not carried it out yet" in explain(machine, "other")
    machine.outside.await_answer("other", "tcp", HOST[4], 8080)
    check(machine, 0)


def test_check_finds_the_missing_rule(machine):
    machine.start("web", expose="8080:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    with stopped_daemon(machine):
        machine.run("iptables -F DOCKER-USER")
        check(machine, 1,
              "missing: the rule for marked packets at the top of ip filter DOCKER-USER")
        told = explain(machine, "web")
        assert "The rule that lets marked packets pass is missing" in told
        assert "To change: find out who takes that rule away" in told
    wait_until(lambda: say(machine, "check").code == 0, 10, "it is put back")


def test_check_finds_route_localnet_off(machine):
    machine.start("web", expose="8080:80")
    machine.itself.await_answer("web", "tcp", "127.0.0.1", 8080)
    with stopped_daemon(machine):  # it would set it again, with its look once a minute
        machine.run("echo 0 > /proc/sys/net/ipv4/conf/docker0/route_localnet")
        check(machine, 1, "missing: route_localnet on docker0, for 127.0.0.1")
    machine.systemctl("restart", UNIT)
    check(machine, 0)


def test_check_finds_hairpin_mode_off(machine):
    web = machine.start("web", expose="8080:80")
    web.place().await_answer("web", "tcp", HOST[4], 8080)
    wait_until(lambda: '"veth' in machine.table(), 5, "its port is in hairpin mode")
    with stopped_daemon(machine):
        machine.run("for mode in /sys/class/net/veth*/brport/hairpin_mode; do echo 0 >$mode; done")
        said = check(machine, 1, "missing: hairpin mode on veth")
        assert said.out.endswith(", by which web reaches itself\n")
    check(machine, 0)


def insert_flow(machine, protocol, port, container, container_port):
    """As if translated by somebody, some time ago."""
    state = ["--state", "ESTABLISHED"] if protocol == "tcp" else []
    machine.run(["conntrack", "-I", "-p", protocol, "-s", OUTSIDE[4], "-d", HOST[4],
                 "--sport", 5555, "--dport", port, "--reply-src", container,
                 "--reply-dst", OUTSIDE[4], "--reply-port-src", container_port,
                 "--reply-port-dst", 5555, "--timeout", 300, *state])


def test_check_finds_stale_flows(machine):
    web = machine.start("web", expose="8080:80,53/udp")
    ill = machine.start("ill", expose="8081:80", options=labels(when="healthy"))
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    try:
        insert_flow(machine, "tcp", 8080, web.address(), 80)  # as it should be
        insert_flow(machine, "tcp", 8079, "172.17.0.77", 80)  # somebody else's
        check(machine, 0)
        insert_flow(machine, "udp", 53, "172.17.0.77", 53)
        insert_flow(machine, "tcp", 8081, ill.address(), 80)
        check(machine, 1,
              f"changed: an open udp flow to {HOST[4]}:53 still goes to 172.17.0.77:53",
              f"extra: an open tcp flow to {HOST[4]}:8081 still goes to {ill.address()}:80 (ill)")
    finally:
        machine.run("conntrack -D -s " + OUTSIDE[4], check=False)
    check(machine, 0)


def switches(machine):
    """All that a daemon in their place would change."""
    return machine.run("nft -a list ruleset | sed 's/packets [0-9]* bytes [0-9]*//';"
                       "grep . /proc/sys/net/ipv4/conf/*/route_localnet"
                       " /sys/class/net/*/brport/hairpin_mode; conntrack -L -s " + OUTSIDE[4]
                       + " 2>/dev/null | grep -o 'src=.*'")


def test_they_change_nothing(machine):
    machine.start("web", expose="8080:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    with stopped_daemon(machine):
        machine.start("new", expose="8081:80")
        machine.run("echo 0 > /proc/sys/net/ipv4/conf/docker0/route_localnet;"
                    " iptables -F DOCKER-USER")
        insert_flow(machine, "tcp", 8080, "172.17.0.77", 80)
        before = switches(machine)
        for verb in (["list"], ["explain", "new"], ["check"]):
            say(machine, *verb)
        assert switches(machine) == before
    machine.systemctl("restart", UNIT)
    machine.run("conntrack -D -s " + OUTSIDE[4], check=False)
    wait_until(lambda: say(machine, "check").code == 0, 10, "the daemon mends it")


@pytest.fixture
def shared_table(machine):
    """A table that has no owner, so that anybody can change it."""
    deny_owner(machine)
    yield
    permit_owner(machine)


TABLE = "inet calico-exposed"


def test_check_finds_every_planted_difference(machine, shared_table):
    web = machine.start("web", expose="8080:80,8000-8010", options=labels(from_="203.0.113.0/24"))
    machine.start("b1", expose="9000:80", options=labels(mode="balance"))
    machine.start("b2", expose="9000:80", options=labels(mode="balance"))
    machine.await_status("13 ports of 3 containers exposed")
    check(machine, 0)
    address = web.address()
    for planted in [
            [(f"delete element {TABLE} dnat4 {{ tcp . 8080 }}",
              f"missing: port 8080/tcp -> {address}:80 (web)"),
             (f"add element {TABLE} dnat4 {{ tcp . 7777 : {address} . 80 }}",
              f"extra: port 7777/tcp -> {address}:80 (web)"),
             (f"flush map {TABLE} endpoint4",
              f"missing: the profile of {address} (web) -> bridge"),
             (f"flush set {TABLE} neighbours4",
              "missing: masquerading between neighbours in 172.17.0.0/16"),
             (f"flush map {TABLE} limit4", "missing: the limit on port 8080/tcp -> limit-f-"),
             (f"flush map {TABLE} range4",
              f"missing: port 8000-8010/tcp -> {address}:8000-8010"),
             (f"flush set {TABLE} addresses6", "missing: host addresses in ::/0"),
             (f"flush set {TABLE} balanced4", "as one backend of several"),
             (f"flush map {TABLE} balance4", "missing: port 9000/tcp -> balance4-2-")],
            [(f"delete element {TABLE} dnat4 {{ tcp . 8080 }};"
              f" add element {TABLE} dnat4 {{ tcp . 8080 : 172.17.0.99 . 80 }}",
              f"changed: port 8080/tcp -> 172.17.0.99:80, should be {address}:80 (web)"),
             (f"flush chain {TABLE} guard",
              "changed: chains, sets or rules of the table inet calico-exposed are not")],
            [(f"delete table {TABLE}", "missing: the table inet calico-exposed, with ")]]:
        with stopped_daemon(machine):  # not for longer than its watchdog waits
            machine.run(["nft", "; ".join(commands for commands, _ in planted)])
            check(machine, 1, *(text for _, text in planted))
        assert say(machine, "check").code == 0, "the daemon heals it within the looks of a check"
