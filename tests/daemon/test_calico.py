# SPDX-License-Identifier: GPL-2.0-or-later
"""Backend=calico-v1: addresses from Calico's datastore, profile rules in it, against a real etcd.

One etcd serves all tests of this file, each with a clean tree.
"""

import contextlib
import json
import pathlib
import signal
import time

import pytest

from calico import ADDRESSES, NODE, PATIENT, PROMPT, CalicoHost
from datastore import OURS, PROFILES, Etcd, allow, endpoint_key
from engine import Network
from labhost import wait_until
from shim import Shim
from space import Space

OWN = "calico-exposed-tcp-80"
FIRST, SECOND = ADDRESSES[:2]
STRIDE = 23  # of the allocations that fail


@pytest.fixture(scope="module")
def shared_space():
    with Space() as made:
        yield made


@pytest.fixture(scope="module")
def shared_etcd(shared_space, tmp_path_factory):
    pid = shared_space.holder.pid
    with Etcd(tmp_path_factory.mktemp("etcd"), f"/proc/{pid}/ns/net", shared_space.enter[:2]) as made:
        yield made


@pytest.fixture
def space(shared_space):
    return shared_space


@pytest.fixture
def etcd(shared_etcd):
    if not shared_etcd.process:
        shared_etcd.start()
    for root in ("/calico", "/calico-exposed"):
        if shared_etcd.keys(root):
            shared_etcd.delete(root)
    shared_etcd.put_profile("cal")
    yield shared_etcd
    if shared_etcd.process:
        shared_etcd.thaw()


@pytest.fixture
def node(host, engine, etcd):
    """Its daemon does not run yet."""
    engine.state.add_network(Network("none", driver="null", gateway=False))
    return CalicoHost(host, engine, etcd)


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


# What an operator asks

def test_list(running):
    """With the daemon running or not, and the datastore answering or not."""
    web = running.run("web", "80,8000-8100")
    hand = running.run_alone("hand", "81")
    running.etcd.put_endpoint(NODE, "e1", [FIRST], container=hand)
    running.run("refused", "82", profile="other")
    running.engine.run("bridged", labels={"calico.expose": "83"})
    running.host.await_status("105 ports of 4 containers exposed, 1 profile rule refused")
    for alive in (True, False):
        claims = running.claims()
        assert claims["web", 80]["profile"] == OWN and claims["web", 80]["profile_rule"] == "in_place"
        assert claims["web", 80]["reason"] is None
        assert claims["hand", 81]["container_addresses"] == [FIRST]
        assert claims["hand", 81]["network"] is None
        assert claims["refused", 82]["profile_rule"] == "refused"
        assert claims["refused", 82]["profile_rule_reason"].startswith("the endpoint does not have")
        assert claims["refused", 82]["reason"].startswith("profile rule refused: ")
        assert claims["bridged", 83]["profile_rule"] is None
        assert {claim["state"] for claim in claims.values()} == {"exposed"}
        if alive:
            running.process.kill()
    running.etcd.put_endpoint(NODE, web, ["192.168.0.2"], ["cal"])
    assert running.claims()["web", 80]["profile_rule"] == "pending"
    running.etcd.kill()
    status, out, error = running.status_of("list", "--json")
    claims = running.claims()
    assert status == 69 and "Calico's datastore is away: " in error
    assert '"calico":' in out and claims["web", 80]["profile_rule"] is None
    assert claims["hand", 81]["state"] == "exposed"  # by what stands in the table
    assert claims["hand", 81]["container_addresses"] == [FIRST]


def test_check(running):
    """What is missing from the datastore, and what is too much."""
    web, other = running.run("web"), running.run("other", "8080:80")
    running.await_settled(2)
    assert running.status_of("check")[0] == 0
    before = running.etcd.endpoint_profiles(NODE, web)
    running.process.kill()  # else it would mend it all
    running.etcd.put_endpoint(NODE, web, ["192.168.0.2"], ["cal"])
    running.engine.remove("other")
    status, out, error = running.status_of("check")
    assert status == 1 and {line for line in out.splitlines() if "profile" in line} >= {
        f"missing: the rule for port 80/tcp of web in profile {OWN}: the endpoint does not have the "
        f"profile {OWN}", f"extra: profile {OWN} on endpoint {other}: no exposed port needs it"}, out + error
    running.etcd.put_endpoint(NODE, web, ["192.168.0.2"], before)
    running.etcd.delete_endpoint(NODE, other)
    running.etcd.edit_inbound(OWN, lambda rules: rules.append(allow(22)))
    out = running.status_of("check")[1]
    assert f"missing: the rule for port 80/tcp of web in profile {OWN}: the rules of profile {OWN} are not " in out
    assert f"extra: the rule for port 80/tcp in profile {OWN}, kept for endpoint {other}: " in out
    running.host.start_ready()
    wait_until(lambda: running.status_of("check")[0] == 0, PATIENT, "it is mended")


