# SPDX-License-Identifier: GPL-2.0-or-later
"""list, explain, check: what they say, and that it is true."""

import contextlib
import json
import os
import pathlib
import re
import subprocess

import pytest
from claims import await_claim, labels, listening, reload_config
from conftest import booted_machine
from damage import deny_owner, permit_owner
from machine import HOST, OUTSIDE, UNIT, wait_until

SOURCE = pathlib.Path(__file__).resolve().parents[2]
NO_SYSTEMD = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}
BAD_HEALTH = ["--health-cmd", "false", "--health-interval", "100ms", "--health-retries", "1"]


@pytest.fixture(scope="module")
def machine():
    """Docker can be stopped without its containers."""
    with booted_machine(docker_json={"live-restore": True}) as machine:
        machine.make_networks()
        yield machine


class Said:
    """What a verb wrote, and how it ended."""

    def __init__(self, result):
        self.code, self.out, self.error = result.returncode, result.stdout, result.stderr

    def lines(self):
        return self.out.splitlines()

    def json(self):
        return json.loads(self.out)


def say(machine, *arguments, user=None, groups=(), environment=None):
    argv = ["calico-exposed", *arguments]
    if user:
        membership = ["--groups", *groups] if groups else ["--clear-groups"]
        argv = ["setpriv", "--reuid", user, *membership, *argv]
    if environment:
        argv = ["env", *(f"{key}={value}" for key, value in environment.items()), *argv]
    return Said(subprocess.run(machine.host.enter(argv), text=True, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                               check=False))


def rows(machine, **options):
    """What list says behind a pipe: a dictionary for each row."""
    title, *lines = say(machine, "list", **options).lines()
    return [dict(zip(title.split("\t"), line.split("\t"), strict=True)) for line in lines]


def row_of(machine, container, host):
    found = [row for row in rows(machine) if row["CONTAINER"] == container and row["HOST"] == host]
    assert len(found) == 1, found
    return found[0]


def on_terminal(machine, columns, *arguments, environment=None):
    """The lines that the verb writes on a terminal of that width."""
    settings = " ".join(f"{key}={value}" for key, value in (environment or {}).items())
    line = f"stty cols {columns}; {settings} calico-exposed {' '.join(arguments)}"
    return machine.run(["env", "TERM=xterm", "script", "--quiet", "--command", line,
                        "/dev/null"]).replace("\r", "").splitlines()


def explain(machine, name, **options):
    said = say(machine, "explain", name, **options)
    assert said.error == "", said.error
    assert said.code == 0
    return said.out


# list

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


def documented_fields(heading):
    """The fields that docs/json.md lists below a heading: name and type."""
    text = (SOURCE / "docs" / "json.md").read_text(encoding="utf-8")
    part = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `([a-z_.\[\]]+)` \| ([a-z, ]+) \|", part, re.MULTILINE))


def fields_of(value, name=""):
    """Names and types of all that is in a JSON value, as docs/json.md writes them."""
    kinds = {dict: "object", list: "array", str: "text", bool: "truth", int: "number",
             type(None): "null"}
    found = {(name, kinds[type(value)])} if name else set()
    if isinstance(value, dict):
        for key, item in value.items():
            found |= fields_of(item, f"{name}.{key}" if name else key)
    if isinstance(value, list):
        for item in value:
            found |= fields_of(item, f"{name}[]")
    return found


def assert_documented(document, *headings):
    documented = {}
    for heading in headings:
        documented |= documented_fields(heading)
    found = fields_of(document)
    for name, kind in found:
        assert kind in documented[name].split(", "), f"{name} is {kind}"
    return {name for name, _ in found}, set(documented)


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


# explain

NOTHING = "Nothing has to be changed: it is exposed."


def test_explain_exposed(machine):
    web = machine.start("web", expose="8080:80", options=labels(from_="203.0.113.0/24"))
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    told = explain(machine, "web")
    for name in (web.inspect()["Id"][:8], web.inspect()["Id"]):
        assert explain(machine, name) == told
    for sentence in ("Container web (", ") is running.",
                     "It carries the label calico.expose=8080:80.",
                     "Its network bridge is used: it has no other.",
                     f"Its addresses there are {web.address()} and {web.address(family=6)};"
                     " this host reaches them by docker0.",
                     "Its profile is bridge: the network's name.",
                     "Only clients in these networks reach it, for calico.expose.from says so:"
                     " 203.0.113.0/24.",
                     "Port 8080/tcp of this host to port 80 of the container: exposed."):
        assert sentence in told
    assert told.endswith(NOTHING + "\n")


