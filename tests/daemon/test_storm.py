# SPDX-License-Identifier: GPL-2.0-or-later
"""Twenty changes a second, with lost, doubled and reordered events, and others who commit."""

import contextlib
import os
import random
import subprocess
import threading
import time

import pytest

from engine import faults
from stays import STAYS, toggle
from storm import Storm

RATE = 20  # changes a second
SEED = int(os.environ.get("CALICO_EXPOSED_SEED", "4"))


@pytest.fixture
def version(request):
    return getattr(request, "param", "docker-20.10")


def blow(storm, seconds):
    """Changes at the rate; a step that comes late is not made up for by haste."""
    for _ in range(int(seconds * RATE)):
        start = time.monotonic()
        storm.step()
        threading.Event().wait(max(0, start + 1 / RATE - time.monotonic()))


def calm(engine, storm):
    """The last change is told: what was lost before is found by the list that follows it."""
    mangle, engine.stream.mangle = engine.stream.mangle, None
    told = len(engine.sent)
    while len(engine.sent) == told:
        storm.step()
        threading.Event().wait(0.02)
    engine.stream.mangle = mangle


@pytest.mark.parametrize("version, seconds", [("docker-20.10", 60), ("docker-29", 15),
                                              ("podman-4.3", 15)], indirect=["version"])
def test_storm(engine, host, seconds):
    """Right within a second of the last change, at each pause and at the end."""
    print(f"seed {SEED}")
    storm = Storm(engine, SEED)
    process = host.start_ready()
    mangler = engine.stream.mangle = faults.Mangler(SEED, lose=0.1, double=0.1, reorder=0.2)
    cpu = process.cpu()
    for _ in range(seconds // 5):
        blow(storm, 5)
        calm(engine, storm)
        host.await_right()
    engine.stream.flush()
    host.await_right()
    assert process.alive and host.process is process
    assert min(mangler.counts.values()) > seconds, mangler.counts
    assert process.cpu() - cpu < seconds * 0.2


@contextlib.contextmanager
def somebody_who_commits(space):
    """Transactions on another table, one behind the other; yields how many there were."""
    script = """
    for ((i = 0; ; i++)); do
        nft "add element ip other s { 10.0.$((i / 256 % 256)).$((i % 256)) }" || exit
        echo $i
    done
    """
    space.nft("add table ip other; add set ip other s { type ipv4_addr; }")
    process = space.popen(["bash", "-c", script], stdout=subprocess.PIPE, text=True)
    commits = []

    def read():
        with process.stdout as stdout:
            commits.extend(stdout)
    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield commits
    finally:
        process.terminate()
        process.wait()
        reader.join()


def test_others_commit_all_the_time(engine, host):
    """The ruleset's generation is never the same for long."""
    host.start_ready()
    storm = Storm(engine, SEED + 1)
    with somebody_who_commits(host.space) as commits:
        for _ in range(5):
            blow(storm, 2)
            calm(engine, storm)
            host.await_right()
        before = len(commits)
        host.process.kill()
        host.start_ready()
        host.await_right()
    assert len(commits) > 200 and before
    assert not host.process.said("Cannot change the kernel's tables")


def test_killed_in_the_middle(engine, host, monitor):
    """At any moment, again and again: the next one makes good what this one left."""
    engine.run("stays", labels=STAYS)
    host.start_ready()
    host.await_right()
    handle = host.space.table_handle()
    chance = random.Random(SEED)
    for _ in range(25):
        for _ in range(chance.randrange(1, 4)):
            toggle(engine)
        threading.Event().wait(chance.random() * 0.03)
        host.process.kill()
        toggle(engine)
        host.start_ready()
        if chance.random() < 0.5:
            host.await_right()
    host.await_right()
    assert host.space.table_handle() == handle and not monitor.lines


def test_a_burst(engine, host, commits):
    """A thousand starts, in fewer transactions, and as many ends."""
    process = host.start_ready()
    for number in range(1000):
        engine.run(f"c{number}", labels={"calico.expose": f"{20000 + number}:80"})
    host.await_right(2.0)
    for number in range(1000):
        engine.remove(f"c{number}")
    host.await_right(2.0)
    assert process.alive
    assert 0 < len(commits.of("calico-exposed")) < 2000
