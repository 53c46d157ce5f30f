# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the daemon is measured: namespaces, the engine in C, and the release."""

import collections
import contextlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
import threading
import time

from labhost import wait_until
from space import Space
from supervisor import Supervisor
from templates import write_templates

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = SOURCE / "build" / "bench"
DAEMON = BUILD / "daemon" / "calico-exposed"
PROMPT = 60.0
# Processor time at so many looks in a row, a tenth of a second apart, that is taken for nothing.
QUIET_LOOKS, QUIET_SECONDS = 16, 0.0005

# Says when it becomes the daemon: what bash and nsenter took before is not measured. It and the engine go before
# whatever else the machine does (a nice value does not, against other sessions).
LAUNCHER = """#!/bin/bash
chrt --rr --pid 1 $$
echo launched >&2
exec {command} "$@"
"""


class Engine:
    """bench-engine, and what it is told."""

    def __init__(self, space, directory):
        write_templates(directory)
        self.process = space.popen(["chrt", "--rr", "1", str(BUILD / "tests" / "benchmarks" / "bench-engine"),
                                    space.path("/run/docker.sock"), str(directory)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, *words):
        """One command; returns its answer."""
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"bench-engine ended at {words}")
        return json.loads(answer)

    def state(self):
        return self.tell("state")

    def cpu(self):
        return cpu_seconds(self.process.pid)

    def close(self):
        self.process.stdin.close()
        self.process.wait(PROMPT)
        self.process.stdout.close()


def cpu_seconds(pid):
    """Processor time so far, to the nanosecond."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


def status_kib(pid, name, file="status"):
    text = pathlib.Path(f"/proc/{pid}/{file}").read_text(encoding="ascii")
    return int(re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)[1])


class PeakWatch:
    """The most anonymous memory that a process had, looked at each millisecond."""

    def __init__(self, pid):
        self.pid = pid
        self.peak = 0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while not self.done.is_set():
            with contextlib.suppress(OSError, TypeError):
                self.peak = max(self.peak, status_kib(self.pid, "RssAnon"))
            self.done.wait(0.001)

    def stop(self):
        self.done.set()
        self.thread.join()
        return self.peak


# The numbers of containers that come later.
NEWCOMERS = range(20000, 21200)


def make_routes(*ranges):
    """To each container its own, as Calico has it. Addresses as engine/template.c gives them."""
    return "\n".join(f"route add 10.150.{100 + number // 156}.{100 + number % 156}/32 dev cali0"
                     for numbers in ranges for number in numbers)


class Bed(contextlib.AbstractContextManager):
    """A host with an engine that has some containers; the daemon is started by start()."""

    def __init__(self, containers=0):
        self.stack = contextlib.ExitStack()
        self.directory = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.space = self.stack.enter_context(Space())
        self.space.run(["ip", "-batch", "-"], make_routes(range(containers), NEWCOMERS))
        self.engine = self.stack.enter_context(contextlib.closing(Engine(self.space, self.directory)))
        self.engine.tell("populate", 0, containers)
        self.containers = containers
        launcher = self.directory / "launch"
        launcher.write_text(LAUNCHER.format(command=DAEMON), encoding="utf-8")
        launcher.chmod(0o755)
        self.supervisor = self.stack.enter_context(
            contextlib.closing(Supervisor(self.space, self.directory, str(launcher))))

    def __exit__(self, *_):
        self.stack.close()

    @property
    def pid(self):
        return self.supervisor.process.pid

    def await_ready(self):
        wait_until(lambda: self.supervisor.said("READY"), PROMPT, "it is ready")

    def start(self):
        """Returns how many seconds it took from exec() to READY=1."""
        since = time.monotonic()
        process = self.supervisor.start_ready(PROMPT)
        launched = process.await_line("launched", since=since).time
        return self.supervisor.said("READY", since)[0][0] - launched

    def settle(self):
        """Until the lists and what follows a start, or a burst, are over: the process sleeps."""
        looks = collections.deque(maxlen=QUIET_LOOKS)

        def sleeps():
            looks.append(cpu_seconds(self.pid))
            return len(looks) == QUIET_LOOKS and looks[-1] - looks[0] < QUIET_SECONDS
        wait_until(sleeps, PROMPT, "it has nothing to do", interval=0.1)

    def kill(self):
        self.supervisor.process.kill()
        wait_until(lambda: not self.engine.state()["subscribed"], PROMPT, "the engine noticed")


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def machine():
    """What it was measured on, in one line."""
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return f"{model[1] if model else os.uname().machine}, {os.cpu_count()} processors, Linux {os.uname().release}"
