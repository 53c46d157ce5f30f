# SPDX-License-Identifier: GPL-2.0-or-later
"""Old flows: those of an exposure that goes end with it, those in the way of one that comes too,
and no others.

The senders never pause: connection tracking would keep their flows for ever.
"""

import re

import pytest
from claims import labels, reload_config
from conftest import booted_machine
from damage import MOVED
from load import Road
from machine import HOST, wait_until
from observe import Load, Watch, await_change

PORT = 8080
BOTH = f"{PORT}:80,{PORT}:53/udp"
PERIOD = 0.005
FLOWS = [Road(kind, None, HOST[family], PORT, PERIOD, record=True)
         for kind in ("udp", "long") for family in (4, 6)]
HEALTHY = [*labels(when="healthy"), "--health-cmd", "test -f /healthy", "--health-interval", "1s",
           "--health-retries", "1", "--health-start-period", "60s"]
# The same addresses for one container after the other.
FRONT = ["--ip", "10.9.0.7", "--ip6", "fd00:9::7"]


@pytest.fixture(scope="module")
def machine():
    with booted_machine() as machine:
        machine.docker("network", "create", "--ipv6", "--subnet", "10.9.0.0/24",
                       "--subnet", "fd00:9::/64", "front")
        yield machine


def await_moved(load, name):
    wait_until(lambda: {outcome.road for outcome in load.outcomes if outcome.who == name}
               == set(range(len(load.roads))), 5, f"all are answered by {name}")


def assert_moved(load, at, name):
    """All that was sent after the change was answered by this one, but for a few at once."""
    late = [outcome for outcome in load.outcomes if outcome.began > at and outcome.who != name]
    for road, fields in enumerate(load.roads):
        number = sum(outcome.road == road for outcome in late)
        print(f"{fields.kind} to {fields.address}: moved after {number}")
        assert number <= MOVED / PERIOD, load.tell(late)
    assert not [outcome for outcome in late if outcome.began > at + MOVED], load.tell(late)


def test_flows_move_with_the_port(machine):
    """The holder is killed, and the next claimant gets the port in the same moment."""
    machine.start("one", expose=BOTH)
    machine.outside.await_answer("one", "udp", HOST[4], PORT)
    machine.start("two", expose=BOTH)
    machine.await_status("2 conflicts")
    with Watch(machine) as watch, Load(machine.outside, FLOWS) as load:
        with load.during("docker kill"):
            machine.docker("kill", "one")
            at = await_change(watch, "newelement", PORT)
            await_moved(load, "two")
    assert_moved(load, at, "two")


def test_flows_leave_who_would_still_answer(machine):
    """The holder lives, but is not healthy any more."""
    machine.start("one", expose=BOTH, options=HEALTHY)
    machine.docker("exec", "one", "touch", "/healthy")
    machine.outside.await_answer("one", "udp", HOST[4], PORT, deadline=5)
    machine.start("two", expose=BOTH)
    machine.await_status("2 conflicts")
    with Watch(machine) as watch, Load(machine.outside, FLOWS) as load:
        with load.during("it gets ill"):
            machine.docker("exec", "one", "rm", "/healthy")
            at = await_change(watch, "newelement", PORT)
            await_moved(load, "two")
    assert not [outcome for outcome in load.outcomes if outcome.ended < at and outcome.who != "one"]
    assert_moved(load, at, "two")


def test_flows_that_were_there_first_reach_the_container(machine):
    """They are tracked as not translated, until that is undone."""
    with Watch(machine) as watch, Load(machine.outside, FLOWS) as load:
        with load.during("docker run"):
            machine.start("web", expose=BOTH)
            at = await_change(watch, "newelement", PORT)
            await_moved(load, "web")
    assert_moved(load, at, "web")


