# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs list, explain and check, and reads what they write."""

import json
import re
import subprocess

NOTHING = "Nothing has to be changed: it is exposed."
BAD_HEALTH = ["--health-cmd", "false", "--health-interval", "100ms", "--health-retries", "1"]


class Said:
    """What a verb wrote, and how it ended."""

    def __init__(self, result):
        self.code, self.out, self.error = result.returncode, result.stdout, result.stderr

    def lines(self):
        return self.out.splitlines()

    def json(self):
        return json.loads(self.out)


def say(machine, *arguments, user=None, groups=(), environment=None):
    argv = ["calico-exposed", *arguments]
    if user:
        membership = ["--groups", *groups] if groups else ["--clear-groups"]
        argv = ["setpriv", "--reuid", user, *membership, *argv]
    if environment:
        argv = ["env", *(f"{key}={value}" for key, value in environment.items()), *argv]
    return Said(subprocess.run(machine.host.enter(argv), text=True, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                               check=False))


def rows(machine, **options):
    """What list says behind a pipe: a dictionary for each row."""
    title, *lines = say(machine, "list", **options).lines()
    return [dict(zip(title.split("\t"), line.split("\t"), strict=True)) for line in lines]


def row_of(machine, container, host):
    found = [row for row in rows(machine) if row["CONTAINER"] == container and row["HOST"] == host]
    assert len(found) == 1, found
    return found[0]


def on_terminal(machine, columns, *arguments, environment=None):
    """The lines that the verb writes on a terminal of that width."""
    settings = " ".join(f"{key}={value}" for key, value in (environment or {}).items())
    line = f"stty cols {columns}; {settings} calico-exposed {' '.join(arguments)}"
    return machine.run(["env", "TERM=xterm", "script", "--quiet", "--command", line,
                        "/dev/null"]).replace("\r", "").splitlines()


def explain(machine, name, **options):
    said = say(machine, "explain", name, **options)
    assert said.error == "", said.error
    assert said.code == 0
    return said.out


def told_command(told, program):
    """The command by which marked packets are let through somebody else's firewall, as explain tells it."""
    return re.search(rf"let marked packets pass there: ({program} .*)\.$", told, re.MULTILINE)[1]


def check(machine, code, *texts, **options):
    said = say(machine, "check", **options)
    assert said.code == code, said.out + said.error
    for text in texts:
        assert any(text in line for line in said.lines()), said.out
    return said