def test_check_of_a_shared_profile(node):
    node.configure(Scope="profile")
    node.host.start_ready()
    node.run("web")
    node.await_rule("cal", allow(80))
    node.await_settled(1)
    node.process.kill()
    node.etcd.edit_inbound("cal", lambda rules: rules.remove(allow(80)))
    out = node.status_of("check")[1]
    assert "missing: the rule for port 80/tcp of web in profile cal: profile cal does not have the rule" in out
    node.etcd.delete(f"{PROFILES}/cal")
    assert node.claims()["web", 80]["reason"] == \
        "profile rule refused: there is no profile cal in Calico's datastore"


@pytest.mark.parametrize("trouble", ["killed", "frozen"])
def test_check_cannot_tell(running, trouble):
    running.run("web")
    running.await_settled(1)
    (running.etcd.kill if trouble == "killed" else running.etcd.freeze)()
    status, out, error = running.status_of("check")
    assert status == 2 and not out and "Calico's datastore is away: " in error


def test_explain(running):
    """The profile, the rule, and who else needs it."""
    web = running.run("web")
    running.await_open(80, "192.168.0.2", web)
    running.etcd.put(f"{OURS}/host/node9", "{}")
    ledger = running.etcd.get(f"{OURS}/profile/{OWN}")
    wait_until(lambda: running.etcd.get(f"{OURS}/profile/{OWN}"), PROMPT, "a ledger")
    running.await_settled(1)
    ledger = running.etcd.get(f"{OURS}/profile/{OWN}")
    running.etcd.put(f"{OURS}/profile/{OWN}", ledger.replace(f'"{NODE}/{web}"', f'"{NODE}/{web}","node9/e9"'))
    out = running.status_of("explain", "web")[1]
    assert f"Calico's record of its endpoint {web} has the last word on its address.\n" in out
    assert "Its profile is cal: the first in Calico's record of its endpoint.\n" in out
    assert f"Profile {OWN} in Calico's datastore allows port 80/tcp. It is needed by others, too " \
        "(host/endpoint): node9/e9.\n" in out
    claim, = json.loads(running.status_of("explain", "web", "--json")[1])["claims"]
    assert claim["profile"] == OWN and claim["profile_rule"] == "in_place" and not claim["reason"]
    hand = running.run_alone("hand", "81")
    assert "To change, for the entry \"81\": connect it to a network" in running.status_of("explain", "hand")[1]
    running.etcd.put_endpoint(NODE, "e1", [FIRST], container=hand, state="inactive")
    running.await_open(81, FIRST, "e1", container=hand)
    out = running.status_of("explain", "hand")[1]
    assert "Calico's record of its endpoint e1, which was made by calicoctl, has its address. " \
        "It says that the endpoint is inactive" in out
    running.run("refused", "82", profile="other")
    running.await_sent(82, "192.168.0.3")
    out = running.status_of("explain", "refused")[1]
    assert "Felix lets nothing pass to port 82/tcp for it cannot be allowed: the endpoint does not have" in out
    assert 'To change, for the entry "82": set that right in Calico\'s datastore: the endpoint does not' in out
    running.etcd.kill()
    status, out, _ = running.status_of("explain", "web")
    assert status == 69 and "Whether a profile in Calico's datastore allows port 80/tcp could not be asked." in out


# The configuration

def test_scopes_change(running):
    web = running.run("web")
    running.await_open(80, "192.168.0.2", web)
    running.configure(reload=True, Scope="profile")
    running.await_rule("cal", allow(80), PATIENT)
    running.await_member(web, ["cal"], PATIENT)
    wait_until(lambda: running.etcd.inbound(OWN) is None, PATIENT, "our profile is gone")
    assert running.sends(80)
    running.configure(reload=True)
    running.await_open(80, "192.168.0.2", web, PATIENT)
    running.await_no_rule("cal", allow(80), PATIENT)
    running.await_settled()


def test_back_to_nftables(running):
    """All that is ours is taken back; what Docker knows stays exposed."""
    operators = running.etcd.inbound("cal")
    web, hand = running.run("web"), running.run_alone("hand", "81")
    running.etcd.put_endpoint(NODE, "e1", [FIRST], container=hand)
    running.await_open(80, "192.168.0.2", web)
    running.await_open(81, FIRST, "e1", container=hand)
    running.configure(reload=True, Backend="nftables")
    running.await_sent(81, None)
    assert running.sends(80)
    running.await_member(web, ["cal"])
    running.process.await_line(f"Nothing that this daemon put into Calico's datastore as host {NODE} "
                               "is left", 2 * PATIENT)
    assert list(running.etcd.keys(OURS)) == [f"{OURS}/host/{NODE}"]
    assert running.etcd.inbound("cal") == operators
    assert not running.etcd.keys(f"{PROFILES}/{OWN}")
    assert "profile" not in running.host.status
    running.configure(reload=True)
    running.await_open(80, "192.168.0.2", web, PATIENT)
    running.await_open(81, FIRST, "e1", container=hand)


