# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine goes, hangs, comes back, or writes nonsense into its event stream.

What is exposed of living containers stays all the time; afterwards the table is right.
"""

import time

import pytest

from engine import Engine, VERSIONS, faults
from labhost import wait_until
from stays import STAYS, toggle
from test_answers import with_engine_silent

# A retry after so many seconds is soon: the third or fourth attempt.
SOON = 3.0
CPU_MAX = 0.5
GARBAGE = {
    "no JSON": b"hello\n", "half an object": b'{"Type":"container","Action":"start"\n',
    "a list": b"[]\n", "numbers": b'{"Type":1,"Action":2,"Actor":3}\n',
    "no ID": b'{"Type":"container","Action":"start","Actor":{}}\n',
    "no actor": b'{"Type":"network","Action":"connect"}\n',
    "another type": b'{"Type":"container","Action":"start","Actor":[]}\n',
    "NUL": b'{"Type":"container\0"}\n', "no UTF-8": b'\xff\xfe\xfd\n',
    "deep": b"[" * 100_000 + b"\n",
}
# They are well-formed and say nothing of any container.
HARMLESS = {
    "empty lines": b"\n\n\n", "unknown": b'{"Type":"plugin","Action":"enable","Actor":{"ID":"x"}}\n',
    "new action": b'{"Type":"container","Action":"teleport","Actor":{"ID":"' + b"a" * 64 + b'"}}\n',
}


@pytest.fixture
def running(engine, host, monitor):
    """All is well; at the end it was the same process, and it neither span nor chattered."""
    engine.run("stays", labels=STAYS)
    process = host.start_ready()
    host.await_right()
    start, cpu = time.monotonic(), process.cpu()
    yield host
    assert process.alive and host.process is process
    assert process.cpu() - cpu < CPU_MAX
    chatter = [line for line in process.said("", start) if "comes: " not in line.text]
    assert len(chatter) < 20, chatter  # what comes and goes is to be said
    assert not monitor.lines


def await_subscription(engine, count, deadline=SOON):
    wait_until(lambda: len(engine.requests("events")) > count, deadline, "it subscribes again")


def test_events_in_single_bytes(engine, running):
    engine.faults.add("events", faults.pieces(1))
    engine.faults.add("list", faults.pieces(3))
    engine.faults.add("inspect", faults.pieces(5))
    engine.end_stream()
    running.process.await_line("Connected to Docker", since=time.monotonic())
    for _ in range(4):
        toggle(engine)
        running.await_right()


@pytest.mark.parametrize("rest", [b"", b'{"Type":"container","Act', b"x" * 100])
def test_stream_cut(engine, running, rest):
    """Without the last chunk, in mid-line or not; what happens meanwhile is made good."""
    since, count = time.monotonic(), len(engine.requests("events"))
    engine.cut_stream(rest)
    with_engine_silent(engine, toggle)
    running.process.await_line("Docker is away: the event stream ended", since=since)
    await_subscription(engine, count)
    running.await_right()
    assert "away" not in running.status


def test_stream_ended(engine, running):
    since = time.monotonic()
    engine.end_stream()
    running.process.await_line("Docker is away: the event stream ended", since=since)
    running.process.await_line("Connected to Docker", since=since)
    toggle(engine)
    running.await_right()


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_in_the_stream(engine, running, name):
    """All is listed anew, and the stream goes on."""
    count = len(engine.requests("events"))
    with_engine_silent(engine, toggle)
    engine.send_raw(GARBAGE[name])
    running.process.await_line("Events of Docker were lost (an event cannot be read)", 1)
    running.await_right()
    for _ in range(500):
        engine.send_raw(GARBAGE[name][:1000])
    toggle(engine)
    running.await_right()
    assert len(engine.requests("events")) == count
    assert len(running.process.said("Events of Docker were lost")) == 1
    assert len(engine.requests("list")) < 8


@pytest.mark.parametrize("name", HARMLESS)
def test_other_words_in_the_stream(engine, running, name):
    lists = len(engine.requests("list"))
    engine.send_raw(HARMLESS[name] * 100)
    toggle(engine)
    running.await_right()
    assert len(engine.requests("list")) <= lists + 3
    assert not running.process.said("lost")


def test_endless_line(engine, running):
    """It is skipped up to its end, if that comes, and the stream goes on."""
    count = len(engine.requests("events"))
    for _ in range(40):
        engine.send_raw(b"x" * 262_144)
    running.process.await_line("Events of Docker were lost (an event is too long)", 3)
    with_engine_silent(engine, toggle)
    engine.send_raw(b'"}\n')
    toggle(engine)
    running.await_right()
    assert len(engine.requests("events")) == count
    assert len(running.process.said("too long")) == 1


def test_bad_framing(engine, running):
    since = time.monotonic()
    engine.send_raw(b"this is no chunk\r\n", framed=False)
    running.process.await_line("Docker is away", since=since)
    running.process.await_line("Connected to Docker", since=since)
    toggle(engine)
    running.await_right()


def test_killed_and_started(engine, running):
    """Its socket's file stays, and nobody listens; containers change meanwhile."""
    engine.crash()
    running.process.await_line("Docker is away")
    running.await_status("Docker is away since")
    wait_until(lambda: running.process.said("Connection refused"), SOON, "it says what is wrong")
    toggle(engine)
    engine.listen()
    running.await_right(SOON)
    running.await_status("exposed")


