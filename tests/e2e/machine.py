# SPDX-License-Identifier: GPL-2.0-or-later
"""A host with the daemon on it, as the tests see it: containers, places, what it says."""

import json
import re
import subprocess
import typing

import labhost
from labhost import wait_until

HOST = {4: "203.0.113.1", 6: "2001:db8:1::1"}
OUTSIDE = {4: "203.0.113.2", 6: "2001:db8:1::2"}
UNIT = "calico-exposed"
PROBE = ["/usr/bin/python3", "-B", "/src/tests/e2e/probe.py"]
CALICO_PLUGIN = ["systemd-run", "--quiet", "--unit", "calico-plugin", "/usr/bin/python3", "-B",
                 "/src/tests/lab/calico_plugin.py", "/run/docker/plugins"]

# How soon the kernel must have followed Docker: what the project promises.
PROMPT = 1.0


class Answer(typing.NamedTuple):
    """Who answered, on which port of its own, and which client it saw."""

    name: str
    port: int
    client: str


def parse_answer(text):
    found = re.fullmatch(r"hello from (\S+) port (\d+), client (\S+)", text.strip())
    return Answer(found[1], int(found[2]), found[3]) if found else None


class Place:
    """Somewhere packets are sent from: outside, the host, a container's network."""

    def __init__(self, machine, prefix=(), outside=False):
        self.machine = machine
        self.prefix = list(prefix)
        self.outside = outside

    def command(self, *arguments):
        argv = [*self.prefix, *PROBE, *map(str, arguments)]
        return self.machine.host.enter(argv, outside=self.outside)

    def ask(self, protocol, address, port):
        """Return the answer, or None when there is none."""
        result = subprocess.run(self.command("ask", protocol, address, port), text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return parse_answer(result.stdout) if result.returncode == 0 else None

    def await_answer(self, name, protocol, address, port, deadline=PROMPT):
        """Wait until the container `name` answers there."""
        def answer():
            got = self.ask(protocol, address, port)
            return got if got and got.name == name else None
        return wait_until(answer, deadline, f"{name} answers on {address} {port}/{protocol}")

    def await_silence(self, protocol, address, port, deadline=PROMPT):
        """Wait until nobody answers there, and see that it stays so."""
        wait_until(lambda: not self.ask(protocol, address, port), deadline,
                   f"{address} {port}/{protocol} is closed")
        for _ in range(3):
            assert self.ask(protocol, address, port) is None

    def hold(self, protocol, address, port):
        return Held(self.command("hold", protocol, address, port))

    def forge(self, port):
        """Send the host a datagram addressed to its 127.0.0.1."""
        subprocess.run(self.command("forge", HOST[4], port), check=True)


class Held:
    """One connection, or one UDP port, that is asked again and again."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def ask(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return parse_answer(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=10)


class Container:
    """A running container, by name; what it is asked for is read afresh."""

    def __init__(self, machine, name):
        self.machine = machine
        self.name = name

    def inspect(self):
        return json.loads(self.machine.docker("inspect", self.name))[0]

    def address(self, network="bridge", family=4):
        key = {4: "IPAddress", 6: "GlobalIPv6Address"}[family]
        return self.inspect()["NetworkSettings"]["Networks"][network][key]

    def place(self):
        """Its network, seen with the host's tools."""
        pid = self.inspect()["State"]["Pid"]
        return Place(self.machine, ["nsenter", f"--net=/proc/{pid}/ns/net"])


class Machine:
    """A disposable host with the project installed."""

    def __init__(self, host):
        self.host = host
        self.outside = Place(self, outside=True)
        self.itself = Place(self)

    def run(self, command, **options):
        return self.host.run(command, **options)

    def docker(self, *arguments):
        return self.run(["docker", *arguments]).strip()

    def start(self, name, *, expose=None, network=None, ports=("80", "53/udp"), options=()):
        """Run a container that answers on these ports."""
        arguments = ["run", "--detach", "--pull", "never", "--name", name, *options]
        if expose is not None:
            arguments += ["--label", f"calico.expose={expose}"]
        if network:
            arguments += ["--network", network]
        self.docker(*arguments, "answer", name, *ports)
        return Container(self, name)

    def container(self, name):
        return Container(self, name)

    def make_networks(self):
        """Beside Docker's own network, `front` that a user made, and `cal` of Calico."""
        self.docker("network", "create", "--ipv6", "--subnet", "fd00:f::/64", "front")
        self.make_calico_network()

    def make_calico_network(self, *datastore):
        """datastore: see calico_plugin.py."""
        self.run([*CALICO_PLUGIN, *datastore])
        wait_until(lambda: self.host.succeeds("test -S /run/docker/plugins/calico-ipam.sock"), 10,
                   "the network plugin listens")
        self.docker("network", "create", "--driver", "calico", "--ipam-driver", "calico-ipam",
                    "--ipv6", "cal")

    def remove_containers(self):
        names = self.docker("ps", "--all", "--quiet").split()
        if names:
            self.docker("rm", "--force", *names)

    def systemctl(self, *arguments, **options):
        return self.run(["systemctl", *arguments], **options).strip()

    def property(self, name, unit=UNIT):
        return self.systemctl("show", "--value", "--property", name, unit)

    def await_property(self, name, wanted, deadline=PROMPT, unit=UNIT):
        """Wait until a property of the unit contains a text."""
        wait_until(lambda: wanted in self.property(name, unit), deadline,
                   f"{name} of {unit} says {wanted!r}")

    def await_status(self, wanted, deadline=PROMPT):
        self.await_property("StatusText", wanted, deadline)

    def await_new_process(self, old, deadline=10):
        """Wait until the daemon is another process than `old`, ready or not."""
        wait_until(lambda: self.property("MainPID") not in ("0", old), deadline,
                   "there is a new process")

    def await_restarted(self, old, deadline=10):
        """Wait until the daemon is another process than `old`, and ready.

        The unit alone would not tell: it stays active until systemd has heard of a death.
        """
        self.await_new_process(old, deadline)
        self.await_property("ActiveState", "active", deadline)

    def journal(self, **fields):
        """The daemon's entries with these CALICO_EXPOSED_ fields (container_name="web")."""
        lines = self.run(["journalctl", "--unit", UNIT, "--output", "json", "--all"]).splitlines()
        entries = [json.loads(line) for line in lines if line.startswith("{")]
        wanted = {f"CALICO_EXPOSED_{key.upper()}": value for key, value in fields.items()}
        return [entry for entry in entries
                if all(entry.get(key) == value for key, value in wanted.items())]

    def table(self):
        """The daemon's table as nft writes it, with handles; None while there is none.

        Not as JSON: nft 1.0.6 writes the `owner` flag in a way that is none.
        """
        try:
            return self.run("nft -a list table inet calico-exposed")
        except labhost.LabError:
            return None

    def table_handle(self):
        """Changes when the table is made anew, even if it holds the same again."""
        return re.search(r"^table .*# handle (\d+)", self.table() or "absent", re.MULTILINE)[1]

    def diagnosis(self):
        """What a person would look at first after a failure."""
        return self.run(f"systemctl status --no-pager --lines 60 --full {UNIT};"
                        "nft list table inet calico-exposed; iptables-save; docker ps --all;"
                        "ip route", check=False)

    def remove(self):
        self.host.remove()
