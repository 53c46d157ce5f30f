# SPDX-License-Identifier: GPL-2.0-or-later
"""Containers with labels, what the journal says of them, and others who use the host's ports."""

import contextlib
import json
import subprocess
import tempfile

from machine import HOST, PROBE, PROMPT, UNIT, wait_until

CONFIG = "/etc/calico-exposed/calico-exposed.conf"
TRAFFIC = [*PROBE[:-1], "/src/tests/e2e/traffic.py"]
ROADS = [("tcp", 4), ("udp", 4), ("tcp", 6), ("udp", 6)]

# A claim that waits for a process of the host looks again every two seconds.
AFTER_LISTENER = 5.0


def labels(**values):
    """Options for docker run: labels(mode="balance") is calico.expose.mode=balance."""
    return [option for key, value in values.items()
            for option in ("--label", f"calico.expose.{key.rstrip('_')}={value}")]


def read_journal(machine, *matches):
    """The daemon's entries with these fields ("FIELD=value"), the oldest first.

    Not by unit: journald cannot tell the unit of a process that has ended already.
    """
    lines = machine.run(["journalctl", "--output", "json", "--all",
                         f"SYSLOG_IDENTIFIER={UNIT}", *matches]).splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def count_messages(machine, text):
    return sum(text in entry["MESSAGE"] for entry in read_journal(machine))


def last_word(container, host_port=None):
    """The journal's last entry on the container's claims (or on one of them), as fields."""
    matches = [f"CALICO_EXPOSED_CONTAINER_ID={container.inspect()['Id']}"]
    if host_port:
        matches.append(f"CALICO_EXPOSED_HOST_PORT={host_port}")
    said = [entry for entry in read_journal(container.machine, *matches)
            if "CALICO_EXPOSED_STATE" in entry]
    return said[-1] if said else {}


def await_claim(container, state, reason="", host_port=None, deadline=PROMPT):
    """Wait until the journal's last word is this state, for a reason that contains a text."""
    said = {}

    def told():
        said.clear()
        said.update(last_word(container, host_port))
        return (said.get("CALICO_EXPOSED_STATE") == state
                and reason in said.get("CALICO_EXPOSED_REASON", "") and dict(said))
    try:
        return wait_until(told, deadline, "")
    except Exception:
        raise AssertionError(f"{container.name} should be {state!r} ({reason!r}), the journal says "
                             f"{said.get('MESSAGE', 'nothing')!r}") from None


def traffic(place, *arguments):
    """What traffic.py, run there, says in JSON."""
    argv = [*place.prefix, *TRAFFIC, *map(str, arguments)]
    result = subprocess.run(place.machine.host.enter(argv, outside=place.outside), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def survey(place, port, roads):
    """Who answers on the host's port: by each road, a name or None."""
    return traffic(place, "survey", *(word for protocol, family in roads
                                      for word in (protocol, HOST[family], port)))


def assert_open(place, name, port, roads=None, deadline=PROMPT):
    """Wait until the container answers on the host's port by all roads."""
    roads = roads or ROADS
    wait_until(lambda: set(survey(place, port, roads)) == {name}, deadline,
               f"{name} answers on port {port} by {roads}")


def assert_closed(place, port, roads=None, deadline=PROMPT):
    """Wait until nobody answers on the host's port, and see that it stays so."""
    roads = roads or ROADS
    wait_until(lambda: set(survey(place, port, roads)) == {None}, deadline,
               f"port {port} is closed by {roads}")
    assert survey(place, port, roads * 2) == [None] * len(roads) * 2


@contextlib.contextmanager
def listening(machine, address, port, protocol="tcp", user="nobody", name="host"):
    """A process of the host that answers on the port, for as long as needed."""
    unit = f"listener-{protocol}-{port}"
    machine.run(["systemd-run", "--quiet", "--collect", "--unit", unit, "--uid", user,
                 *TRAFFIC, "serve", name, protocol, address, port])
    option = {"tcp": "-Hlnt", "udp": "-Hlnu"}[protocol]
    try:
        wait_until(lambda: machine.run(["ss", option, f"sport = :{port}"]).strip(), 10,
                   f"somebody listens on {port}/{protocol}")
        yield
    finally:
        machine.systemctl("stop", unit)


def write_config(machine, text):
    machine.run(["sh", "-c", 'printf "%s\n" "$1" >"$2"', "sh", text, CONFIG])


def reload_config(machine, text="", answer="Read the configuration anew"):
    """Write the configuration and reload it; the daemon has read it, but not yet carried it out."""
    before = count_messages(machine, answer)
    write_config(machine, text)
    machine.systemctl("reload", UNIT)
    wait_until(lambda: count_messages(machine, answer) > before, 5, f"the journal says {answer!r}")


def spread(place, protocol, address, port, count):
    """How many of the connections each container got."""
    return traffic(place, "spread", protocol, address, port, count)


class Stream:
    """A client that opens a connection every 10 ms."""

    def __init__(self, machine, port):
        self.output = tempfile.TemporaryFile("w+")
        argv = machine.host.enter([*TRAFFIC, "stream", HOST[4], str(port)], outside=True)
        self.process = subprocess.Popen(argv, text=True, stdin=subprocess.PIPE, stdout=self.output)

    def lines(self):
        self.output.seek(0)
        return self.output.read().splitlines()

    def await_more(self, name):
        """Wait until another ten connections, at least one of them to this container, are made."""
        before = len(self.lines())
        wait_until(lambda: len(self.lines()) >= before + 10 and name in self.lines()[before:], 10,
                   f"{name} answers")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=30)
