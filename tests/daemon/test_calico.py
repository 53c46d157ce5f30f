# SPDX-License-Identifier: GPL-2.0-or-later
"""Backend=calico-v1: addresses from Calico's datastore, profile rules in it, against a real etcd.

One etcd serves all tests of this file, each with a clean tree. What an operator asks and changes is in
test_calico_operator.py.
"""

import signal
import time

import pytest

from calico import ADDRESSES, NODE, PATIENT, PROMPT
from datastore import OURS, PROFILES, allow, endpoint_key
from labhost import wait_until

OWN = "calico-exposed-tcp-80"
FIRST, SECOND = ADDRESSES[:2]


@pytest.fixture
def running(node):
    node.host.start_ready()
    node.process.await_line("Connected to Calico's datastore")
    return node


# Docker's plugin

def test_docker_plugin(running):
    web = running.run("web")
    running.await_open(80, "192.168.0.2", web)
    running.process.await_line(f"web: profile {OWN} allows port 80/tcp")
    running.remove("web")
    running.await_sent(80, None)
    wait_until(lambda: running.etcd.inbound(OWN) is None, PROMPT, "the profile is gone")


def test_the_record_has_the_last_word(running):
    web = running.run("web", address=FIRST)
    running.await_open(80, FIRST, web)
    running.etcd.put_endpoint(NODE, web, [SECOND], ["cal", OWN])
    running.await_open(80, SECOND, web)
    running.etcd.put_endpoint(NODE, web, [SECOND], ["cal"])  # somebody takes our profile out
    running.await_open(80, SECOND, web)


def test_without_a_record(running):
    """Docker knows the address: the kernel's side does not wait."""
    web = running.run("web", record=False)
    running.await_sent(80, "192.168.0.2")
    running.host.await_status("1 port of 1 container exposed, 1 profile rule pending")
    running.process.await_line("web: 80/tcp is exposed, but the rule for port 80/tcp is pending: "
                               "Calico's datastore has no record of the endpoint yet")
    running.etcd.put_endpoint(NODE, web, ["192.168.0.2"], ["cal"])
    running.await_open(80, "192.168.0.2", web)
    running.await_settled()


def test_other_networks_are_none_of_its_business(running):
    before = running.written()
    running.engine.run("web", labels={"calico.expose": "80"})
    running.await_sent(80, "172.17.0.2")
    running.await_settled()
    running.run("calico", "81")
    running.await_rule("calico-exposed-tcp-81", allow(81))
    assert {key for key in running.written().keys() - before.keys() if "tcp-80" in key} == set()


# calicoctl container add

def test_joined_by_hand(running):
    """The record comes, changes and goes, and Docker says nothing of it."""
    web = running.run_alone("web")
    running.process.await_line('web: entry "80" waits: the container has no network, and Calico')
    running.etcd.put_endpoint(NODE, "e1", [FIRST], container=web)
    running.await_open(80, FIRST, "e1", container=web)
    running.process.await_line("web: exposed 80/tcp -> 192.168.0.20 port 80 (Calico's endpoint, profile none)")
    running.etcd.put_endpoint(NODE, "e1", [SECOND], [OWN, "cal"], container=web)
    running.await_open(80, SECOND, "e1", container=web)
    running.etcd.delete_endpoint(NODE, "e1", container=web)
    running.await_sent(80, None)
    wait_until(lambda: running.etcd.inbound(OWN) is None, PROMPT, "the profile is gone")


def test_docker_decides_who_is_alive(running):
    """A record stays when its container has died."""
    web = running.run_alone("web")
    running.etcd.put_endpoint(NODE, "e1", [FIRST], container=web)
    running.await_open(80, FIRST, "e1", container=web)
    running.engine.kill("web")
    running.await_sent(80, None)
    running.await_member("e1", [], container=web)
    running.engine.start("web")
    running.await_open(80, FIRST, "e1", container=web)


