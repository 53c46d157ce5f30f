# SPDX-License-Identifier: GPL-2.0-or-later
"""explain on a host where Docker writes no rules, and somebody else's forward chain drops."""

import re

import pytest
from conftest import booted_machine
from machine import HOST
from verbs import NOTHING, explain, told_command


@pytest.fixture(scope="module")
def machine():
    no_rules = {"iptables": False, "ip6tables": False}
    with booted_machine(docker_json=no_rules, forward="accept") as machine:
        yield machine


def test_no_docker_user(machine):
    machine.start("web", expose="8080:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    assert NOTHING in explain(machine, "web")
    machine.run("iptables -P FORWARD DROP; ip6tables -P FORWARD DROP")
    assert machine.outside.ask("tcp", HOST[4], 8080) is None
    told = explain(machine, "web")
    for table in ("ip", "ip6"):
        assert f"The chain FORWARD of table {table} filter drops what none of its rules" in told
    remedies = re.findall(r"To change: let marked packets pass there: (nft .*)\.$", told,
                          re.MULTILINE)
    assert len(remedies) == 1, "one thing at a time"
    machine.run(remedies[0])
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    machine.run(told_command(explain(machine, "web"), "nft"))
    machine.outside.await_answer("web", "tcp", HOST[6], 8080)
    assert NOTHING in explain(machine, "web")


def test_iptables_of_the_older_kind(machine):
    """nft does not show it, and what explain says of it helps."""
    machine.start("web", expose="8080:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    if not machine.host.succeeds("iptables-legacy -P FORWARD DROP"):
        assert NOTHING in explain(machine, "web"), "a kernel without it"
        return
    try:
        assert machine.outside.ask("tcp", HOST[4], 8080) is None
        told = explain(machine, "web")
        assert "The chain FORWARD of iptables-legacy, which nft does not show, drops" in told
        machine.run(told_command(told, "iptables-legacy"))
        machine.outside.await_answer("web", "tcp", HOST[4], 8080)
        assert "legacy" not in explain(machine, "web")
    finally:
        machine.run("iptables-legacy -F; iptables-legacy -P FORWARD ACCEPT")
