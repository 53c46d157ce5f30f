# SPDX-License-Identifier: GPL-2.0-or-later
"""What damage is done to, and what kinds of it several tests do."""

import datetime
import time

from claims import reload_config
from load import Road
from machine import HOST, PROMPT, UNIT, wait_until

# How soon the rule in DOCKER-USER must be back after the chain, and a table without an owner.
HEALED = 0.1
# How soon a flow that never pauses has left the way that it had before a change of the table:
# connection tracking is searched after that, which takes some 20 ms of a machine that is not busy.
MOVED = 0.2

DROP_IN = f"/run/systemd/system/{UNIT}.service.d"
SHIM = "/usr/local/lib/shim.so"

# One exposure on each kind of network: host port by network.
PORTS = {"bridge": 8000, "front": 8001, "cal": 8002}
# Over IPv4 and IPv6; each question is answered by the container that is named.
ROADS = [
    Road("open", "on-bridge", HOST[4], PORTS["bridge"]),
    Road("open", "on-front", HOST[6], PORTS["front"]),
    Road("open", "on-cal", HOST[4], PORTS["cal"]),
    Road("long", "on-bridge", HOST[4], PORTS["bridge"]),
    Road("long", "on-front", HOST[6], PORTS["front"]),
    Road("long", "on-cal", HOST[4], PORTS["cal"]),
    Road("udp", "on-bridge", HOST[4], PORTS["bridge"]),
    Road("udp", "on-cal", HOST[6], PORTS["cal"]),
]


def start_exposures(machine, options=()):
    machine.make_networks()
    for network, port in PORTS.items():
        machine.start(f"on-{network}", network=network, options=options,
                      expose=f"{port}:80,{port}:53/udp")
    machine.await_status("6 ports of 3 containers exposed", deadline=5)
    await_hairpin(machine)


def await_hairpin(machine):
    """The last thing that is switched on, after a port is exposed."""
    wait_until(lambda: machine.table().count('"veth') == 2, 5,
               "two bridge ports are in hairpin mode")


def deny_owner(machine, *settings):
    """The kernel refuses a table with an owner, as one before 5.12 does."""
    sources = [f"/src/tests/daemon/shim/{name}.c" for name in ("control", "netlink")]
    machine.run(["cc", "-D_GNU_SOURCE", "-O2", "-shared", "-fPIC", "-o", SHIM, *sources])
    lines = ["[Service]", f"Environment=LD_PRELOAD={SHIM} SHIM_DENY_OWNER=1", *settings]
    machine.run(["sh", "-c", f'mkdir -p {DROP_IN} && printf "%s\\n" "$@" >{DROP_IN}/shim.conf', "sh",
                 *lines])
    restart_afresh(machine)
    assert "owner" not in machine.table()


def permit_owner(machine):
    machine.run(f"rm -r {DROP_IN}")
    restart_afresh(machine)


def restart_afresh(machine):
    """With another unit, and nothing kept from before."""
    machine.systemctl("daemon-reload")
    machine.systemctl("stop", UNIT)
    machine.systemctl("start", UNIT)


def disown(machine):
    """The service as before kernel 5.12, or without systemd: no owner, no socket kept."""
    deny_owner(machine, "FileDescriptorStoreMax=0")
    await_hairpin(machine)


def restart(machine):
    machine.systemctl("restart", UNIT)


def reload(machine):
    reload_config(machine, "[Expose]\nReservedPorts=22,4444")


def kill(machine):
    old = machine.property("MainPID")
    machine.run(["kill", "-9", old])
    machine.await_restarted(old)


def upgrade(machine):
    """As dpkg does it: the new file takes the old one's name, then a restart."""
    path = f"/usr/sbin/{UNIT}"
    new = f"{path}.dpkg-new"
    machine.run(f"cp {path} {new} && echo upgraded >>{new} && mv {new} {path}")
    machine.systemctl("daemon-reload")
    restart(machine)
    assert machine.run(f"tail -c9 /proc/{machine.property('MainPID')}/exe") == "upgraded\n"


def reexec(machine):
    """systemd itself is upgraded: it holds the socket."""
    machine.systemctl("daemon-reexec")


# What the life of a service brings: none of it may be noticed.
LIFE = [restart, reload, kill, upgrade, reexec]


def started_at(machine, name):
    """When Docker says that the container was started."""
    text = machine.container(name).inspect()["State"]["StartedAt"]
    started = datetime.datetime.fromisoformat(f"{text[:26].rstrip('Z')}+00:00").timestamp()
    return started - time.time() + time.monotonic()


def restart_docker(machine):
    """Not counted by systemd, which would refuse the fourth restart within a minute."""
    machine.systemctl("reset-failed", "docker")
    machine.systemctl("restart", "docker")
    wait_until(lambda: "away" not in machine.property("StatusText"), 10, "Docker answers again")


def docker_up_at(machine):
    """When Docker could be asked again."""
    return int(machine.property("ActiveEnterTimestampMonotonic", "docker.service")) / 1e6


def await_all_answers(machine):
    for road in ROADS:
        protocol = "udp" if road.kind == "udp" else "tcp"
        machine.outside.await_answer(road.name, protocol, road.address, road.port, deadline=10)


def exposed_by(machine):
    """When all is exposed that Docker restarted: a second after that, or after it answered."""
    started = [started_at(machine, f"on-{network}") for network in PORTS]
    return max(*started, docker_up_at(machine)) + PROMPT