def test_of_another_host_or_container(running):
    web = running.run_alone("web")
    running.etcd.put_endpoint("node2", "e1", [FIRST], container=web)
    running.etcd.put_endpoint(NODE, "e2", [FIRST], container="f" * 64)
    running.etcd.put_endpoint(NODE, "e3", [SECOND], container=web)
    running.await_open(80, SECOND, "e3", container=web)
    assert running.etcd.endpoint_profiles("node2", "e1", web) == []
    assert running.etcd.endpoint_profiles(NODE, "e2", "f" * 64) == []


# Scope=profile

def test_scope_profile(node):
    """What a person added stays; who comes last takes ours out."""
    node.configure(Scope="profile")
    node.etcd.edit_inbound("cal", lambda rules: rules.append(allow(443)))
    operators = node.etcd.inbound("cal")
    node.host.start_ready()
    for name, entry in (("one", "80"), ("two", "8080:80"), ("three", "443")):
        node.run(name, entry)
    node.await_rule("cal", allow(80))
    node.await_settled(3)
    assert node.etcd.inbound("cal") == [*operators, allow(80)]
    for name in ("three", "one"):
        node.remove(name)
    node.await_sent(80, None)
    assert allow(80) in node.etcd.inbound("cal")
    node.remove("two")
    node.await_no_rule("cal", allow(80))
    assert node.etcd.inbound("cal") == operators


def test_limits_and_ranges(running):
    running.run("web", "80,8000-8002,9000-9100", **{"from": "192.0.2.0/24"})
    running.await_settled(105)
    profiles = {name.split("/")[5] for name in running.etcd.keys(PROFILES)} - {"cal"}
    rules = [running.etcd.inbound(profile) for profile in sorted(profiles)]
    source = {"src_net": "192.0.2.0/24"}
    assert sorted(rules, key=str) == sorted(
        [[allow(80, **source)], [{**allow(0, **source), "dst_ports": [8000, 8001, 8002]}],
         [allow("9000:9100", **source)]], key=str)
    running.process.await_line("has a range of ports, which calicoctl 0.19 cannot read")


def test_a_profile_that_is_named(running):
    running.etcd.put_profile("web")
    running.run("web", profiles=("cal", "web"), profile="web")
    running.await_rule("web", allow(80))
    assert running.etcd.inbound(OWN) is None and allow(80) not in running.etcd.inbound("cal")