def test_explain_as_json(machine):
    limits = labels(from_="203.0.113.0/24", interface="eth0")
    machine.start("web", expose="8080:80,22", options=limits)
    machine.await_status("1 port of 1 container exposed, 1 refused")
    machine.run("nft 'table inet strict"
                " { chain f { type filter hook forward priority 10; policy drop; }; }'")
    try:
        document = say(machine, "explain", "web", "--json").json()
    finally:
        machine.run("nft delete table inet strict")
    found, documented = assert_documented(document, "Every document", "list", "explain")
    assert found == documented
    assert document["container"]["interface"] == "docker0"
    assert [claim["state"] for claim in document["claims"]] == ["exposed", "denied"]
    assert document["remedy_entry"] == "22" and "ReservedPorts=" in document["remedy"]
    assert "table inet strict" in document["obstacles"][0]["what"]
    assert say(machine, "explain", "wbe", "--json").out == ""


@pytest.mark.parametrize("networks, used", [
    (["front", "cal"], "Its network cal is used: it is the first by name that is Calico's."),
    (["bridge", "front"], "Its network bridge is used: it holds the container's default route.")])
def test_explain_the_network(machine, networks, used):
    machine.start("web", expose="8080:80", network=networks[0])
    machine.docker("network", "connect", networks[1], "web")
    told = explain(machine, "web")
    assert f"It is on the networks {', '.join(sorted(networks))}." in told
    assert used in told


def test_explain_a_named_network(machine):
    machine.start("web", expose="8080:80", network="cal",
                  options=labels(network="front", profile="mine", interface="eth0,lo"))
    told = explain(machine, "web")
    assert "waiting: the container is not on network front" in told
    assert "docker network connect NETWORK web" in told
    machine.docker("network", "connect", "front", "web")
    told = explain(machine, "web")
    assert "Its network front is used: calico.expose.network names it." in told
    assert "Its profile is mine: calico.expose.profile names it." in told
    assert "calico.expose.interface says so: eth0, lo (this host's own traffic)." in told


def test_explain_waiting(machine):
    machine.start("lonely", expose="8080:80", network="none")
    told = explain(machine, "lonely")
    assert "waiting: the container has no network." in told
    assert told.endswith('To change, for the entry "8080:80": connect it to a network:'
                         " docker network connect NETWORK lonely.\n")
    ill = machine.start("ill", expose="8081:80", options=[*labels(when="healthy"), *BAD_HEALTH])
    await_claim(ill, "waiting", "is unhealthy", deadline=10)
    told = explain(machine, "ill")
    assert "waiting: the container is unhealthy." in told
    assert "see what its health check says: docker inspect ill." in told


def test_explain_conflicts(machine):
    machine.start("first", expose="8080:80")
    machine.outside.await_answer("first", "tcp", HOST[4], 8080)
    machine.start("docker", options=["--publish", "8082:80"])
    with listening(machine, HOST[4], 8081, user="nobody"):
        pid = machine.systemctl("show", "--value", "--property", "MainPID", "listener-tcp-8081")
        web = machine.start("web", expose="8080:80,8081:80,8082:80")
        await_claim(web, "conflict", "8082", host_port=8082)
        told = explain(machine, "web")
        assert "conflict: container first holds that host port." in told
        assert (f"conflict: a process of user nobody has port 8081/tcp of {HOST[4]}."
                f" It is python3, process {pid}.") in told
        assert "conflict: Docker, for container docker has port 8082/tcp" in told
        assert 'for the entry "8080:80": choose another host port for web, or stop' in told


def test_explain_refusals(machine):
    machine.start("web", expose="22,80/tpc,8080:80", options=["--label", "calico.expose.mod=x"])
    told = explain(machine, "web")
    assert "denied: the configuration reserves host port 22: see ReservedPorts=" in told
    assert 'The entry "80/tpc": invalid: expected tcp, udp or sctp after the slash.' in told
    assert "There is no such label: did you mean calico.expose.mode?" in told
    assert 'for the entry "22": choose another host port for web, or take 22 out of' in told


