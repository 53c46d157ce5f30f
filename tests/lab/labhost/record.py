# SPDX-License-Identifier: GPL-2.0-or-later
"""What every host leaves on this machine, and how it is taken away again.

A host's mounts end with its processes, and these are all in one cgroup. That,
two network namespaces and a directory here are all that it is on the machine
underneath. The directory names the others: it is there before them and goes
after them, so whatever happens to the run that made a host, the next one finds
what is left of it.
"""

import json
import os
import pathlib
import shutil
import tempfile

from .command import LabError, run, say, wait_until

STATE = pathlib.Path("/run/calico-exposed-lab")


def identity(pid):
    """A process by id and start time, so that a reused id is never taken for it."""
    return [pid, start_time(pid)]


def start_time(pid):
    """When a process started, in ticks since boot; None when it is no more."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def alive(process):
    pid, start = process
    return start is not None and start_time(pid) == start


def directory(name):
    return STATE / name


def create(name, fields):
    """Make the directory of a new host, complete with its record or not at all."""
    STATE.mkdir(parents=True, exist_ok=True)
    new = pathlib.Path(tempfile.mkdtemp(prefix=".new-", dir=STATE))
    write_json(new, fields)
    try:
        new.rename(directory(name))
    except OSError:
        shutil.rmtree(new)
        raise LabError(f"there is a host {name} already: lab down {name}") from None
    return directory(name)


def write(name, fields):
    write_json(directory(name), fields)


def write_json(path, fields):
    temporary = path / "host.json.new"
    temporary.write_text(json.dumps(fields), encoding="utf-8")
    temporary.rename(path / "host.json")


def read(name):
    try:
        return json.loads((directory(name) / "host.json").read_text(encoding="utf-8"))
    except OSError:
        raise LabError(f"no such host: {name}") from None


def list_names():
    if not STATE.is_dir():
        return []
    return sorted(path.name for path in STATE.iterdir() if not path.name.startswith("."))


def collect_garbage():
    """Remove every host whose owner is gone; one without an owner stays while it runs."""
    for name in list_names():
        fields = read(name)
        if not alive(fields["owner"] or fields["init"]):
            say(f"removing {name}, left by a run that was ended")
            remove_host(name)


def remove_host(name):
    """End a host and take away all that is recorded of it; may be repeated."""
    fields = read(name)
    remove_cgroup(pathlib.Path(fields["cgroup"]))
    for namespace in fields["namespaces"]:
        if pathlib.Path("/run/netns", namespace).exists():
            run(["ip", "netns", "delete", namespace])
    shutil.rmtree(directory(name))


def remove_cgroup(top):
    """Kill all processes in a cgroup, and remove it from the leaves up."""
    if not top.is_dir():
        return
    (top / "cgroup.kill").write_text("1", encoding="ascii")

    def removed():
        for path, _, _ in os.walk(top, topdown=False):
            try:
                os.rmdir(path)
            except OSError:
                return False  # the kernel has not let go of its processes yet
        return True
    wait_until(removed, 30, f"all processes in {top} are gone")
