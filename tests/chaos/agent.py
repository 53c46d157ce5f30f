#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks at a host, and acts there: one request a line in JSON, one answer a line.

Started once on the host, for a new process each time would cost more than the
look itself. It only fetches: what to make of it is the oracle's affair.
"""

import concurrent.futures
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys

DOCKER_SOCKET = "/run/docker.sock"
DOCKER_TIMEOUT = 5
UNIT = "calico-exposed"
COMMAND_TIMEOUT = 60
LIVING = ("running", "paused", "restarting")


class DockerConnection(http.client.HTTPConnection):
    """Docker's API; each failure is an OSError or an HTTPException."""

    def __init__(self):
        super().__init__("docker", timeout=DOCKER_TIMEOUT)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(DOCKER_SOCKET)

    def get(self, path):
        """The decoded answer; None if there is no such thing."""
        self.request("GET", path)
        response = self.getresponse()
        data = response.read()
        return json.loads(data) if response.status == 200 else None


def output(*argv):
    """What a command prints; None if it fails."""
    result = subprocess.run(argv, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, timeout=COMMAND_TIMEOUT, check=False)
    return result.stdout if result.returncode == 0 else None


def read(path):
    try:
        return pathlib.Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return None


class Agent:
    """The requests, by name."""

    def __init__(self):
        self.images = {}
        self.listeners = {}
        self.cursor = []

    def containers(self):
        """All that live, as inspect shows them; None while Docker cannot be asked."""
        docker = DockerConnection()
        try:
            rows = docker.get("/containers/json")
            found = [docker.get(f"/containers/{row['Id']}/json") for row in rows]
            found = [one for one in found if one and one["State"]["Status"] in LIVING]
            for one in found:
                if one["Image"] not in self.images:
                    image = docker.get(f"/images/{one['Image']}/json")
                    self.images[one["Image"]] = (image["Config"] or {}).get("Labels") or {}
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            docker.close()
        return [{**one, "ImageLabels": self.images[one["Image"]],
                 "Routes": read(f"/proc/{one['State']['Pid']}/net/route")} for one in found]

    def listening(self):
        return output("ss", "-Hlntu")

    def truth(self):
        """What the daemon has to follow."""
        return {"containers": self.containers(), "listening": self.listening()}

    def look(self):
        """What there is in the kernel and in the journal, and what it has to follow."""
        found = {
            "table": output("nft", "-a", "list", "table", "inet", "calico-exposed"),
            "filter": {family: output("nft", "list", "table", family, "filter")
                       for family in ("ip", "ip6")},
            "conntrack": [output("conntrack", "-L", "-f", family) for family in ("ipv4", "ipv6")],
            "routes": [json.loads(output("ip", "-j", option, "route") or "[]")
                       for option in ("-4", "-6")],
            "localnet": self.interfaces_with("/proc/sys/net/ipv4/conf/*/route_localnet", -2),
            "hairpin": self.interfaces_with("/sys/class/net/*/brport/hairpin_mode", -3),
            "fdb": json.loads(output("bridge", "-j", "fdb") or "[]"),
            "unit": self.unit(),
            "journal": self.journal(),
        }
        return found | self.truth()

    def interfaces_with(self, pattern, part):
        """The interfaces whose switch is on."""
        return sorted(path.parts[part] for path in pathlib.Path("/").glob(pattern.lstrip("/"))
                      if read(path) not in ("0", None))

    def unit(self):
        lines = output("systemctl", "show", UNIT, "--property",
                       "ActiveState,MainPID,StatusText").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def journal(self):
        """The daemon's entries since the last time."""
        lines = output("journalctl", "--output", "json", "--all", *self.cursor,
                       f"SYSLOG_IDENTIFIER={UNIT}") or ""
        entries = [json.loads(line) for line in lines.splitlines() if line.startswith("{")]
        if entries:
            self.cursor = ["--after-cursor", entries[-1]["__CURSOR"]]
        return entries

    def together(self, *commands):
        """Run commands at the same time."""
        with concurrent.futures.ThreadPoolExecutor(len(commands)) as pool:
            results = list(pool.map(self.run, commands))
        return [max(status for status, _ in results), "".join(text for _, text in results)]

    def run(self, argv):
        """Run a command; its exit status and what it printed."""
        try:
            result = subprocess.run(argv, text=True, stdin=subprocess.DEVNULL, errors="replace",
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                    timeout=COMMAND_TIMEOUT, check=False)
        except subprocess.TimeoutExpired:
            return [-1, f"no end within {COMMAND_TIMEOUT} s"]
        return [result.returncode, result.stdout]

    def listen(self, protocol, address, port):
        """Take a port of the host; nobody is ever answered."""
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, protocol == "tcp")
        try:
            listener.bind((address, port))
            if protocol == "tcp":
                listener.listen()
        except OSError as error:
            return [1, str(error)]
        self.listeners[protocol, port] = listener
        return [0, ""]

    def unlisten(self, protocol, port):
        listener = self.listeners.pop((protocol, port), None)
        if listener:
            listener.close()
        return [0, ""]

    def write(self, path, text):
        temporary = f"{path}.new"
        pathlib.Path(temporary).write_text(text, encoding="ascii")
        os.rename(temporary, path)
        return [0, ""]


def main():
    agent = Agent()
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(getattr(agent, name)(*arguments)), flush=True)


if __name__ == "__main__":
    main()