def received(container):
    """Segments and datagrams that reached the container's network, by its kernel's own count."""
    proc = f"/proc/{container.inspect()['State']['Pid']}/net"
    counters = {}
    lines = container.machine.run(f"cat {proc}/snmp").splitlines()
    for names, values in zip(lines[0::2], lines[1::2]):
        protocol, *names = names.split()
        counters |= dict(zip([protocol.rstrip(":") + name for name in names], values.split()[1:]))
    lines = container.machine.run(f"cat {proc}/snmp6").splitlines()
    counters |= dict(line.split() for line in lines)
    return sum(int(counters[name]) for name in ("TcpInSegs", "UdpInDatagrams", "UdpNoPorts",
                                                "Udp6InDatagrams", "Udp6NoPorts"))


def test_nobody_reaches_the_next_at_that_address(machine):
    """Not one packet of the old clients comes to a container that gets the old one's addresses."""
    machine.start("old", network="front", expose=BOTH, options=FRONT)
    machine.outside.await_answer("old", "udp", HOST[6], PORT)
    with Load(machine.outside, FLOWS) as load:
        with load.during("another container"):
            machine.docker("rm", "--force", "old")
            heir = machine.start("heir", network="front", options=FRONT)
        assert received(heir) == 0
    assert {outcome.who for outcome in load.outcomes} == {"old", None}
    assert machine.itself.ask("udp", "10.9.0.7", 53).name == "heir"
    assert received(heir) == 1, "the count notices a datagram"


def tracked(machine, *wanted):
    """The ids of tracked flows to these ports of the host ("tcp", 80) that were answered."""
    lines = machine.run("conntrack -L -f ipv4 -o id; conntrack -L -f ipv6 -o id").splitlines()
    entries = [(re.match(r"(\w+) .*? dport=(\d+) .* id=(\d+)", line), line) for line in lines]
    return {found[3] for found, line in entries
            if found and (found[1], int(found[2])) in wanted and "UNREPLIED" not in line}


def assert_only_these_end(machine, gone, stay, withdraw):
    """All tracked flows of the first roads are deleted, and of the others not a single one."""
    doomed, others = ({("udp" if road.kind == "udp" else "tcp", road.port) for road in roads}
                      for roads in (gone, stay))
    with Load(machine.outside, gone) as ended, Load(machine.outside, stay) as load:
        old, before = tracked(machine, *doomed), tracked(machine, *others)
        assert len(old) == len(gone) and len(before) == len(stay)
        with load.during("withdrawal"):
            withdraw()
            wait_until(lambda: not tracked(machine, *doomed) & old, 1, "the flows are deleted")
        assert tracked(machine, *others) >= before
        load.assert_nothing_lost()
    assert {outcome.road for outcome in ended.failures()} == set(range(len(gone)))


def test_flows_to_others_stay(machine):
    """By the same host port over another protocol, to a neighbour, and Docker's own."""
    machine.start("one", expose="8080:80")
    machine.start("two", expose="8080:53/udp,8083:80")
    machine.start("three", options=["--publish", "9000:80", "--publish", "9000:53/udp"])
    machine.await_status("3 ports of 2 containers exposed", deadline=5)
    gone = [Road("long", None, HOST[family], 8080) for family in (4, 6)]
    stay = [Road(kind, "two", HOST[family], port)
            for kind, port in (("udp", 8080), ("long", 8083)) for family in (4, 6)]
    stay += [Road(kind, "three", HOST[4], 9000) for kind in ("udp", "long")]
    assert_only_these_end(machine, gone, stay, lambda: machine.docker("kill", "one"))


def test_flows_by_other_ports_stay(machine):
    """Two host ports lead to one port of the container, and one of them is withdrawn."""
    machine.start("one", expose="8080:80,8081:80,8082:53/udp,8083:53/udp")
    machine.await_status("4 ports of 1 container exposed", deadline=5)
    gone, stay = ([Road(kind, name, HOST[family], port)
                   for kind, port in (("long", tcp), ("udp", udp)) for family in (4, 6)]
                  for name, tcp, udp in ((None, 8080, 8082), ("one", 8081, 8083)))
    assert_only_these_end(machine, gone, stay,
                          lambda: reload_config(machine, "[Expose]\nReservedPorts=22,8080,8082"))
    reload_config(machine)