def test_stopped_and_started(engine, running):
    """Its socket goes, and is found again at once, however long that took."""
    engine.shut_down()
    running.process.await_line("Docker is away")
    toggle(engine)
    start = time.monotonic()
    wait_until(lambda: time.monotonic() > start + 4, 5, "the backoff has grown")
    engine.listen()
    running.await_right(1.0)


@pytest.mark.parametrize("version", ["docker-26"])
def test_another_engine_comes_back(space, engine, running, version):
    """An upgrade of the engine: the containers are the same."""
    for name in VERSIONS:
        engine.shut_down()
        newer = Engine(space.path("/run/docker.sock"), name)
        newer.state.networks, newer.state.images = engine.state.networks, engine.state.images
        for container in engine.state.containers.values():
            newer.state.containers[container.name] = newer.state.by_id[container.id] = container
            newer.source.changed(container, False)
        running.engine = engine = newer.listen()
        running.process.await_line(f"(API {min(newer.api.version.api, '1.51')})", SOON,
                                   since=time.monotonic() - SOON)
        toggle(engine)
        running.await_right(SOON)
    engine.shut_down()


def test_frozen(engine, running):
    """As by SIGSTOP: connections are accepted and nothing is answered; then all goes on."""
    engine.freeze()
    toggle(engine)
    start = time.monotonic()
    wait_until(lambda: time.monotonic() > start + 3, 4, "nothing is answered for some time")
    engine.thaw()
    running.await_right()


def test_an_engine_that_does_not_read_on(engine, running):
    """Events that are not told for a while come late, and all at once."""
    for _ in range(100):
        toggle(engine)
    running.await_right()


REFUSALS = {
    "filters": (faults.status(400, "invalid filter 'event'"), "filters"),
    "version": (faults.status(400, "client version 1.45 is too new"), "/v1."),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_subscription_refused(engine, running, name):
    """It is asked for in another way."""
    change, word = REFUSALS[name]
    engine.faults.add("events", lambda answer: answer)  # counts
    since = time.monotonic()

    def refuse(request, answer):
        refused = word in request.path or word in request.query
        return change(answer) if request.route == "events" and refused else answer
    engine.faults.apply = refuse
    engine.end_stream()
    running.process.await_line("Connected to Docker", since=since)
    toggle(engine)
    running.await_right()


PINGS = {
    "500": (faults.status(500), "answered with status 500: out of order"),
    "no version": (faults.headers(Api_Version=None), "it names no API version"),
    "no number": (faults.headers(Api_Version="new"), "it names no API version"),
    "too old": (faults.headers(Api_Version="1.12"), "the engine's API version is not supported"),
    "another age": (faults.headers(Api_Version="2.0"), "the engine's API version is not supported"),
    "no engine": (faults.raw(b"220 ready\r\n"), "Docker is away: "),
    "dropped": (faults.drop(), "the connection ended before the answer did"),
    "redirect": (faults.status(302), "answered with status 302"),
}


@pytest.mark.parametrize("name", PINGS)
def test_ping(engine, running, name):
    change, said = PINGS[name]
    engine.faults.add("ping", change)
    engine.end_stream()
    running.process.await_line(said, SOON)
    toggle(engine)
    engine.faults.clear()
    running.await_right(SOON)


def test_attempts_are_spread(engine, running):
    """Doubled each time, each by some other part of it; and said once."""
    engine.faults.add("ping", faults.drop())
    engine.end_stream()
    first = len(engine.server.accepted)
    wait_until(lambda: len(engine.server.accepted) >= first + 7, 15, "seven attempts")
    times = engine.server.accepted[first:first + 7]
    ratios = [(later - earlier) / (0.1 * 2 ** (number + 1))
              for number, (earlier, later) in enumerate(zip(times, times[1:]))]
    assert all(0.75 < ratio < 1.4 for ratio in ratios), ratios
    assert max(ratios) - min(ratios) > 0.02, "without jitter"
    assert len(running.process.said("Docker is away")) <= 2
    engine.faults.clear()


def test_the_cap_of_the_attempts_is_not_passed(engine, running):
    """An engine that accepts and closes each connection, and its socket's file changes all the time."""
    engine.faults.add("ping", faults.drop())
    engine.end_stream()
    first, start = len(engine.server.accepted), time.monotonic()
    while time.monotonic() < start + 3:
        engine.server.close()
        engine.listen()
    assert len(engine.server.accepted) - first < 40, "at most one in 100 ms"
    engine.faults.clear()
    running.await_right(SOON)
