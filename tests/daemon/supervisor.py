# SPDX-License-Identifier: GPL-2.0-or-later
"""What systemd does for the daemon: starts it, hears what it says, keeps its descriptor."""

import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import typing

from labhost import wait_until

# The stored descriptors ("FD=NAME ...") follow standard error, as sd_listen_fds(3) has it. The shims
# are the daemon's alone.
START = """
names=() copies=()
for pair in $STORED; do
	exec {copy}<&"${pair%%=*}"
	eval "exec ${pair%%=*}<&-"
	copies+=("$copy") names+=("${pair#*=}")
done
for i in "${!copies[@]}"; do
	eval "exec $((3 + i))<&${copies[i]} ${copies[i]}<&-"
done
if ((${#names[@]})); then
	export LISTEN_FDS=${#names[@]} LISTEN_FDNAMES=$(IFS=:; echo "${names[*]}") LISTEN_PID=$$
fi
unset STORED
[[ -z $DESCRIPTORS ]] || ulimit -Sn "$DESCRIPTORS"
LD_PRELOAD=$SHIMS exec "$0" run
"""
TICKS = os.sysconf("SC_CLK_TCK")
PROMPT = 5.0  # to start, to stop


class Line(typing.NamedTuple):
    """Something that was said, and when (time.monotonic())."""

    time: float
    text: str


class Process:
    """One run of the daemon."""

    def __init__(self, popen):
        self.popen = popen
        self.pid = popen.pid
        self.lines = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with self.popen.stderr as stderr:
            for line in stderr:
                self.lines.append(Line(time.monotonic(), line.decode("utf-8", "replace").rstrip()))

    @property
    def alive(self):
        return self.popen.poll() is None

    def said(self, text, since=0.0):
        """The lines that contain a text."""
        return [line for line in list(self.lines) if text in line.text and line.time >= since]

    def await_line(self, text, deadline=PROMPT, since=0.0):
        return wait_until(lambda: self.said(text, since), deadline, f"it says {text!r}")[0]

    def cpu(self):
        """Seconds of processor time so far."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        user, system = fields.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / TICKS

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self, deadline=PROMPT):
        """The exit status, negative for a signal; with all that it said."""
        status = self.popen.wait(deadline)
        self.reader.join(deadline)
        return status

    def kill(self):
        self.signal(signal.SIGKILL)
        return self.wait()

    def terminate(self):
        self.signal(signal.SIGTERM)
        return self.wait()


class Supervisor:
    """Runs the daemon in a space, again and again if need be.

    messages: [(time, {NAME: value})] of what it notified; stored: {name: descriptor} that it gave away.
    """

    def __init__(self, space, directory, binary):
        self.space = space
        self.binary = binary
        self.path = pathlib.Path(directory, "notify")
        self.messages = []
        self.stored = {}
        self.process = None
        self.environment = {}  # of the next process
        self.shims = []
        self.descriptors = ""  # how many the next process may have
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    def close(self):
        if self.process and self.process.alive:
            self.process.kill()
        self.socket.shutdown(socket.SHUT_RD)
        self.listener.join()  # else it might read from who gets the descriptor next
        self.socket.close()
        self.path.unlink()
        self.forget_stored()

    def _listen(self):
        while True:
            data, fds, _, _ = socket.recv_fds(self.socket, 4096, 8)
            if not data:
                return
            self._take(data.decode(), fds)

    def _take(self, text, fds):
        message = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        name = message.get("FDNAME")
        if message.get("FDSTOREREMOVE") == "1":
            self.forget_stored(name)
        if message.get("FDSTORE") == "1" and name not in self.stored:
            self.stored[name] = fds.pop()
        for descriptor in fds:  # known already, or a barrier
            os.close(descriptor)
        self.messages.append((time.monotonic(), message))

    def forget_stored(self, name=None):
        """One of them, or all: what systemd does when the unit is stopped for good."""
        for known in [name] if name else list(self.stored):
            if known in self.stored:
                os.close(self.stored.pop(known))

    def said(self, name, since=0.0):
        """[(time, value)] of a notification's field."""
        return [(when, message[name]) for when, message in list(self.messages)
                if name in message and when >= since]

    @property
    def status(self):
        said = self.said("STATUS")
        return said[-1][1] if said else ""

    def start(self):
        """Start it, with the stored descriptors; does not wait."""
        stored = dict(self.stored)
        environment = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": str(self.path),
                       "STORED": " ".join(f"{descriptor}={name}" for name, descriptor in stored.items()),
                       "LC_ALL": "C.UTF-8", "SHIMS": " ".join(map(str, self.shims)),
                       "DESCRIPTORS": str(self.descriptors), **self.environment}
        self.process = Process(subprocess.Popen(
            [*self.space.enter, "setpriv", "--pdeathsig", "KILL", "bash", "-c", START, self.binary],
            env=environment, pass_fds=stored.values(), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
        return self.process

    def after_end(self, status):
        """What systemd runs when the daemon has ended: ExecStopPost=."""
        environment = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": str(self.path),
                       "SERVICE_RESULT": "exit-code", "EXIT_CODE": "exited", "EXIT_STATUS": str(status)}
        subprocess.run([*self.space.enter, self.binary, "after-end"], env=environment, check=True)

    def start_ready(self, deadline=PROMPT):
        """Start it, and wait until it says that it is ready."""
        start = time.monotonic()
        process = self.start()
        wait_until(lambda: self.said("READY", start) or not process.alive, deadline, "it is ready")
        if not process.alive:
            raise AssertionError(f"it ended with {process.wait()}: {process.lines[-3:]}")
        return process

    def await_status(self, text, deadline=PROMPT):
        wait_until(lambda: text in self.status, deadline, f"the status says {text!r}")
