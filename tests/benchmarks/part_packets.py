# SPDX-License-Identifier: GPL-2.0-or-later
"""7: new connections through one exposure, with others beside it; and the same by rules as -p makes them."""

import contextlib
import statistics
import subprocess

from bed import BUILD, Bed
from space import Space
from table import Row

SIZES = (1, 1000, 10000)
ROUNDS = 7
CONNECTIONS = 1500
PROGRAM = str(BUILD / "tests" / "benchmarks" / "bench-connect")
FIRST_PORT = 10000  # of container 0: engine/template.c
CONTAINER = "10.150.100.100"


class Neighbour(contextlib.AbstractContextManager):
    """A network namespace at the other end of one of the space's links."""

    def __init__(self, space, link, commands):
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo ready; exec cat"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.holder.stdout.readline()
        self.enter = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net"]
        space.run(["ip", "link", "set", link, "netns", str(self.holder.pid)])
        subprocess.run([*self.enter, "ip", "-batch", "-"], input="\n".join(
            ["link set lo up", f"link set {link} up", *commands]), text=True, check=True)

    def __exit__(self, *_):
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()


class Path(contextlib.AbstractContextManager):
    """Outside, a host, and a container that answers on port 80."""

    def __init__(self, space):
        self.stack = contextlib.ExitStack()
        for name in ("ipv4/ip_forward", "ipv4/conf/cali0/proxy_arp"):
            space.run(["sh", "-c", f"echo 1 > /proc/sys/net/{name}"])
        self.outside = self.stack.enter_context(Neighbour(space, "outside0-peer", [
            "address add 203.0.113.2/24 dev outside0-peer"]))
        inside = self.stack.enter_context(Neighbour(space, "cali0-peer", [
            f"address add {CONTAINER}/32 dev cali0-peer", "route add default dev cali0-peer"]))
        self.server = subprocess.Popen([*inside.enter, "chrt", "--rr", "1", PROGRAM, "serve", "80"],
                                       stdout=subprocess.PIPE)
        self.server.stdout.readline()

    def __exit__(self, *_):
        self.server.kill()
        self.server.wait()
        self.server.stdout.close()
        self.stack.close()

    def connect(self, port):
        """(connections a second, microseconds to establish one)"""
        output = subprocess.run([*self.outside.enter, "chrt", "--rr", "1", PROGRAM, "connect", "203.0.113.1",
                                 str(port), str(CONNECTIONS)], stdout=subprocess.PIPE, text=True, check=True).stdout
        return tuple(map(float, output.split()))


def make_rules(count, position):
    """nat rules as dockerd makes them for -p, the one that is used at that place."""
    lines = ["*nat", ":DOCKER - [0:0]", "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER"]
    for number in range(count):
        port = FIRST_PORT if number == position else 20000 + number
        lines.append(f"-A DOCKER ! -i docker0 -p tcp -m tcp --dport {port} -j DNAT "
                     f"--to-destination {CONTAINER}:80")
    return "\n".join([*lines, "COMMIT", ""])


@contextlib.contextmanager
def exposed(count):
    with Bed(count) as bed:
        bed.start()
        bed.settle()
        with Path(bed.space) as path:
            yield path


@contextlib.contextmanager
def by_rules(count):
    with Space() as space:
        space.run(["ip", "route", "replace", f"{CONTAINER}/32", "dev", "cali0"])
        space.run(["iptables-restore"], make_rules(count, count // 2))
        with Path(space) as path:
            yield path


def run():
    results = {}
    with contextlib.ExitStack() as stack:
        paths = {(how, size): stack.enter_context(make(size))
                 for how, make in (("exposures", exposed), ("rules", by_rules)) for size in SIZES}
        for path in paths.values():
            path.connect(FIRST_PORT)  # warm
        for _ in range(ROUNDS):
            for key, path in paths.items():
                results.setdefault(key, []).append(path.connect(FIRST_PORT))
    best = {key: (max(rate for rate, _ in values), min(time for _, time in values))
            for key, values in results.items()}
    for (how, size), (rate, latency) in best.items():
        yield Row(f"{size:,} {how}", f"{rate:,.0f} connections a second, {latency:.0f} us each to establish")
    few, many = (statistics.median(time for _, time in results["exposures", size]) for size in (SIZES[0], SIZES[-1]))
    yield Row("exposures: time with 10,000 by time with 1", f"{many / few:.3f}", "< 1.03")
    few, many = (statistics.median(time for _, time in results["rules", size]) for size in (SIZES[0], SIZES[-1]))
    yield Row("rules as of -p: the same", f"{many / few:.3f}")
