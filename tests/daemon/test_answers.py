# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers that are wrong, late, cut, or never come: the daemon carries on, and says what is wrong.

What it exposes of living containers stays all the time; afterwards the table is right.
"""

import threading
import time

import pytest

from engine import faults
from labhost import wait_until
from stays import STAYS, toggle

# What did not work is asked for again after two seconds.
ASKED_AGAIN = 3.5
CPU_MAX = 0.5  # seconds for all that happens in a test

# Keys without which, or with another type in which, an answer cannot be used.
ROW_KEYS = {"Id": 7, "Names": "web", "Labels": [1], "State": None, "Created": "now",
            "NetworkSettings": "none"}
INSPECT_KEYS = {"Id": 7, "Created": 5, "State": "running", "Config": [], "NetworkSettings": 1}

NO_LIST = "Cannot list Docker's containers: "
NOT_WHOLE = "Docker's list of containers could not be read whole"
# name: what happens to each list, and what is said of it.
LISTS = {
    "500": (faults.status(500), NO_LIST + "answered with status 500: out of order"),
    "404": (faults.status(404), NO_LIST + "answered with status 404"),
    "no JSON": (faults.body(b"<html>Bad Gateway</html>"), NO_LIST + "the answer is no list"),
    "object": (faults.body(b'{"message":"hello"}\n'), NO_LIST + "the answer is no list"),
    "numbers": (faults.body(b"[1,2,3]\n"), NO_LIST + "the answer is no list"),
    "empty": (faults.body(b""), NO_LIST + "the answer is no list"),
    "half an object": (faults.body(b'[{"Id":"'), NO_LIST + "the answer is no list"),
    "cut": (faults.cut(100), NO_LIST + "the connection ended before the answer did"),
    "dropped": (faults.drop(), NO_LIST + "the connection ended before the answer did"),
    "no HTTP": (faults.raw(b"SSH-2.0-OpenSSH_9.2\r\n"), NO_LIST),
    "bad chunks": (faults.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
                   NO_LIST),
    "one object without end": (faults.body(b'[{"Id":"' + b"x" * 20_000_000 + b'"}]\n'), NOT_WHOLE),
    "single bytes": (faults.pieces(1), None),
    "chunks of 7": (faults.pieces(7), None),
    "dribble": (faults.pieces(200, 0.01), None),
    "closed behind": (faults.close(), None),
}
for name, wrong in ROW_KEYS.items():
    LISTS[f"row without {name}"] = (
        faults.edit(lambda rows, name=name: [row.pop(name) for row in rows] and None),
        NOT_WHOLE if name in ("Id", "State", "Created") else None)
    LISTS[f"row with another {name}"] = (
        faults.edit(lambda rows, name=name, wrong=wrong:
                    [row.update({name: wrong}) for row in rows] and None), NOT_WHOLE)

INSPECTS = {
    "500": faults.status(500), "no JSON": faults.body(b"<html>"), "empty": faults.body(b""),
    "list": faults.body(b"[]\n"), "cut": faults.cut(100), "dropped": faults.drop(),
    "no HTTP": faults.raw(b"\0\1\2\3"), "too long": faults.body(b'{"Id":"' + b"x" * 20_000_000),
    "another's": faults.edit(lambda value: value.update(Id="0" * 64)),
}
for name, wrong in INSPECT_KEYS.items():
    if name != "NetworkSettings":  # without it there is no address
        INSPECTS[f"without {name}"] = faults.edit(lambda value, name=name: value.pop(name) and None)
    INSPECTS[f"another {name}"] = faults.edit(
        lambda value, name=name, wrong=wrong: value.update({name: wrong}))


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
    assert len(process.said("", start)) < 20, process.said("", start)
    assert not monitor.lines


@pytest.mark.parametrize("name", LISTS)
def test_list(engine, running, name):
    """The containers are followed by events and inspects alone."""
    change, said = LISTS[name]
    engine.faults.add("list", change)
    toggle(engine)
    running.await_right()
    wait_until(lambda: engine.faults.active[0].hits, 2, "the list was asked for")
    if said:
        running.process.await_line(said, 2)
    with_engine_silent(engine, toggle)
    engine.faults.clear()
    toggle(engine)
    running.await_right(ASKED_AGAIN)


def with_engine_silent(engine, function):
    """None of the events arrive."""
    engine.stream.mangle = faults.Mangler(1, lose=1.0)
    function(engine)
    engine.stream.mangle = None


@pytest.mark.parametrize("name", INSPECTS)
def test_inspect(engine, running, name):
    """What starts is followed when it can be looked at again; what dies goes at once."""
    engine.faults.add("inspect", INSPECTS[name])
    toggle(engine)
    wait_until(lambda: engine.faults.active[0].hits, 2, "the container was asked for")
    assert not running.sends(81)
    engine.faults.clear()
    running.await_right(ASKED_AGAIN)
    engine.faults.add("inspect", INSPECTS[name])
    toggle(engine)
    running.await_right()


def test_inspect_of_a_change_that_the_list_does_not_tell(engine, running):
    """The list repeats what is known already: that the inspect failed is not forgotten."""
    engine.run("sick", labels={"calico.expose": "82", "calico.expose.when": "healthy"},
               health="starting")
    engine.health("sick", "healthy")
    running.await_right()
    engine.faults.add("inspect", faults.status(500))
    engine.faults.add("list", faults.edit(
        lambda rows: [row.update(Status="Up 1 second") for row in rows] and None))
    engine.health("sick", "unhealthy")
    wait_until(lambda: engine.faults.active[0].hits, 2, "the container was asked for")
    engine.faults.active.pop(0)
    running.await_right(ASKED_AGAIN)


@pytest.mark.parametrize("route", ["inspect", "list", "image"])
def test_no_answer(engine, running, route):
    """One request hangs; what is asked for beside it is answered."""
    release = threading.Event()
    engine.faults.add(route, faults.hang(release), times=1)
    engine.run("other", image="labelled", labels={"calico.expose": "83"})
    wait_until(lambda: engine.faults.active[0].hits, 3, f"{route} was asked for")
    toggle(engine)
    running.process.await_line("comes: exposed", 1)
    assert running.sends(81)
    release.set()
    running.await_right(ASKED_AGAIN)


@pytest.mark.parametrize("change", [faults.status(500), faults.body(b"no image"), faults.drop()])
def test_image_for_a_moment(engine, running, change):
    """It is asked for again: the label is the container's own."""
    engine.faults.add("image", change, times=2)
    engine.run("own", image="labelled", labels={"calico.expose": "83"})
    running.await_right(2 * ASKED_AGAIN)
    assert running.sends(83)


