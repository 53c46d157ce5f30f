# SPDX-License-Identifier: GPL-2.0-or-later
"""Allocations that fail: the daemon carries on, or ends with a word and comes back.

Whatever fails, a container that lives keeps its port all the time: seen by nft's own monitor.
"""

import contextlib
import time

import pytest

from labhost import LabError, wait_until
from shim import Shim
from stays import STAYS, sweep, toggle

# One of so many: a prime, so that no loop of allocations is always met at the same place.
STRIDE = 37
# Longer than what is tried again after a while.
RETRIED = 6


@pytest.fixture
def shim(host, tmp_path):
    return Shim(host, tmp_path, "memory")


def start_once(host, shim, what):
    """Start it with what is set to fail: it gets ready, or ends well. True if it got ready.

    A long shortage outlives its patient retries: then it is ready when there is memory again.
    """
    since = time.monotonic()
    process = host.start()

    def decided():
        return host.said("READY", since) or not process.alive
    try:
        wait_until(decided, 3, "")
    except LabError:
        shim.fail_first = 0
        wait_until(decided, 20, f"{what}: ready or ended")
    if process.alive:
        return True
    status = process.wait()
    assert status > 0, f"{what}: exit status {status}, {process.lines[-3:]}"
    assert status not in (64, 78), f"{what}: systemd would not start it again"
    assert process.lines, f"{what}: it ended without a word"
    return False


def survive_start(host, shim, first, count, only_program):
    """While it was away, a container came or went; the start fails, or what comes after it."""
    what = f"allocations from {first} on"
    shim.reset()
    shim.only_program, shim.fail_count, shim.fail_first = only_program, count, first
    if start_once(host, shim, what):
        with contextlib.suppress(AssertionError):
            host.await_right(deadline=4)
    shim.fail_first = 0
    if not host.process.alive:
        host.start_ready()
    try:
        host.await_right(deadline=8)
    except AssertionError as error:
        raise AssertionError(f"{what}: {error}") from None
    host.process.kill()


def count_of_a_start(host, shim, only_program):
    shim.reset()
    shim.only_program = only_program
    host.start_ready()
    host.await_right()
    host.process.kill()
    return shim.allocations


@pytest.mark.parametrize("only_program, count, stride", [
    (1, 1, 1), (1, 3, 3), (1, 400, 3), (0, 1, STRIDE), (0, 3, STRIDE * 5), (0, 400, STRIDE * 5)])
def test_start(engine, host, shim, monitor, only_program, count, stride):
    engine.run("stays", labels=STAYS)
    total = count_of_a_start(host, shim, only_program)
    assert total > 100

    def survive(number):
        toggle(engine)
        survive_start(host, shim, number, count, only_program)
    sweep(host, monitor, range(1, total + 1, stride), survive)


def outlive(host, shim, count):
    """One failure is made good by itself; of more, each retry may meet one: then there is memory again."""
    try:
        wait_until(lambda: not host.differences() or not host.process.alive, RETRIED, "it is right")
    except LabError:
        if count == 1:
            raise
    shim.fail_first = 0


@pytest.mark.parametrize("only_program, count, stride", [(1, 1, 1), (0, 1, 13), (0, 40, 101)])
def test_change(engine, host, shim, monitor, only_program, count, stride):
    """A container comes or goes while the daemon runs, and the n-th allocation from then on fails."""
    engine.run("stays", labels=STAYS)
    host.start_ready()
    host.await_right()
    shim.only_program, shim.fail_count = only_program, count
    before = shim.allocations
    toggle(engine)
    host.await_right()
    total = shim.allocations - before
    assert total > 20

    def survive(number):
        connections = len(engine.requests("events"))
        if not host.process.alive:
            host.start_ready()
        shim.fail_first = shim.allocations + number
        toggle(engine)
        try:
            outlive(host, shim, count)
            if not host.process.alive:
                assert host.process.wait() == 1, "it ended by itself"
                assert host.process.lines, "and with a word"
                host.start_ready()
            host.await_right(deadline=RETRIED)
        except (AssertionError, LabError) as error:
            raise AssertionError(f"{number}: {error} {host.differences()}") from None
        finally:
            shim.fail_first = 0  # else it would hit the next start
        if len(engine.requests("events")) > connections:
            host.process.kill()  # it reconnected: next time it would wait for longer before that
    sweep(host, monitor, range(1, 2 * total + 1, stride), survive)