def test_certificates(node, tmp_path):
    """etcd by HTTPS, which asks for our certificate, after one that does not answer."""
    pid = node.host.space.holder.pid
    with Etcd(tmp_path, f"/proc/{pid}/ns/net", node.host.space.enter[:2], port=2479, tls=True) as etcd:
        node.etcd = etcd
        etcd.put_profile("cal")
        node.configure(Endpoints=f"https://127.0.0.1:1,{etcd.tls_url}", CaFile=tmp_path / "ca.pem",
                       CertFile=tmp_path / "client.pem", KeyFile=tmp_path / "client-key.pem")
        node.host.start_ready()
        web = node.run("web")
        node.await_open(80, "192.168.0.2", web, 5)
        assert node.status_of("check")[0] == 0
        node.configure(reload=True, Endpoints=etcd.tls_url)  # nobody whom it trusts
        node.process.await_line("Calico's datastore is away: https://127.0.0.1:2481: ")
        assert node.sends(80)
        node.process.kill()


def test_another_datastore_that_does_not_answer(running):
    """What the last one said of addresses holds."""
    hand = running.run_alone("hand", "81")
    running.etcd.put_endpoint(NODE, "e1", [FIRST], container=hand)
    running.await_open(81, FIRST, "e1", container=hand)
    running.configure(reload=True, Endpoints="http://127.0.0.1:1")
    running.process.await_line("Calico's datastore is away: http://127.0.0.1:1: ")
    running.host.await_status("1 profile rule pending")
    assert running.sends(81) == FIRST
    running.configure(reload=True, Endpoints=f"http://127.0.0.1:1,{running.etcd.url}")
    running.await_settled()
    running.etcd.put_endpoint(NODE, "e1", [SECOND], container=hand)
    running.await_open(81, SECOND, "e1", container=hand)


def test_a_bad_configuration_changes_nothing(running):
    web = running.run("web")
    running.await_open(80, "192.168.0.2", web)
    running.await_settled()
    before = running.written()
    running.configure(reload=True, Endpoints="ftp://example")
    assert running.process.said("The configuration stays as it was: ")
    running.run("more", "81")
    running.await_rule("calico-exposed-tcp-81", allow(81))
    for key, value in before.items():
        assert running.written()[key] == value


# Memory

def is_gone(node):
    return not node.sends(80) and node.etcd.inbound(OWN) is None


def survive(node, condition, what):
    """The condition comes, if need be by another process: one that ends says why."""
    wait_until(lambda: condition() or not node.process.alive, PATIENT, what)
    if not node.process.alive:
        assert node.process.wait() > 0 and node.process.lines, what
        node.host.start_ready()
    wait_until(condition, PATIENT, what)


def test_memory(node, tmp_path):
    """One allocation fails while a container comes and goes: in the end all is right."""
    shim = Shim(node.host, tmp_path, "memory")
    shim.only_program, shim.fail_count = 1, 1
    node.host.start_ready()
    before, total = shim.allocations, 0
    for number in range(-1, 10_000, STRIDE):
        if number >= 0:
            shim.fail_first = shim.allocations + number + 1
        web = node.run("web")
        survive(node, lambda: node.sends(80) == "192.168.0.2" and
                OWN in (node.etcd.endpoint_profiles(NODE, web) or ()), f"{number}: it is open")
        node.remove("web")
        survive(node, lambda: is_gone(node), f"{number}: it is gone")
        total = total or shim.allocations - before
        if number > total:
            break
    assert total > 100 and shim.failed > 5


# What is counted

def metrics(node):
    path = pathlib.Path(node.host.space.path("/run/calico-exposed/metrics.prom"))
    with contextlib.suppress(FileNotFoundError):
        lines = path.read_text(encoding="ascii").splitlines()
        return dict(line.rsplit(" ", 1) for line in lines if line.startswith("calico_exposed_"))
    return {}


def test_metrics(node):
    pathlib.Path(node.host.space.path("/run/calico-exposed")).mkdir(exist_ok=True)
    node.host.start_ready()
    node.run("web")
    node.await_settled(1)
    node.run("refused", "81", profile="other")
    node.run("pending", "82", record=False)
    expected = {"calico_used": "1", "calico_up": "1", 'calico_rules{state="in_place"}': "1",
                'calico_rules{state="refused"}': "1", 'calico_rules{state="pending"}': "1",
                "exposed_to_rule_seconds_count": "1"}
    wait_until(lambda: all(metrics(node).get(f"calico_exposed_{name}") == value
                           for name, value in expected.items()), PATIENT, f"{expected}")
    since = float(metrics(node)["calico_exposed_calico_pending_since_seconds"])
    assert time.time() - 60 < since <= time.time()
