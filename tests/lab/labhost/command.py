# SPDX-License-Identifier: GPL-2.0-or-later
"""Running commands, waiting for conditions, and saying what takes so long."""

import os
import subprocess
import sys
import time


class LabError(Exception):
    """Something that the user of the lab has to know; printed without a trace."""


def run(argv, **options):
    """Run a command of this machine; a failure carries what it printed."""
    result = subprocess.run(argv, text=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if result.returncode != 0:
        raise LabError(f"{' '.join(map(str, argv))}: exit status {result.returncode}\n"
                       f"{result.stdout.strip()}")
    return result.stdout


def say(text):
    print(text, file=sys.stderr, flush=True)


def wait_until(predicate, deadline, what, interval=0.02):
    """Poll until `predicate` returns something true, and return that.

    `deadline` is in seconds from now. Tests wait by this alone: never for a
    fixed time, so that a fast machine is fast and a slow one still right.
    """
    end = time.monotonic() + deadline
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= end:
            raise LabError(f"not within {deadline:g} s: {what}")
        time.sleep(interval)


class Progress:
    """One line that is kept up to date on a terminal, a line now and then elsewhere."""

    QUIET_SECONDS = 10

    def __init__(self, title):
        self.title = title
        self.start = time.monotonic()
        self.last = 0.0
        self.tty = sys.stderr.isatty()

    def show(self, detail):
        now = time.monotonic()
        if now - self.last < (0.1 if self.tty else self.QUIET_SECONDS):
            return
        self.last = now
        self._write(f"{self.title}: {detail}", end="" if self.tty else "\n")

    def done(self, detail="done"):
        self._write(f"{self.title}: {detail} ({time.monotonic() - self.start:.0f} s)", end="\n")

    def _write(self, text, end):
        if self.tty:
            width = os.get_terminal_size(sys.stderr.fileno()).columns
            text = f"\r\033[K{text[:width - 1]}"
        print(text, end=end, file=sys.stderr, flush=True)
