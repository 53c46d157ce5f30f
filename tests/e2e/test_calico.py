# SPDX-License-Identifier: GPL-2.0-or-later
"""Calico's own profiles, by packets: a stand-in for Felix drops what the datastore does not allow.

etcd is a machine of its own, outside. Containers are joined by a network plugin that keeps
records as Calico's does, or by hand, as `calicoctl container add` does it.
"""

import contextlib
import pathlib
import sys

import pytest

from claims import count_messages, labels, reload_config
from conftest import booted_machine
from machine import HOST, OUTSIDE, PROMPT, UNIT, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

from datastore import Etcd, allow  # noqa: E402

NODE = "node1"
PLUGIN_PROFILES = "/calico/v1/policy/profile"
FELIX = ["systemd-run", "--quiet", "--unit", "felix", "/usr/bin/python3", "-B", "/src/tests/lab/felix.py"]
# As proxy ARP and the plugin have it.
JOIN = """set -e
ip link add {cali} address 02:ca:11:c0:00:01 type veth peer name {tmp} address ee:ee:ee:ee:ee:ee
echo 1 >/proc/sys/net/ipv4/conf/{cali}/proxy_arp
echo 0 >/proc/sys/net/ipv4/neigh/{cali}/proxy_delay
ip link set {cali} up
ip link set {tmp} netns {pid}
ip route add {address}/32 dev {cali}
nsenter --net=/proc/{pid}/ns/net sh -ec '
ip link set {tmp} name eth1
ip address add {address}/32 dev eth1
ip link set eth1 up
ip route add 169.254.1.1/32 dev eth1
ip route add default via 169.254.1.1'
"""
PATIENT = 15  # until a datastore that was away is found again


@pytest.fixture(scope="module")
def machine():
    # Felix lets pass what its policy allows; Docker's policy would drop what is not translated.
    with booted_machine(forward="accept") as made:
        made.host.run(f"ip route add 192.168.0.0/16 via {HOST[4]}", outside=True)
        yield made


@pytest.fixture(scope="module")
def etcd(machine, tmp_path_factory):
    namespace = f"/run/netns/{machine.host.fields['namespaces'][1]}"
    with Etcd(tmp_path_factory.mktemp("etcd"), namespace, ["nsenter", f"--net={namespace}"],
              OUTSIDE[4]) as made:
        machine.make_calico_network(made.url, NODE)
        machine.run([*FELIX, made.url, NODE])
        yield made
        assert machine.property("ActiveState", "felix") == "active"


def configure(machine, etcd, **keys):
    keys = {"Backend": "calico-v1", "Endpoints": etcd.url, "Hostname": NODE, **keys}
    reload_config(machine, "[Profile]\n" + "".join(f"{key}={value}\n" for key, value in keys.items()))


@pytest.fixture(params=["endpoint", "profile"])
def scope(machine, etcd, request):
    configure(machine, etcd, Scope=request.param)
    yield request.param
    machine.remove_containers()


@pytest.fixture
def by_endpoint(machine, etcd):
    configure(machine, etcd)
    yield
    machine.remove_containers()


def profile_of(machine):
    """What Calico's plugin calls the profile of the network."""
    return machine.docker("network", "inspect", "--format", "{{.Id}}", "cal")


def address_of(container):
    return container.address("cal")


def await_silence(machine, protocol, address, port):
    """What is dropped is known by waiting: not more often than needed."""
    ask = machine.outside.ask
    wait_until(lambda: not ask(protocol, address, port), PROMPT, f"{address} {port}/{protocol} is closed")
    assert not ask(protocol, address, port)


def join(machine, etcd, container, endpoint, address, profiles=()):
    """What `calicoctl container add` does."""
    state = container.inspect()
    machine.run(JOIN.format(cali=f"cali{endpoint}", tmp=f"tmp{endpoint}", pid=state["State"]["Pid"], address=address))
    etcd.put_endpoint(NODE, endpoint, [address], profiles, container=state["Id"])


def test_the_page(machine, etcd, scope):
    """Without the rule nothing, with it the page, after withdrawal nothing again."""
    neighbour = machine.start("neighbour", network="cal")
    direct = address_of(neighbour)
    assert machine.itself.ask("tcp", direct, 80).name == "neighbour"  # Felix does not look at that
    await_silence(machine, "tcp", direct, 80)
    # The kernel's side alone: a rule that cannot be made.
    machine.start("refused", expose="8080:80", network="cal", options=labels(profile="absent"))
    machine.itself.await_answer("refused", "tcp", HOST[4], 8080)
    machine.await_status("1 profile rule refused")
    await_silence(machine, "tcp", HOST[4], 8080)
    machine.docker("rm", "--force", "refused")

    web = machine.start("web", expose="8080:80", network="cal")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    assert machine.outside.ask("tcp", HOST[4], 8080).client.startswith(OUTSIDE[4])
    # What a scope opens beside it.
    assert bool(machine.outside.ask("tcp", direct, 80)) == (scope == "profile")
    assert not machine.outside.ask("udp", direct, 53)
    inside = address_of(web)
    machine.docker("stop", "--time", "0", "web")
    await_silence(machine, "tcp", HOST[4], 8080)
    assert not machine.outside.ask("tcp", direct, 80)
    machine.docker("start", "web")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    machine.docker("rm", "--force", "web")
    assert not machine.outside.ask("tcp", inside, 80)
    wait_until(lambda: allow(80) not in etcd.inbound(profile_of(machine)), PROMPT, "the rule is gone")


