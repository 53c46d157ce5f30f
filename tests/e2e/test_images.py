# SPDX-License-Identifier: GPL-2.0-or-later
"""Labels that came with the image: they count only where the configuration says so."""

import pytest
from claims import assert_closed, assert_open, await_claim, labels, reload_config
from machine import HOST, UNIT

HONOR = "[Expose]\nImageLabels=honor"
TCP = [("tcp", 4), ("tcp", 6)]
DENIED = "the label came with the image"


def make_image(machine, name, **changes):
    """An image with labels: {"calico.expose": "80"}."""
    machine.docker("create", "--name", "mould", "answer", "mould", "80")
    options = [option for key, value in changes.items()
               for option in ("--change", f"LABEL calico.{key}={value}")]
    machine.docker("commit", *options, "mould", name)
    machine.docker("rm", "mould")


@pytest.fixture
def labelled(machine):
    make_image(machine, "labelled", expose="8080:80")
    yield "labelled"
    reload_config(machine)


def run_image(machine, image, name, *options):
    machine.docker("run", "--detach", "--name", name, *options, image, name, "80")
    return machine.container(name)


def test_ignored_by_default(machine, labelled):
    web = run_image(machine, labelled, "web")
    await_claim(web, "denied", DENIED)
    machine.await_status("0 ports of 0 containers exposed, 1 refused")
    assert_closed(machine.outside, 8080, TCP)


def test_honoured_after_a_reload(machine, labelled):
    web = run_image(machine, labelled, "web")
    machine.start("other", expose="8081:80")
    await_claim(web, "denied", DENIED)
    with machine.outside.hold("tcp", HOST[4], 8081) as connection:
        assert connection.ask().name == "other"
        reload_config(machine, HONOR)
        assert_open(machine.outside, "web", 8080, TCP)
        await_claim(web, "exposed")
        reload_config(machine)
        await_claim(web, "withdrawn", DENIED)
        assert_closed(machine.outside, 8080, TCP)
        assert connection.ask().name == "other"


def test_honoured_from_the_start(machine, labelled):
    reload_config(machine, HONOR)
    machine.systemctl("restart", UNIT)
    await_claim(run_image(machine, labelled, "web"), "exposed", deadline=5)
    assert_open(machine.outside, "web", 8080, TCP)


def test_a_label_of_the_container_counts(machine, labelled):
    web = run_image(machine, labelled, "web", "--label", "calico.expose=8081:80")
    await_claim(web, "exposed")
    assert_open(machine.outside, "web", 8081, TCP)
    assert_closed(machine.outside, 8080, TCP)


def test_the_same_label_again_is_the_images(machine, labelled):
    """Docker does not tell who said it."""
    web = run_image(machine, labelled, "web", "--label", "calico.expose=8080:80")
    await_claim(web, "denied", DENIED)


def test_the_other_labels_of_an_image(machine, labelled):
    """Its limits do not count either: not even those that make no sense."""
    make_image(machine, "limited", **{"expose.from": "198.51.100.0/24", "expose.when": "never"})
    web = run_image(machine, "limited", "web", "--label", "calico.expose=8080:80")
    await_claim(web, "exposed")
    assert_open(machine.outside, "web", 8080, TCP)
    reload_config(machine, HONOR)
    await_claim(web, "withdrawn", "running or healthy")
    assert_closed(machine.outside, 8080, TCP)


def test_an_image_without_labels(machine, labelled):
    await_claim(machine.start("web", expose="8080:80", options=labels(profile="own")), "exposed")


@pytest.mark.parametrize("restart", [False, True], ids=["known", "after a restart"])
def test_the_image_is_removed(machine, labelled, restart):
    """Its containers' labels stay what they were."""
    web = run_image(machine, labelled, "web")
    own = run_image(machine, "answer", "own", "--label", "calico.expose=8081:80")
    await_claim(web, "denied", DENIED)
    machine.docker("rmi", "--force", labelled)
    if restart:
        machine.systemctl("restart", UNIT)
    else:
        machine.docker("restart", "web")
    machine.await_status("1 port of 1 container exposed, 1 refused", deadline=5)
    await_claim(web, "denied", DENIED)
    assert_closed(machine.outside, 8080, TCP)
    assert_open(machine.outside, own.name, 8081, TCP)