def test_explain_an_image_label(machine):
    machine.run("printf 'FROM answer\\nLABEL calico.expose=8080:80\\n' |"
                " DOCKER_BUILDKIT=0 docker build -q -t labelled -")
    machine.docker("run", "--detach", "--name", "web", "labelled", "web", "80")
    for verb in (["start"], ["kill"]):
        machine.docker(*verb, "web")
        told = explain(machine, "web")
        assert "calico.expose=8080:80, which came with its image and does not count." in told
        assert "denied: the label came with the image" in told
        assert "give web the label itself (docker run --label)" in told


def test_explain_what_is_not_followed(machine):
    machine.start("plain")
    told = explain(machine, "plain")
    assert "It carries no label calico.expose, so nothing of it is exposed." in told
    machine.start("gone", expose="8080:80")
    machine.docker("kill", "gone")
    told = explain(machine, "gone")
    assert "is not running." in told and "waiting: the container is not running." in told
    assert "start it: docker start gone." in told


def test_explain_unknown(machine):
    machine.start("web", expose="8080:80")
    machine.start("plainly")
    for wanted, nearest in (("wbe", "web"), ("plainy", "plainly")):
        said = say(machine, "explain", wanted)
        assert said.code == os.EX_NOINPUT and said.out == ""
        assert said.error == (f'calico-exposed: explain: there is no container "{wanted}":'
                              f' did you mean "{nearest}"?\n')
    assert "expected a name or the beginning of an ID" in say(machine, "explain", "zzzzzz").error