def test_both_networks(machine, etcd, by_endpoint):
    """`calicoctl container add`: Docker knows no address, and tells of nothing."""
    web = machine.start("web", expose="8081:80", network="none")
    assert not web.inspect()["NetworkSettings"]["Networks"]["none"]["IPAddress"]
    machine.await_status("1 waiting", 5)
    join(machine, etcd, web, "0123456789a", "192.168.77.1")
    machine.outside.await_answer("web", "tcp", HOST[4], 8081)
    # container ip add, and the old one goes: it follows.
    machine.run("ip route add 192.168.77.2/32 dev cali0123456789a")
    machine.run(["nsenter", f"--net=/proc/{web.inspect()['State']['Pid']}/ns/net",
                 "ip", "address", "add", "192.168.77.2/32", "dev", "eth1"])
    etcd.put_endpoint(NODE, "0123456789a", ["192.168.77.2"], container=web.inspect()["Id"])
    wait_until(lambda: "192.168.77.2" in machine.table(), PROMPT, "the address is followed")
    machine.outside.await_answer("web", "tcp", HOST[4], 8081)
    etcd.delete_endpoint(NODE, "0123456789a", container=web.inspect()["Id"])
    await_silence(machine, "tcp", HOST[4], 8081)
    assert "waiting" in machine.run("calico-exposed list")


def test_who_may_come(machine, etcd, by_endpoint):
    """A limit is Felix' as well: the source is the client's own."""
    machine.start("web", expose="8082:80", network="cal", options=labels(from_=f"{OUTSIDE[4]}/32"))
    machine.outside.await_answer("web", "tcp", HOST[4], 8082)
    machine.start("other", expose="8083:80", network="cal", options=labels(from_="198.51.100.0/24"))
    await_silence(machine, "tcp", HOST[4], 8083)
    await_silence(machine, "tcp", address_of(machine.container("other")), 80)


def test_breakages(machine, etcd, by_endpoint):
    """The datastore killed, the daemon killed, our rule deleted, our profile taken out by hand."""
    web = machine.start("web", expose="8084:80", network="cal")
    machine.outside.await_answer("web", "tcp", HOST[4], 8084)
    endpoint = web.inspect()["NetworkSettings"]["Networks"]["cal"]["EndpointID"]
    withdrawn = count_messages(machine, "web: withdrawn")
    own = "calico-exposed-tcp-80"
    etcd.delete(f"{PLUGIN_PROFILES}/{own}/rules")
    wait_until(lambda: etcd.inbound(own) == [allow(80)], PROMPT, "the rule is put back")
    etcd.put_endpoint(NODE, endpoint, [address_of(web)], [profile_of(machine)])
    wait_until(lambda: own in etcd.endpoint_profiles(NODE, endpoint), PROMPT, "the profile is put back")
    machine.outside.await_answer("web", "tcp", HOST[4], 8084)
    with machine.outside.hold("tcp", HOST[4], 8084) as connection:
        assert connection.ask().name == "web"
        etcd.kill()
        machine.await_status("Calico's datastore is away", 5)
        process = machine.property("MainPID")
        machine.run(["kill", "-9", process])
        machine.await_restarted(process)
        machine.await_status("Calico's datastore is away", 5)
        assert connection.ask().name == "web"
        assert machine.outside.ask("tcp", HOST[4], 8084).name == "web"
        said = machine.run("calico-exposed check", check=False)
        assert "Cannot tell: Calico's datastore is away: " in said
        etcd.start()
        wait_until(lambda: "datastore" not in machine.property("StatusText"), PATIENT, "it is found")
        assert connection.ask().name == "web"
    assert machine.run("calico-exposed check") == ""
    assert count_messages(machine, "web: withdrawn") == withdrawn


def test_a_stop_and_a_start(machine, etcd, by_endpoint):
    """What this host needs stays in the datastore meanwhile: nobody else may take it out."""
    machine.start("web", expose="8085:80", network="cal")
    machine.outside.await_answer("web", "tcp", HOST[4], 8085)
    with contextlib.ExitStack() as stack:
        machine.systemctl("stop", UNIT)
        stack.callback(machine.systemctl, "start", UNIT)
        await_silence(machine, "tcp", HOST[4], 8085)
        assert etcd.inbound("calico-exposed-tcp-80") == [allow(80)]
    machine.outside.await_answer("web", "tcp", HOST[4], 8085, deadline=5)


def test_going_back(machine, etcd, by_endpoint):
    """As docs/calico.md says it."""
    machine.start("web", expose="8086:80", network="cal")
    machine.outside.await_answer("web", "tcp", HOST[4], 8086)
    reload_config(machine, "")
    await_silence(machine, "tcp", HOST[4], 8086)  # Felix lets nothing pass any more
    machine.itself.await_answer("web", "tcp", HOST[4], 8086)
    assert not etcd.inbound("calico-exposed-tcp-80")