@pytest.mark.parametrize("code", [404, 500])
def test_image_for_ever(engine, running, code):
    """Nobody knows whose label it is: it is taken to be the image's, and not obeyed."""
    engine.faults.add("image", faults.status(code))
    engine.run("own", image="labelled", labels={"calico.expose": "83"})
    running.process.await_line("Cannot read image", 3 * ASKED_AGAIN)
    running.process.await_line('own: entry "83" is denied', 1)
    assert not running.sends(83)
    engine.faults.clear()
    engine.end_stream()  # with each connection, all is asked for again
    running.await_right(ASKED_AGAIN)


def test_a_container_changes_while_its_image_is_asked_for(engine, running):
    """An event of a network has no labels of the container's: it is followed all the same."""
    release = threading.Event()
    image = engine.faults.add("image", faults.hang(release), times=1)
    engine.run("own", image="labelled", labels={"calico.expose": "83"})
    wait_until(lambda: image.hits, 3, "its image was asked for")
    engine.faults.add("list", faults.hang())
    asked = len(engine.requests("inspect"))
    engine.disconnect("own", "bridge")
    wait_until(lambda: len(engine.requests("inspect")) > asked, 3, "it was asked for again")
    release.set()
    running.process.await_line("own:", 3)
    running.await_right()
    assert not running.sends(83)