def test_explain_forwarding_off(machine):
    machine.start("web", expose="8080:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    machine.run("echo 0 > /proc/sys/net/ipv4/ip_forward")
    try:
        told = explain(machine, "web")
    finally:
        machine.run("echo 1 > /proc/sys/net/ipv4/ip_forward")
    assert "Forwarding of IPv4 is switched off on this host (net.ipv4.ip_forward is 0)" in told
    assert told.endswith("To change: switch forwarding on: sysctl -w net.ipv4.ip_forward=1,"
                         " and a line in /etc/sysctl.d.\n")
    assert "Forwarding" not in explain(machine, "web")


def test_explain_that_nobody_listens(machine):
    machine.start("web", expose="8080:80,8081:81")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    told = explain(machine, "web")
    assert told.endswith("In the container, nobody listens on port 81/tcp.\nTo change: have the program"
                         " in web listen on port 81/tcp of all its addresses.\n")


def has_default_route(machine, container):
    pid = container.inspect()["State"]["Pid"]
    return "default" in machine.run(["nsenter", "--target", str(pid), "--net", "ip", "route"])


def test_explain_an_internal_network(machine):
    """What it says is to be changed helps. Docker 20.10 has a default route there, too: nothing is to be changed."""
    machine.docker("network", "create", "--internal", "inner")
    try:
        web = machine.start("web", expose="8080:80", network="inner")
        machine.itself.await_answer("web", "tcp", "127.0.0.1", 8080)
        if has_default_route(machine, web):
            machine.outside.await_answer("web", "tcp", HOST[4], 8080)
            assert explain(machine, "web").endswith(NOTHING + "\n")
            return
        assert machine.itself.ask("tcp", HOST[4], 8080) is None
        assert machine.outside.ask("tcp", HOST[4], 8080) is None
        told = explain(machine, "web")
        assert f"In the container, {web.address('inner')} has no default route" in told
        assert told.endswith("docker network connect NETWORK web.\n")
        machine.docker("network", "connect", "bridge", "web")
        machine.outside.await_answer("web", "tcp", HOST[4], 8080)
        assert explain(machine, "web").endswith(NOTHING + "\n")
    finally:
        machine.docker("rm", "--force", "web")
        machine.docker("network", "rm", "inner")


def test_explain_a_macvlan(machine):
    machine.docker("network", "create", "--driver", "macvlan", "--opt", "parent=eth0",
                   "--subnet", "203.0.113.0/24", "--ip-range", "203.0.113.64/28", "lan")
    try:
        await_claim(machine.start("web", expose="8080:80", network="lan"), "exposed")
        told = explain(machine, "web")
        assert "The network of web is a macvlan on eth0, and a host never reaches those" in told
        assert "\nTo change: start web anew on a network that this host reaches by itself" in told
        assert machine.itself.ask("tcp", HOST[4], 8080) is None
    finally:
        machine.docker("rm", "--force", "web")
        machine.docker("network", "rm", "lan")


def test_explain_no_way_to_a_container(machine):
    web = machine.start("web", expose="8080:80", network="front")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    route = machine.run(["ip", "route", "show", "match", web.address("front"), "scope", "link"])
    machine.run(f"ip route del {route.strip()}")
    try:
        told = explain(machine, "web")
    finally:
        machine.run(f"ip route add {route.strip()}")
    assert f"This host has no direct route to {web.address('front')}: nothing that it sends" in told
    assert "\nTo change: find out who took the route away" in told


def test_explain_what_this_host_does_not_have(machine):
    web = machine.start("web", expose="203.0.113.99:8080:80,8081:80")
    await_claim(web, "exposed", host_port=8080)
    await_claim(web, "exposed", host_port=8081)
    told = explain(machine, "web")
    assert "This host has no address 203.0.113.99 now, which calico.expose of web names." in told
    assert "\nTo change: give this host the address 203.0.113.99, or correct" in told
    other = machine.start("other", expose="8082:80", options=labels(interface="eth*"))
    await_claim(other, "exposed")
    told = explain(machine, "other")
    assert "There is no interface eth* on this host now, on which alone may arrive" in told
    assert "\nTo change: correct calico.expose.interface of other" in told


def test_explain_another_firewall(machine):
    """What it says is to be changed helps."""
    machine.start("web", expose="8080:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    machine.run("nft 'table inet strict"
                " { chain f { type filter hook forward priority 10; policy drop; }; }'")
    try:
        assert machine.outside.ask("tcp", HOST[4], 8080) is None
        told = explain(machine, "web")
        assert "The chain f of table inet strict drops what none of its rules accepts" in told
        machine.run(re.search(r"let marked packets pass there: (nft .*)\.$", told, re.MULTILINE)[1])
        machine.outside.await_answer("web", "tcp", HOST[4], 8080)
        assert "strict" not in explain(machine, "web")
    finally:
        machine.run("nft delete table inet strict")


# check

def check(machine, code, *texts, **options):
    said = say(machine, "check", **options)
    assert said.code == code, said.out + said.error
    for text in texts:
        assert any(text in line for line in said.lines()), said.out
    return said


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


# What cannot be asked

def test_without_the_daemon(machine):
    machine.start("web", expose="8080:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    machine.systemctl("stop", UNIT)
    try:
        said = say(machine, "list")
        assert said.code == 0 and "does not run (calico-exposed.service is inactive)" in said.error
        row = row_of(machine, "web", "8080/tcp")
        assert (row["STATE"], row["REASON"]) == ("waiting", "calico-exposed does not run")
        assert say(machine, "list", "--json").json()["daemon"]["running"] is False
        said = say(machine, "explain", "web")
        assert said.out.endswith("start calico-exposed: systemctl start calico-exposed.\n")
        check(machine, 1, "missing: the table inet calico-exposed, with 2 exposures")
        said = say(machine, "list", environment=NO_SYSTEMD)
        assert "calico-exposed does not run: nothing follows" in said.error
        machine.docker("kill", "web")
        check(machine, 0)
    finally:
        machine.systemctl("start", UNIT)


def test_without_systemd(machine):
    machine.start("web", expose="8080:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    said = say(machine, "list", environment=NO_SYSTEMD)
    assert said.code == 0 and said.error == ""
    assert said.out == say(machine, "list").out
    check(machine, 0, environment=NO_SYSTEMD)


def test_without_docker(machine):
    web = machine.start("web", expose="8080:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    machine.systemctl("stop", "docker.socket", "docker.service")
    try:
        said = say(machine, "list")
        assert said.code == os.EX_UNAVAILABLE and "Docker is away" in said.error
        assert [row["HOST"] for row in rows(machine)] == ["8080/tcp"] * 2
        assert all(row["STATE"] == "exposed" and "Docker could not be asked" in row["REASON"]
                   for row in rows(machine))
        assert "Cannot tell: Docker is away" in check(machine, 2).error
        said = say(machine, "explain", "web", "--json")
        assert said.code == os.EX_UNAVAILABLE and said.json()["container"] is None
        assert say(machine, "check", "--json").json()["result"] == "unknown"
    finally:
        machine.systemctl("start", "docker")
    wait_until(lambda: row_of(machine, "web", "8080/tcp")["STATE"] == "exposed", 30, "it is back")
    assert web.inspect()["State"]["Running"]


def test_without_permission(machine):
    machine.start("web", expose="8080:80,8081:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    for verb in (["list"], ["explain", "web"]):
        said = say(machine, *verb, user="nobody")
        assert said.code == os.EX_NOPERM
        assert "no permission for Docker's socket /run/docker.sock" in said.error
        assert "CAP_NET_ADMIN is needed" in said.error
    said = check(machine, 2, user="nobody")
    assert "Cannot tell: no permission for Docker's socket" in said.error
    group = machine.run("getent group docker").split(":")[2]
    with listening(machine, "0.0.0.0", 8082):
        other = machine.start("other", expose="8082:80")
        await_claim(other, "conflict", "8082")
        said = say(machine, "list", user="nobody", groups=[group])
        assert said.code == os.EX_NOPERM and "CAP_NET_ADMIN is needed" in said.error
        assert "Docker" not in said.error and len(said.lines()) == 4
        said = say(machine, "explain", "other", user="daemon", groups=[group])
        assert "Run this as root to learn which process it is." in said.out
        assert "could not be seen" in said.out


def test_a_bad_configuration(machine):
    path = "/etc/calico-exposed/calico-exposed.conf"
    machine.run(f"cp {path} {path}.good; printf '[Expose]\nPorts=http\n' > {path}")
    try:
        said = say(machine, "list")
        assert said.code == os.EX_CONFIG
        assert said.error.startswith(f"calico-exposed: {path}:2: Ports: expected ports")
        assert said.error.count("\n") == 1
        assert f"{path}:2: Ports: expected" in check(machine, 2).error
    finally:
        machine.run(f"mv {path}.good {path}")


def test_the_configuration_counts(machine):
    machine.start("web", expose="8080:80")
    reload_config(machine, "[Expose]\nPorts=1-1023\nInterfaces=eth0")
    try:
        assert "Ports=" in row_of(machine, "web", "8080/tcp")["REASON"]
        assert "add this one to Ports= in" in explain(machine, "web")
        assert "for Interfaces= in the configuration says so: eth0." in explain(machine, "web")
        wait_until(lambda: say(machine, "check").code == 0, 10, "the kernel agrees")
    finally:
        reload_config(machine)


# The command line

@pytest.mark.parametrize("words, error", [
    (["lsit"], 'unknown argument "lsit", expected run, list, explain, check, withdraw, --help or'
               ' --version: did you mean "list"?'),
    (["--hlep"], 'unknown argument "--hlep", expected run, list, explain, check, withdraw, --help'
                 ' or --version: did you mean "--help"?'),
    (["list", "--jsn"], 'list: unknown argument "--jsn", expected --help or --json: did you mean'
                        ' "--json"?'),
    (["check", "web"], 'check: unexpected argument "web", expected no more than --help or --json'),
    (["explain"], "explain: expected CONTAINER: calico-exposed explain CONTAINER"),
    (["explain", "a", "b"], 'explain: unexpected argument "b", expected one CONTAINER'),
])
def test_a_mistake_is_one_line(machine, words, error):
    said = say(machine, *words)
    assert (said.code, said.out, said.error) == (os.EX_USAGE, "", f"calico-exposed: {error}\n")


def test_help(machine):
    for words in (["--help"], ["list", "--help"]):
        said = say(machine, *words)
        assert said.code == 0
        assert all(verb in said.out for verb in ("run", "list", "explain", "check", "withdraw"))
        assert "after-end" not in said.out
    assert re.fullmatch(r"calico-exposed \d+\.\d+\.\d+\n", say(machine, "--version").out)
