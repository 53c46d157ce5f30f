# SPDX-License-Identifier: GPL-2.0-or-later
"""What the host runs out of, and what others do to it: descriptors, /run, the clock, other tables."""

import contextlib
import resource
import subprocess
import threading

import pytest
from shim import Shim
from space import Space

LABEL = {"calico.expose": "80"}
DAY = 86_400_000_000_000  # nanoseconds


def change_something(engine):
    """A container goes, another comes, a third takes over its port."""
    engine.run("next", labels={"calico.expose": "80,82:80"})
    engine.run("other", labels={"calico.expose": "81:80"})
    engine.kill("web")


@contextlib.contextmanager
def without_descriptors(process):
    """The process can open none more."""
    before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, before[1]))
    yield
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)


def test_no_descriptors_left(engine, host):
    """What stands stays, and what came meanwhile is there as soon as there are some again."""
    engine.run("web", labels=LABEL)
    process = host.start_ready()
    host.await_right()
    with without_descriptors(process):
        engine.run("other", labels={"calico.expose": "81:80"})
        engine.cut_stream()
        process.await_line("Too many open files")
        assert host.sends(80) == "172.17.0.2"
        cpu = process.cpu()
        engine.run("third", labels={"calico.expose": "82:80"})
    host.await_right(deadline=35)  # the longest pause before it tries again, and a little
    assert process.alive and process.cpu() - cpu < 5


@pytest.fixture
def full(space):
    """/run with no byte left."""
    space.run(["sh", "-c", f"dd if=/dev/zero of={space.path('/run/filler')} bs=4k 2>/dev/null"], check=False)


@pytest.fixture
def space():
    with Space("1m") as made:
        yield made


def test_a_full_run(engine, host, full):
    engine.run("web", labels=LABEL)
    process = host.start_ready()
    host.await_right()
    change_something(engine)
    host.await_right()
    assert process.terminate() == 0


def test_a_run_that_cannot_be_written(space, engine, host):
    engine.run("web", labels=LABEL)
    host.start_ready()
    host.await_right()
    subprocess.run([*space.enter, "mount", "-o", "remount,ro", "/run"], check=True)
    try:
        change_something(engine)
        host.await_right()
        assert host.process.terminate() == 0
    finally:
        subprocess.run([*space.enter, "mount", "-o", "remount,rw", "/run"], check=True)


@pytest.mark.parametrize("jump", [DAY, -DAY, -50 * 365 * DAY, 10 * 365 * DAY],
                         ids=["a day on", "a day back", "fifty years back", "ten years on"])
def test_the_clock_jumps(engine, host, tmp_path, jump):
    """Nothing is lost, whether events come before or after, or Docker is found again then."""
    shim = Shim(host, tmp_path, "clock")
    engine.run("web", labels=LABEL)
    host.start_ready()
    host.await_right()
    shim.clock_offset = jump
    engine.run("other", labels={"calico.expose": "81:80"})
    host.await_right()
    engine.cut_stream()
    engine.run("third", labels={"calico.expose": "82:80"})
    host.await_right(deadline=5)
    engine.kill("web")
    host.await_right()


def test_the_clock_was_wrong_at_the_start(engine, host, tmp_path):
    shim = Shim(host, tmp_path, "clock")
    shim.clock_offset = -50 * 365 * DAY
    engine.run("web", labels=LABEL)
    host.start_ready()
    host.await_right()
    shim.clock_offset = 0
    change_something(engine)
    host.await_right()


class Busybody:
    """Somebody who commits transactions of his own all the time."""

    def __init__(self, space):
        self.space, self.over, self.commits = space, threading.Event(), 0
        space.nft("add table inet theirs; add set inet theirs ports { type inet_service; }")
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        while not self.over.is_set() and self.commits < 100_000:
            self.space.nft("add element inet theirs ports { 1 }; delete element inet theirs ports { 1 }")
            self.commits += 1

    def stop(self):
        self.over.set()
        self.thread.join()


def test_somebody_else_commits_all_the_time(space, engine, host):
    busybody = Busybody(space)
    try:
        engine.run("web", labels=LABEL)
        process = host.start_ready()
        host.await_right()
        for number in range(20):
            engine.run(f"c{number:02}", labels={"calico.expose": f"{8000 + number}:80"})
            engine.kill(f"c{number - 1:02}" if number else "web")
            host.await_right()
        process.kill()
        host.start_ready()
        host.await_right()
    finally:
        busybody.stop()
    assert busybody.commits > 100
