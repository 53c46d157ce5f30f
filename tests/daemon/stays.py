# SPDX-License-Identifier: GPL-2.0-or-later
"""A container whose ports must stay, whatever happens, and one that comes and goes."""

import contextlib
import subprocess
import threading
import time

from labhost import LabError

STAYS = {"calico.expose": "80,53/udp,7000-7005"}
COMES = {"calico.expose": "81,81/udp"}
OF_STAYS = ("tcp . 80 ", "udp . 53 ", ". 7000-7005 ")


class Monitor:
    """What nft's monitor hears of ports of STAYS that went, or of the table; each with the time."""

    def __init__(self, space):
        self.lines = []
        self.process = space.popen(["stdbuf", "--output=L", "nft", "monitor"],
                                   stdout=subprocess.PIPE, text=True, errors="replace")
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        with self.process.stdout as stdout:
            for line in stdout:
                if line.startswith("delete table inet calico-exposed") or \
                        line.startswith("delete element inet calico-exposed") and \
                        any(text in line for text in OF_STAYS):
                    self.lines.append((time.monotonic(), line.strip()))

    def close(self):
        self.process.terminate()
        self.reader.join()
        self.process.wait()


def toggle(engine):
    """The one that comes and goes does so."""
    if "comes" in engine.state.containers:
        engine.remove("comes")
    else:
        # On a network of its own: its route and its interface's switch come and go with it.
        engine.run("comes", labels=COMES, networks=["front"])


def sweep(host, monitor, numbers, survive):
    """survive(number) for each; all that goes wrong is told at the end."""
    failures, handle = [], host.space.table_handle()
    for number in numbers:
        monitor.lines.clear()
        try:
            survive(number)
            assert not monitor.lines, f"{number}: what stays was withdrawn: {monitor.lines}"
            assert host.space.table_handle() == handle, f"{number}: the table was lost"
        except (AssertionError, LabError) as error:
            failures.append(f"{error}; it said {host.process.lines[-2:]}")
            with contextlib.suppress(ProcessLookupError):
                host.process.kill()
            handle = host.space.table_handle()
    assert not failures, "\n".join(failures)
