# SPDX-License-Identifier: GPL-2.0-or-later
"""Backend=calico-v1: what the verbs say, changed configurations, failing allocations, metrics.

As in test_calico.py, against a real etcd that all tests of this file share.
"""

import contextlib
import json
import pathlib
import time

import pytest

from calico import ADDRESSES, NODE, PATIENT, PROMPT
from datastore import OURS, PROFILES, Etcd, allow
from labhost import wait_until
from shim import Shim

OWN = "calico-exposed-tcp-80"
FIRST, SECOND = ADDRESSES[:2]
STRIDE = 23  # of the allocations that fail


@pytest.fixture
def running(node):
    node.host.start_ready()
    node.process.await_line("Connected to Calico's datastore")
    return node


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
