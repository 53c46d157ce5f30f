# SPDX-License-Identifier: GPL-2.0-or-later
"""9: what Backend=calico-v1 costs the daemon, with 10, 1,000 and 10,000 exposures whose endpoints are Calico's.

All of them expose port 80 of theirs: so one profile, and its ledger, has to do with all of them.
"""

import contextlib
import http.client
import pathlib
import socket
import urllib.parse

from bed import NEWCOMERS, Bed, cpu_seconds, status_kib
from datastore import Etcd, connect_inside, endpoint_key
from labhost import wait_until
from table import Row

NODE = "node1"
SIZES = (10, 1000, 10000)
# Docker is asked for its list half a second after an event, and Calico's side is done by then.
ROUNDS, APART_USEC = 5, 1500000
PATIENT = 900.0


def address(number):
    """As engine/template.c has it."""
    return f"10.150.{100 + number // 156}.{100 + number % 156}"


def container_id(number):
    """The full one."""
    return f"{number * 0x9e3779b1 & 0xffffffff:08x}{number:056x}"


def put_records(etcd, numbers):
    """As `calicoctl container add` writes them; on one connection."""
    connection = http.client.HTTPConnection(etcd.address, etcd.port)
    connection.sock = connect_inside(etcd.namespace, (etcd.address, etcd.port))
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a body is a packet of its own
    with contextlib.closing(connection):
        for number in numbers:
            key = endpoint_key(NODE, container_id(number)[:32], container_id(number))
            value = ('{"state": "active", "name": "cali0", "mac": "EE:EE:EE:EE:EE:EE", "profile_ids": ["cal"], '
                     f'"ipv4_nets": ["{address(number)}/32"], "ipv6_nets": []}}')
            connection.request("PUT", "/v2/keys" + key, urllib.parse.urlencode({"value": value}),
                               {"Content-Type": "application/x-www-form-urlencoded"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 201, answer.status


@contextlib.contextmanager
def make_bed(containers, scope):
    """scope: None for a host without Calico."""
    with contextlib.ExitStack() as stack:
        bed = stack.enter_context(Bed(containers))
        if scope:
            etcd = stack.enter_context(Etcd(bed.directory, f"/proc/{bed.space.holder.pid}/ns/net",
                                            bed.space.enter[:2]))
            etcd.put_profile("cal")
            put_records(etcd, [*range(containers), *NEWCOMERS[:64]])
            pathlib.Path(bed.space.path("/etc/calico-exposed/calico-exposed.conf")).write_text(
                f"[Profile]\nBackend=calico-v1\nHostname={NODE}\nEndpoints={etcd.url}\nScope={scope}\n",
                encoding="ascii")
        yield bed


def settle(bed):
    """All rules are in place, and nothing is left to be done."""
    wait_until(lambda: "exposed" in bed.supervisor.status and "profile rule" not in bed.supervisor.status
               and "datastore" not in bed.supervisor.status, PATIENT,
               "the rules are in place")
    bed.settle()


def measure(containers, scope):
    """Seconds: of the first start, of one that finds all in place, of one container that comes and goes; and RssAnon
    in MiB when all is in place."""
    with make_bed(containers, scope) as bed:
        found = []
        for _ in range(2):
            bed.start()
            settle(bed)
            found.append(cpu_seconds(bed.pid))
            if len(found) < 2:
                bed.kill()
        memory = status_kib(bed.pid, "RssAnon") / 1024
        used = cpu_seconds(bed.pid)
        bed.engine.tell("latency", NEWCOMERS[0], ROUNDS, APART_USEC)
        settle(bed)
        return (*found, (cpu_seconds(bed.pid) - used) / ROUNDS, memory)


def run():
    for containers in SIZES:
        for scope in (None, "endpoint", "profile"):
            first, again, pair, memory = measure(containers, scope)
            what = f"Scope={scope}" if scope else "without Calico"
            yield Row(f"{containers:,}, {what}", f"first start {first:.2f} s, start with all in place {again:.2f} s, "
                      f"one that comes and goes {pair * 1e3:.1f} ms, RssAnon {memory:.1f} MiB")
