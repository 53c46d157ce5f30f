# SPDX-License-Identifier: GPL-2.0-or-later
"""Others who write to the same kernel: Docker, iptables, whoever flushes the ruleset."""

import re

import pytest
from conftest import SUITE
from machine import HOST, wait_until

# As iptables reads it back.
ACCEPT = re.compile(r"-A DOCKER-USER -m mark --mark 0x80/0x80"
                    r"( -m comment --comment \S+)? -j ACCEPT")
# Docker has no DOCKER-USER of IPv6 before version 23.
TOOLS = ["iptables"] if SUITE == "bookworm" else ["iptables", "ip6tables"]

# How long the daemon may take to see that Docker is back, in seconds.
AFTER_DOCKER = 10


def rules(machine, tool):
    """DOCKER-USER's rules in order; an empty text ends them."""
    return machine.run([tool, "-S", "DOCKER-USER"], check=False).splitlines()[1:] + [""]


def await_rule(machine, tool):
    """Wait until the daemon's rule is at the top, and only there."""
    wait_until(lambda: ACCEPT.fullmatch(rules(machine, tool)[0]), 1,
               f"the rule is at the top of {tool}'s DOCKER-USER")
    assert len(list(filter(ACCEPT.fullmatch, rules(machine, tool)))) == 1


@pytest.fixture
def web(machine):
    machine.start("web", expose="80")
    machine.outside.await_answer("web", "tcp", HOST[4], 80)


@pytest.mark.parametrize("command", ["iptables -S", "iptables-save", "iptables -L -n -v",
                                     "ip6tables -S", "ip6tables-save"])
def test_iptables_still_reads_its_tables(machine, web, command):
    assert "incompatible" not in machine.run(command)


@pytest.mark.parametrize("tool", TOOLS)
def test_iptables_can_write_its_own_rules_back(machine, web, tool):
    machine.run(f"{tool}-save >/tmp/saved && {tool}-restore </tmp/saved")
    await_rule(machine, tool)
    machine.outside.await_answer("web", "tcp", HOST[4], 80)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("change", [
    "{tool} -F DOCKER-USER",
    "{tool} -I DOCKER-USER -s 198.51.100.0/24 -j DROP",
    "{tool} -D FORWARD -j DOCKER-USER; {tool} -F DOCKER-USER; {tool} -X DOCKER-USER;"
    "{tool} -N DOCKER-USER; {tool} -I FORWARD -j DOCKER-USER",
])
def test_the_rule_is_put_back(machine, web, tool, change):
    if tool == "ip6tables":
        change = change.replace("198.51.100.0/24", "2001:db8:9::/64")
    machine.run(change.format(tool=tool))
    await_rule(machine, tool)
    machine.outside.await_answer("web", "tcp", HOST[4], 80)


def test_docker_restarts_with_its_chains(machine, web):
    machine.run("iptables -F; iptables -X; iptables -t nat -F; systemctl restart docker")
    for tool in TOOLS:
        await_rule(machine, tool)
    machine.docker("start", "web")
    machine.outside.await_answer("web", "tcp", HOST[4], 80, deadline=AFTER_DOCKER)


def test_flush_ruleset_passes_the_table_by(machine, web):
    handle = machine.table_handle()
    machine.run("nft flush ruleset")
    assert machine.table_handle() == handle
    machine.outside.await_answer("web", "tcp", HOST[4], 80)
    machine.systemctl("restart", "docker")
    for tool in TOOLS:
        await_rule(machine, tool)
    machine.docker("start", "web")
    machine.outside.await_answer("web", "tcp", HOST[4], 80, deadline=AFTER_DOCKER)


def test_the_profile_is_named_after_the_network(machine, web):
    assert re.search(r"^\tchain profile-bridge ", machine.table(), re.MULTILINE)


def test_nobody_else_can_change_the_table(machine, web):
    assert not machine.host.succeeds("nft delete table inet calico-exposed")
    assert machine.outside.ask("tcp", HOST[4], 80).name == "web"
