# SPDX-License-Identifier: GPL-2.0-or-later
"""list: what it says, and that it is true."""

import re

import pytest
from claims import labels
from documented import assert_documented
from machine import HOST, wait_until
from verbs import BAD_HEALTH, explain, on_terminal, row_of, rows, say


@pytest.fixture(scope="module")
def machine(lasting_machine):
    return lasting_machine


STATES = [
    ("exposed", "8080/tcp", "8080:80", [], None, ""),
    ("exposed", "127.0.0.1:8081/tcp", "127.0.0.1:8081:80", [], "front", ""),
    ("exposed", "8090-8099/udp", "8090-8099/udp", [], "cal", ""),
    ("waiting", "8082/tcp", "8082:80", [], "none", "no network"),
    ("waiting", "8083/tcp", "8083:80", labels(when="healthy"), None, "no health check"),
    ("waiting", "8084/tcp", "8084:80", [*labels(when="healthy"), *BAD_HEALTH], None, "unhealthy"),
    ("waiting", "8085/tcp", "8085:80", [], "host", "the host's network"),
    ("conflict", "8080/tcp", "8080:80", [], None, "container c0 holds"),
    ("denied", "22/tcp", "22", [], None, "ReservedPorts="),
    ("invalid", '"80/tpc"', "80/tpc", [], None, "expected tcp, udp or sctp"),
]


def test_list_tells_each_state(machine):
    for i, (_, _, entry, options, network, _) in enumerate(STATES):
        machine.start(f"c{i}", expose=entry, options=options, network=network,
                      ports=["8099"] if network == "host" else ["80"])
    for i, (state, host, _, _, _, reason) in enumerate(STATES):
        wait_until(lambda: row_of(machine, f"c{i}", host)["STATE"] == state, 5,
                   f"c{i} is {state}")
        assert reason in row_of(machine, f"c{i}", host)["REASON"]
    said = rows(machine)
    assert len(said) == len(STATES)
    assert [row["HOST"] for row in said] == [
        "22/tcp", "8080/tcp", "8080/tcp", "127.0.0.1:8081/tcp", "8082/tcp", "8083/tcp", "8084/tcp",
        "8085/tcp", "8090-8099/udp", '"80/tpc"']
    assert row_of(machine, "c0", "8080/tcp")["ADDRESS"].startswith(
        f"{machine.container('c0').address()}:80 [")
    assert row_of(machine, "c1", "127.0.0.1:8081/tcp")["NETWORK"] == "front"
    assert row_of(machine, "c2", "8090-8099/udp")["PROFILE"] == "cal"


def test_a_terminal_is_used_and_not_overrun(machine):
    machine.start("web", expose="8080:80,22")
    machine.start("a-container-with-quite-a-long-name", expose="8080:80")
    for columns in (40, 80, 160):
        lines = on_terminal(machine, columns, "list", environment={"NO_COLOR": 1})
        assert len(lines) == 4
        assert all(len(line) <= columns and line == line.rstrip() for line in lines), lines
    assert any("…" in line for line in on_terminal(machine, 40, "list"))
    assert "NETWORK" in lines[0] and "NETWORK" not in on_terminal(machine, 80, "list")[0]
    assert lines[1].split()[:3] == ["denied", "22/tcp", "web"]
    wide = on_terminal(machine, 300, "list", environment={"NO_COLOR": 1})
    assert wide[0].split() == ["STATE", "HOST", "CONTAINER", "ADDRESS", "NETWORK", "PROFILE",
                               "REASON"]
    assert wide[1].endswith("see ReservedPorts=")


def test_colour_is_for_terminals(machine):
    machine.start("web", expose="8080:80,22")
    coloured = "\n".join(on_terminal(machine, 80, "list"))
    assert "\x1b[31mdenied\x1b[0m" in coloured and "\x1b[32mexposed\x1b[0m" in coloured
    assert "\x1b" not in "\n".join(on_terminal(machine, 80, "list", environment={"NO_COLOR": 1}))
    assert "\x1b" not in "\n".join(on_terminal(machine, 80, "list", environment={"TERM": "dumb"}))
    assert "\x1b" not in say(machine, "list").out


def test_nothing_from_outside_reaches_the_terminal(machine):
    evil = "80\x1b[2J\n\x07,\u202e81:80"
    machine.start("evil", expose=evil, options=["--label", f"calico.expose.profile={evil}",
                                                "--label", f"calico.expose.mode={evil}",
                                                "--label", "calico.expose.\x1b[31m=x"])
    for said in (say(machine, "list").out, say(machine, "list", "--json").out,
                 explain(machine, "evil"), say(machine, "explain", "\x1b[2J").error):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", said), said
    assert "\\x1b" in say(machine, "list").out


def test_json_is_as_documented(machine):
    machine.start("web", expose=f"8080:80,{HOST[4]}:8081:80,8090-8099,22,80/tpc")
    machine.await_status("12 ports of 1 container exposed, 2 refused")
    document = say(machine, "list", "--json").json()
    found, documented = assert_documented(document, "Every document", "list")
    assert found == documented
    assert document["version"] == 1
    claims = {claim["entry"]: claim for claim in document["claims"]}
    web = machine.container("web").inspect()
    assert claims["8090-8099"] == {
        "container_id": web["Id"], "container_name": "web", "entry": "8090-8099", "protocol": "tcp",
        "host_address": None, "host_port": 8090, "host_port_last": 8099, "container_port": 8090,
        "container_port_last": 8099,
        "container_addresses": [machine.container("web").address(),
                                machine.container("web").address(family=6)],
        "network": "bridge", "profile": "bridge", "state": "exposed", "reason": None,
        "profile_rule": None, "profile_rule_reason": None}
    assert claims[f"{HOST[4]}:8081:80"]["host_address"] == HOST[4]
    assert claims["80/tpc"]["host_port"] is None and claims["80/tpc"]["state"] == "invalid"


def test_list_without_containers(machine):
    machine.await_status("0 ports of 0 containers exposed")
    said = say(machine, "list")
    assert said.lines() == ["STATE\tHOST\tCONTAINER\tADDRESS\tNETWORK\tPROFILE\tREASON"]
    assert said.code == 0 and "no running container carries the label" in said.error
