# SPDX-License-Identifier: GPL-2.0-or-later
"""No descriptors, no room in /run, a clock that jumps."""

import resource
import time

import pytest

from labhost import wait_until
from shim import Shim
from space import Space
from stays import STAYS, toggle

DAY = 86_400 * 1_000_000_000
CPU_MAX = 0.5


@pytest.fixture
def running(engine, host, monitor):
    engine.run("stays", labels=STAYS)
    process = host.start_ready()
    host.await_right()
    cpu = process.cpu()
    yield host
    assert process.alive and host.process is process
    assert process.cpu() - cpu < CPU_MAX
    assert not monitor.lines


def limit_descriptors(process, count):
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (count, hard))


def pass_time(seconds):
    start = time.monotonic()
    wait_until(lambda: time.monotonic() > start + seconds, seconds + 1, "some time")


def test_no_descriptors(engine, running):
    """What is open goes on; what needs a new one is made good when there are some again."""
    process = running.process
    soft, _ = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    limit_descriptors(process, 1)
    toggle(engine)
    engine.run("other", image="labelled", labels={"calico.expose": "82"})
    engine.remove("comes")
    pass_time(1.5)
    toggle(engine)
    limit_descriptors(process, soft)
    running.await_right(4)
    assert len(process.lines) < 60, process.lines


def test_no_descriptors_to_reconnect(engine, running):
    process, start = running.process, time.monotonic()
    soft, _ = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    limit_descriptors(process, 1)
    engine.end_stream()
    process.await_line("Too many open files", since=start)
    toggle(engine)
    pass_time(2)
    assert len(process.said("", start)) < 12, process.said("", start)
    limit_descriptors(process, soft)
    running.await_right(4)


@pytest.mark.parametrize("limit", range(6, 24, 2))
def test_start_with_few_descriptors(engine, host, monitor, limit):
    """It ends with a word, or waits, and is ready and right when there are more."""
    engine.run("stays", labels=STAYS)
    host.start_ready()
    host.await_right()
    host.process.kill()
    toggle(engine)
    host.descriptors, since = limit, time.monotonic()
    process = host.start()
    wait_until(lambda: process.said("Docker") or not process.alive, 5, "it waits, or ended")
    if process.alive:
        limit_descriptors(process, 1024)
    else:
        assert process.wait() == 1 and process.lines
        host.descriptors = ""
        process = host.start()
    wait_until(lambda: host.said("READY", since), 4, "it is ready")
    host.await_right()
    assert process.alive and not monitor.lines


@pytest.fixture
def space(request):
    with Space(getattr(request, "param", "16m")) as made:
        yield made


@pytest.mark.parametrize("space", ["64k"], indirect=True)
def test_full_run(engine, running):
    """Not one byte is left; nothing of what the daemon does depends on it."""
    with open(running.space.path("/run/filler"), "wb", buffering=0) as filler, \
            pytest.raises(OSError):
        while True:
            filler.write(b"x" * 512)
    for _ in range(3):
        toggle(engine)
        running.await_right()
    engine.end_stream()
    wait_until(lambda: len(engine.requests("events")) == 2, 3, "it subscribes again")
    toggle(engine)
    running.await_right()


def test_read_only_run(request, engine, host, monitor):
    engine.run("stays", labels=STAYS)
    host.space.run_inside(["mount", "-o", "remount,ro", "/run"])
    host.start_ready()
    request.addfinalizer(lambda: host.space.run_inside(["mount", "-o", "remount,rw", "/run"]))
    for _ in range(3):
        toggle(engine)
        host.await_right()
    host.process.kill()
    process = host.start_ready()
    toggle(engine)
    host.await_right()
    assert not monitor.lines
    assert process.terminate() == 0
    assert host.space.table() is None


JUMPS = {"a day on": DAY, "a day back": -DAY, "1970": None}


@pytest.fixture
def jump(engine, host, tmp_path):
    """Sets both clocks, the daemon's and the engine's, which are one."""
    shim = Shim(host, tmp_path, "clock")

    def set_clock(offset):
        if offset is None:
            offset = 3_000_000_000 - time.time_ns()  # three seconds after the epoch
        shim.clock_offset = engine.state.clock_offset = offset
    return set_clock


@pytest.fixture
def clocked(jump, running):
    """The daemon, started with a clock that can jump."""
    return running


@pytest.mark.parametrize("name", JUMPS)
def test_clock(engine, clocked, jump, name):
    """Containers from before and after, with and without a new subscription, there and back."""
    toggle(engine)
    engine.run("other", labels={"calico.expose": "82"})
    for offset in (JUMPS[name], 0):
        jump(offset)
        for _ in range(3):
            toggle(engine)
            clocked.await_right()
        engine.restart("other")
        clocked.await_right()
        count = len(engine.requests("events"))
        engine.end_stream()
        toggle(engine)
        wait_until(lambda count=count: len(engine.requests("events")) > count, 3, "it subscribes")
        clocked.await_right()
        toggle(engine)
        clocked.await_right()
        assert "exposed" in clocked.status


def test_clock_at_a_start(engine, jump, host):
    """A machine without a clock of its own begins in 1970, and learns the time later."""
    jump(None)
    engine.run("stays", labels=STAYS)
    host.start_ready()
    host.await_right()
    toggle(engine)
    host.await_right()
    jump(DAY)
    toggle(engine)
    host.await_right()
    assert host.process.alive
