# SPDX-License-Identifier: GPL-2.0-or-later
"""explain: what it says, and that what it says helps."""

import os

import pytest
from claims import await_claim, labels, listening
from documented import assert_documented
from machine import HOST
from verbs import BAD_HEALTH, NOTHING, explain, say, told_command


@pytest.fixture(scope="module")
def machine(lasting_machine):
    return lasting_machine


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
        machine.run(told_command(told, "nft"))
        machine.outside.await_answer("web", "tcp", HOST[4], 8080)
        assert "strict" not in explain(machine, "web")
    finally:
        machine.run("nft delete table inet strict")