REFUSED = {
    "none of the endpoint's": (dict(profile="other"), "the endpoint does not have the profile other"),
    "absent": (dict(profile="absent", profiles=("cal", "absent")),
               "there is no profile absent in Calico's datastore"),
    "no name": (dict(profile="we b"), "that is no name of a profile"),
    "a way": (dict(profile=".."), "that is no name of a profile"),
    "reserved": (dict(profile="calico-exposed-tcp-22"), "profile calico-exposed-tcp-22 is this daemon's own"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_profiles(running, name):
    options, reason = REFUSED[name]
    running.etcd.put_profile("other")
    running.run("before", "81")
    running.await_settled(1)
    before = running.etcd.keys(PROFILES)
    running.run("web", **options)
    running.process.await_line("web: 80/tcp is exposed, but the rule")
    assert running.process.said(f"for port 80/tcp cannot be made: {reason}")
    running.host.await_status("1 profile rule refused")
    assert running.sends(80) and running.etcd.keys(PROFILES) == before


# What Calico did not write

BAD = {
    "no JSON": "{", "no object": "[]", "no state": {"ipv4_nets": []},
    "no addresses": {"state": "active", "name": "cali1", "profile_ids": [], "ipv4_nets": ["x/32"],
                     "ipv6_nets": []},
    "loopback": {"state": "active", "name": "cali1", "profile_ids": [], "ipv4_nets": ["127.0.0.1/32"],
                 "ipv6_nets": []},
    "no list": {"state": "active", "name": "cali1", "profile_ids": "cal", "ipv4_nets": [],
                "ipv6_nets": []},
    "a profile's name that is none": {"state": "active", "name": "cali1", "profile_ids": ["we/b"],
                                      "ipv4_nets": ["192.168.0.2/32"], "ipv6_nets": []},
    "1 MiB": " " * (1 << 20),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_records(running, name):
    """Of both kinds of network: said, the claim's reason, and never written."""
    hand, plugin = running.run_alone("hand", "81"), running.run("plugin", "80", record=False)
    keys = [endpoint_key(NODE, "e1", hand), endpoint_key(NODE, plugin)]
    for key in keys:
        running.etcd.put(key, BAD[name])
    before = running.etcd.keys(f"/calico/v1/host/{NODE}")
    running.process.await_line("Calico's record of endpoint e1 of container ")
    running.process.await_line(f"Calico's record of endpoint {plugin} cannot be read: ")
    running.process.await_line('hand: entry "81" waits: Calico\'s record of the container\'s endpoint '
                               "cannot be read: ")
    running.process.await_line("plugin: 80/tcp is exposed, but the rule for port 80/tcp cannot be "
                               "made: the record of the endpoint cannot be read: ")
    assert running.sends(80) == "192.168.0.2" and not running.sends(81)
    assert running.etcd.keys(f"/calico/v1/host/{NODE}") == before
    running.etcd.put_endpoint(NODE, "e1", [FIRST], container=hand)
    running.etcd.put_endpoint(NODE, plugin, ["192.168.0.2"])
    running.await_open(81, FIRST, "e1", container=hand)
    running.await_open(80, "192.168.0.2", plugin)


BAD_RULES = {
    "no JSON": "{", "no object": [], "no list": {"inbound_rules": {}, "outbound_rules": []},
    "a rule that is none": {"inbound_rules": ["allow"], "outbound_rules": []},
    "1 MiB": " " * (1 << 20),
}


@pytest.mark.parametrize("name", BAD_RULES)
def test_bad_profiles(node, name):
    """Rules that cannot be read are not written."""
    node.configure(Scope="profile")
    node.etcd.put(f"{PROFILES}/cal/rules", BAD_RULES[name])
    before = node.etcd.keys(PROFILES)
    node.host.start_ready()
    node.run("web")
    node.process.await_line("the rules of profile cal cannot be read: ")
    assert node.sends(80) and node.etcd.keys(PROFILES) == before
    node.etcd.put_profile("cal")
    node.await_rule("cal", allow(80))


# The datastore away, slow, restarted

def test_away_at_start(node):
    """What Docker knows is exposed at once."""
    endpoint = node.run("plugin", "80")
    hand = node.run_alone("hand", "81")
    node.etcd.put_endpoint(NODE, "e1", [FIRST], container=hand)
    node.etcd.kill()
    start = time.monotonic()
    node.host.start_ready()
    node.await_sent(80, "192.168.0.2")
    assert time.monotonic() - start < 2 * PROMPT
    node.process.await_line("Calico's datastore is away: ")
    node.process.await_line("the rule for port 80/tcp is pending: ")
    node.process.await_line("no network of Docker's, and Calico's datastore was not read yet")
    node.host.await_status("1 profile rule pending")
    node.host.await_status("Calico's datastore is away since ")
    node.etcd.start()
    node.await_open(80, "192.168.0.2", endpoint, PATIENT)
    node.await_open(81, FIRST, "e1", PATIENT, container=hand)
    node.await_settled(2)


def test_killed_and_away(running, monitor):
    """What only the datastore knew stays, for it is in the table; it is not judged again."""
    plugin, hand = running.run("plugin", "80"), running.run_alone("hand", "81")
    running.etcd.put_endpoint(NODE, "e1", [FIRST], ["cal"], container=hand)
    running.await_open(80, "192.168.0.2", plugin)
    running.await_open(81, FIRST, "e1", container=hand)
    running.await_settled(2)
    before = running.written()
    running.etcd.kill()
    running.process.kill()
    monitor.lines.clear()
    running.host.start_ready()
    running.host.await_status("2 ports of 2 containers exposed")
    running.host.await_status("Calico's datastore is away")
    assert not monitor.lines
    running.engine.run("other", labels={"calico.expose": "82"})  # it works all the time
    running.await_sent(82, "172.17.0.2")
    assert running.sends(81) == FIRST
    running.etcd.start()
    running.process.await_line("Connected to Calico's datastore", PATIENT)
    running.await_settled()
    assert running.written() == before
    running.etcd.delete_endpoint(NODE, "e1", container=hand)
    running.await_sent(81, None)


@pytest.mark.parametrize("trouble", ["killed", "frozen"])
def test_away_meanwhile(running, trouble):
    """It delays nothing, undoes nothing, and all is made good."""
    first, hand = running.run("first", "80"), running.run_alone("hand", "81")
    running.etcd.put_endpoint(NODE, "e1", [FIRST], container=hand)
    running.await_open(80, "192.168.0.2", first)
    running.await_open(81, FIRST, "e1", container=hand)
    second = running.run("second", "82", record=False)
    running.etcd.put_endpoint(NODE, second, ["192.168.0.3"], ["cal"])
    running.await_settled(3)
    (running.etcd.kill if trouble == "killed" else running.etcd.freeze)()
    third = running.run("third", "83", record=False)
    running.await_sent(83, "192.168.0.4")
    running.engine.remove("first")
    running.await_sent(80, None)
    assert running.sends(81) == FIRST and running.sends(82) == "192.168.0.3"
    running.process.await_line("the rule for port 83/tcp is pending")
    running.host.await_status("1 profile rule pending")
    if trouble == "killed":
        running.host.await_status("Calico's datastore is away")
        running.etcd.start()
    else:
        running.etcd.thaw()
    running.etcd.put_endpoint(NODE, third, ["192.168.0.4"], ["cal"])
    running.await_open(83, "192.168.0.4", third, PATIENT)
    wait_until(lambda: running.etcd.inbound(OWN) is None, PATIENT, "what went is taken out")
    running.await_settled()


def test_restarts_write_nothing(running):
    """Of the datastore, and of the daemon, however it ends."""
    for number, name in enumerate(("one", "two", "three")):
        running.run(name, str(80 + number))
    running.await_settled(3)
    wait_until(lambda: len(running.etcd.keys(f"{OURS}/profile")) == 3, PROMPT, "three ledgers")
    before = running.written()
    for number in (signal.SIGTERM, signal.SIGKILL):
        running.etcd.kill(number)
        running.host.await_status("datastore is away", 5)
        running.etcd.start()
        running.await_settled(3)
    running.process.kill()
    running.host.start_ready()
    running.process.await_line("Connected to Calico's datastore", PATIENT)
    running.await_settled(3)
    assert running.written() == before


def test_docker_away_at_start(node):
    """Nobody knows what lives: nothing is taken out."""
    node.host.start_ready()
    web = node.run("web")
    node.await_open(80, "192.168.0.2", web)
    node.await_settled(1)
    before = node.written()
    node.process.kill()
    node.engine.shut_down()
    node.host.start_ready()
    node.process.await_line("Connected to Calico's datastore")
    node.host.await_status("Docker is away")
    assert node.written() == before
    node.engine.listen()
    node.process.await_line("Connected to Docker", PATIENT)
    node.await_settled(1)
    assert node.written() == before


def test_taken_out_meanwhile(node):
    """What died while nobody looked is taken out; what another host or a person needs stays."""
    node.configure(Scope="profile")
    node.host.start_ready()
    node.run("web")
    node.run("other", "81")
    for port in (80, 81):
        node.await_rule("cal", allow(port))
    node.await_settled(2)
    node.process.kill()
    node.remove("web")
    node.host.start_ready()
    node.await_no_rule("cal", allow(80), PATIENT)
    assert allow(81) in node.etcd.inbound("cal")
