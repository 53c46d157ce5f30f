# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/examples, as they are written there."""

import pathlib

import pytest
from claims import Stream, await_claim
from machine import HOST

EXAMPLES = "/src/docs/examples"
DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
TEXT = (DOCS / "examples/README.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def images(machine):
    """Images of the names that the examples have, and that answer with their version."""
    for image, name in (("web:1", "one"), ("web:2", "two"), ("nginx", "nginx")):
        machine.run(f"printf 'FROM answer\nENTRYPOINT [\"/bin/answer\", \"{name}\", \"80\"]\n' |"
                    f" DOCKER_BUILDKIT=0 docker build --quiet --tag {image} -")


def run_example(machine, command):
    assert f"\n    {command}\n" in TEXT
    return machine.run(f"cd {EXAMPLES} && {command}")


def test_a_rolling_update(machine):
    run_example(machine, "cd rolling-update && docker-compose up --detach")
    machine.outside.await_answer("one", "tcp", HOST[4], 8080, deadline=15)
    with Stream(machine, 8080) as stream:
        stream.await_more("one")
        run_example(machine, "rolling-update/update 2")
        stream.await_more("two")
    lines = stream.lines()
    assert not [line for line in lines if line.startswith("refused")]
    # Of those that were accepted, none but what the old ones had in hand.
    assert len([line for line in lines if line.startswith("ended")]) <= 4
    assert set(lines[-20:]) == {"two"}
    images = machine.docker("ps", "--format", "{{.Image}}").split()
    assert images == ["web:2", "web:2"]


def test_a_label_file(machine):
    run_example(machine, "docker run --detach --name web --label-file web.labels nginx")
    await_claim(machine.container("web"), "exposed", host_port=8081)
    assert machine.outside.ask("tcp", HOST[4], 8081).name == "nginx"
    assert machine.itself.ask("tcp", HOST[4], 8081) is None, "only by eth0"