def test_image_at_a_restart(engine, host, monitor):
    """What stands is not withdrawn because an image cannot be read for a moment."""
    engine.run("stays", labels=STAYS)
    host.start_ready()
    host.process.kill()
    engine.faults.add("image", faults.status(500), times=2)
    host.start_ready(deadline=3 * ASKED_AGAIN)
    host.await_right()
    assert engine.faults.active[0].hits == 2
    assert not monitor.lines


def test_a_label_of_8_mib(engine, running):
    """In the event, in the list, in the inspect: only that container suffers."""
    engine.run("huge", labels={"calico.expose": "84," + "x" * (8 << 20)})
    toggle(engine)
    running.await_right(ASKED_AGAIN)
    engine.remove("huge")
    running.await_right()


def test_two_containers_with_one_address(engine, running):
    """Neither is exposed, until it is clear who has it."""
    toggle(engine)
    engine.run("twin", labels={"calico.expose": "85"}, networks=["front"])
    running.await_right()
    engine.set_address("twin", "front", "172.19.0.2")
    engine.run("other", labels={"calico.expose": "86:81"})  # an event: all is listed again
    running.process.await_line("container comes has the same address", 3)
    running.await_right()
    assert not running.sends(85) and not running.sends(81)
    engine.remove("twin")
    running.await_right()
    assert running.sends(81) == "172.19.0.2"


def test_a_first_list_that_is_older_than_the_last_event(engine, host):
    """It comes when one of its containers is dead already; and no other comes after it."""
    come = threading.Event()
    engine.run("dies", labels=STAYS)
    first = engine.faults.add("list", faults.hang(come), times=1)
    host.start()
    wait_until(lambda: first.hits, 3, "the list was asked for")
    wait_until(lambda: engine.requests("image"), 3, "the event of its start is old news")
    asked = len(engine.requests("inspect"))
    engine.kill("dies")
    wait_until(lambda: len(engine.requests("inspect")) > asked, 3, "the dead one was asked for")
    engine.faults.add("list", faults.hang())
    come.set()
    wait_until(lambda: host.said("READY"), 3, "it is ready")
    host.await_right()


def test_a_port_that_docker_published_until_now(engine, host):
    """The end of its container frees it, and its start takes it back, before any list says so."""
    engine.run("docker", published=[("0.0.0.0", 8088, 80, "tcp")])
    host.start_ready()
    wait_until(lambda: len(engine.requests("list")) > 1, 3, "all was listed once more")
    host.await_right()
    engine.faults.add("list", faults.hang())
    engine.kill("docker")
    engine.run("web", labels={"calico.expose": "8088:80"})
    host.process.await_line("web: exposed 8088/tcp", 3)
    engine.remove("web")
    engine.start("docker")
    engine.run("late", labels={"calico.expose": "8088:80"})
    host.process.await_line('late: entry "8088:80" is in conflict: Docker, for container docker', 3)
    assert not host.process.said("web: entry") and not host.process.said("late: exposed")


def test_a_port_of_a_container_that_dies_slowly(engine, host):
    """Docker lists it as running until 200 ports of it are taken away; when it is removed, they are."""
    engine.run("docker", published=[("0.0.0.0", 8088, 80, "tcp")])
    host.start_ready()
    engine.listing.frozen = True
    engine.kill("docker")
    engine.run("other", labels=STAYS)
    lists = len(engine.requests("list"))
    wait_until(lambda: len(engine.requests("list")) > lists + 1, 3, "all was listed, and that was read")
    engine.faults.add("list", faults.hang())
    engine.remove("docker")
    engine.run("web", labels={"calico.expose": "8088:80"})
    host.process.await_line("web: exposed 8088/tcp", 3)
    assert not host.process.said("web: entry")


def test_a_list_that_is_older_than_the_last_event(engine, running):
    """It says that the dead one lives and that the new one does not: an inspect decides."""
    toggle(engine)
    running.await_right()
    engine.listing.frozen = True
    toggle(engine)
    engine.run("new", labels={"calico.expose": "85"})
    running.await_right()
    lists = len(engine.requests("list"))
    wait_until(lambda: len(engine.requests("list")) > lists, 3, "the list was asked for")
    running.await_right()
    engine.listing.frozen = False
