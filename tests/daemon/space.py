# SPDX-License-Identifier: GPL-2.0-or-later
"""Namespaces for one daemon: a network, /run and /etc of its own, and nothing of this machine's."""

import contextlib
import json
import re
import subprocess

# It ends when this process does, for its standard input ends then; and all it holds with it.
# /etc has what the daemon and the loader read, and an empty calico-exposed.
HOLDER = """
set -e
mount -t tmpfs -o "size=$1" run /run
mkdir /run/etc
mount -t tmpfs etc /run/etc
cp --archive --dereference /etc/passwd /etc/ld.so.cache /run/etc
mkdir /run/etc/calico-exposed
mount --move /run/etc /etc
rmdir /run/etc
echo ready
exec cat
"""

# Docker's networks, as far as routes are concerned; each bridge has a carrier.
BRIDGES = {
    "docker0": ("172.17.0.1/16", "fd00:d0c::1/64"),
    "front0": ("172.19.0.1/16", "2001:db8:77::1/64"),
    "podman0": ("10.88.0.1/16", "fd00:cafe::1/64"),
}
# The host's own address towards outside, and Calico's host routes.
OUTSIDE = "203.0.113.1"
CALICO = [f"192.168.0.{number}" for number in range(2, 34)]


def make_link(name):
    """An interface that is up and has a carrier; its other end is of no use."""
    return [f"link add {name} type veth peer name {name}-peer", f"link set {name} up",
            f"link set {name}-peer up"]


class SpaceError(Exception):
    """A command in the namespaces failed."""


class Space:
    """Use it as a context: it is gone behind it."""

    def __init__(self, run_size="16m"):
        self.run_size = run_size
        self.holder = None

    def __enter__(self):
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "private",
             "bash", "-c", HOLDER, "holder", self.run_size],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.holder.stdout.readline() != b"ready\n":
            raise SpaceError("no namespaces: root is needed")
        self.make_network()
        return self

    def __exit__(self, *_):
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()

    def make_network(self):
        lines = ["link set lo up", *make_link("outside0"), *make_link("cali0"),
                 f"address add {OUTSIDE}/24 dev outside0"]
        for name, addresses in BRIDGES.items():
            lines += [f"link add {name} type bridge", *make_link(f"p-{name}"),
                      f"link set p-{name} master {name}", f"link set {name} up"]
            lines += [f"address add {address} dev {name} {'nodad' if ':' in address else ''}"
                      for address in addresses]
        lines += [f"route add {address}/32 dev cali0" for address in CALICO]
        self.run(["ip", "-batch", "-"], "\n".join(lines))

    @property
    def enter(self):
        """What runs a command here."""
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net",
                f"--mount=/proc/{self.holder.pid}/ns/mnt"]

    def run(self, command, text=None, check=True):
        """Only the network is another: the command sees this machine's files."""
        result = subprocess.run([self.enter[0], self.enter[1], *command], input=text, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if check and result.returncode != 0:
            raise SpaceError(f"{' '.join(command)}: {result.stdout}")
        return result.stdout

    def run_inside(self, command):
        """With the files of the namespaces, too."""
        subprocess.run([*self.enter, *command], check=True)

    def popen(self, command, **options):
        return subprocess.Popen([self.enter[0], self.enter[1], *command], **options)

    def path(self, name):
        """How this process sees a file of the namespaces."""
        return f"/proc/{self.holder.pid}/root{name}"

    def nft(self, commands):
        """nft's commands, as one transaction."""
        return self.run(["nft", "-f", "-"], commands)

    def table(self, *options):
        """nft's listing of the daemon's table; None while there is none."""
        with contextlib.suppress(SpaceError):
            return self.run(["nft", *options, "list", "table", "inet", "calico-exposed"])
        return None

    def table_handle(self):
        """Changes when the table is made anew, even if it holds the same again."""
        found = re.search(r"^table .*# handle (\d+)",
                          self.table("-at") or "", re.MULTILINE)
        return found and found[1]

    def routes(self):
        """[(network, interface)] of what is on a link."""
        found = []
        for family in ("-4", "-6"):
            for route in json.loads(self.run(["ip", "-j", family, "route"]) or "[]"):
                if route["dst"] != "default" and "gateway" not in route:
                    found.append((route["dst"], route["dev"]))
        return found

    def sysctl(self, name):
        return self.run(["cat", f"/proc/sys/{name}"]).strip()
