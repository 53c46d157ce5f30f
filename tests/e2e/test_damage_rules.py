# SPDX-License-Identifier: GPL-2.0-or-later
"""Damage to the host's rules: nothing of ours is lost, and DOCKER-USER's rule is back at once.

What else may be lost, and is not ours, depends on the host's forward chains:
- Where they drop, as Docker sets them up, new connections pass by the jump to DOCKER-USER alone.
  Whoever takes it away (iptables -F; Docker itself, for some 20 ms each time that it makes a
  network) stops them until it is back; iptables -F stops the established ones as well, which pass
  by a rule of Docker's.
- Docker 26.1 sets the policy of ip6's forward chain to drop early when it starts, and jumps to
  DOCKER-USER late; 20.10 has no rules for IPv6.
So there are two hosts: where the forward chains accept, nothing at all may be lost; where they
drop, only what was under way between the damage and the return of the jump.

With live-restore the containers live on when Docker restarts, but then neither 20.10 nor 26.1 puts
its chains back until it makes a network. Without, the containers end, and are restarted.
"""

import pytest
from conftest import SUITE, booted_machine
from damage import (HEALED, ROADS, await_all_answers, exposed_by, restart_docker,
                    start_exposures)
from observe import Load, Watch, is_by_another, is_our_rule, returns

# Docker has no DOCKER-USER of IPv6 before version 23.
TOOLS = {"iptables": "ip"} if SUITE == "bookworm" else {"iptables": "ip", "ip6tables": "ip6"}
HOSTS = {
    "accept": ({"forward": "accept",
                "docker_json": {"live-restore": True, "ip6tables": False}}, []),
    "drop": ({"forward": "drop"}, ["--restart", "always"]),
}
NO_RULES = "; ".join(f"{tool} -F; {tool} -X; {tool} -t nat -F; {tool} -t nat -X" for tool in TOOLS)


@pytest.fixture(scope="module")
def machine(request):
    host, options = HOSTS[request.param]
    with booted_machine(**host) as machine:
        start_exposures(machine, options)
        machine.docker("network", "create", "unused")
        yield machine


on_accepting = pytest.mark.parametrize("machine", ["accept"], indirect=True)
on_dropping = pytest.mark.parametrize("machine", ["drop"], indirect=True)


@pytest.fixture(autouse=True)
def clean_up():
    """The containers are the whole module's."""


def assert_returned(watch, family, at_least=1):
    times = returns(watch.events(), family)
    assert len(times) >= at_least, f"the chain of {family} did not come back"
    assert max(times) <= HEALED, f"the rule came back after {times} s"


@on_accepting
@pytest.mark.parametrize("damage, returned", [
    ("iptables -F DOCKER-USER", 1),
    ("docker network prune -f", 0),
    ("nft flush ruleset; systemctl restart nftables; docker-restarts", 1),
    (f"{NO_RULES}; docker-restarts", 1),
], ids=["flush DOCKER-USER", "network prune", "flush ruleset", "flush iptables"])
def test_nothing_is_lost(machine, damage, returned):
    handle = machine.table_handle()
    with Watch(machine) as watch, Load(machine.outside, ROADS) as load:
        with load.during(damage):
            machine.run(damage.removesuffix("; docker-restarts"))
        if "docker-restarts" in damage:
            with load.during("a restart of Docker"):
                restart_docker(machine)
            with load.during("the chains' return"):
                machine.docker("network", "create", "unused")
                machine.docker("network", "rm", "unused")
        load.assert_nothing_lost()
        watch.assert_untouched()
        if returned:
            assert_returned(watch, "ip")
    assert machine.table_handle() == handle


@on_dropping
@pytest.mark.parametrize("damage", [
    "{tool} -F DOCKER-USER",
    "{tool} -D FORWARD -j DOCKER-USER; {tool} -F DOCKER-USER; {tool} -X DOCKER-USER;"
    "{tool} -N DOCKER-USER; {tool} -I FORWARD -j DOCKER-USER",
], ids=["flush", "chain"])
@pytest.mark.parametrize("tool", TOOLS)
def test_the_loss_ends_with_the_return(machine, tool, damage):
    with Watch(machine) as watch, Load(machine.outside, ROADS) as load:
        with load.during(damage) as moment:
            machine.run(damage.format(tool=tool))
        assert_returned(watch, TOOLS[tool])
        watch.assert_untouched()
        load.assert_lost_only(moment.began, last_way_through(watch), is_drop)


def last_way_through(watch):
    """When the last thing that lets our packets through the forward chains came back."""
    return max(event.time for event in watch.events()
               if is_our_rule(event, event.family)
               or (event.event, event.name) == ("newrule", "FORWARD"))


def is_drop(outcome):
    """A packet was dropped by the host: nobody refused it, and nobody else answered."""
    return "lost" in outcome.what or outcome.what == "timed out"


@on_dropping
def test_docker_restarts_with_its_containers(machine):
    """The containers start again, and are exposed within a second: then nothing more is lost."""
    handle = machine.table_handle()
    with Watch(machine) as watch, Load(machine.outside, ROADS) as load:
        with load.during("no rules, and a restart of Docker") as moment:
            machine.run(NO_RULES)
            restart_docker(machine)
            await_all_answers(machine)
        for family in TOOLS.values():
            assert_returned(watch, family)
        ended = max(exposed_by(machine), last_way_through(watch))
        load.assert_lost_only(moment.began, ended, lambda failure: not is_by_another(failure))
    assert machine.table_handle() == handle
