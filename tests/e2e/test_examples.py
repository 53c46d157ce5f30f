# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/examples, and all commands of the documentation, as they are written there."""

import pathlib
import re

import pytest
from claims import Stream, await_claim
from documented import SOURCE, documented_commands
from machine import HOST, UNIT

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


# Each command of the documentation: run here as written (NAME is "web"), or by another test. The text shows there.
HERE = {
    "calico-exposed list": "conflict\t80/tcp\tlate",
    "calico-exposed explain NAME": "Container web (",
    "calico-exposed explain @CALICO_EXPOSED_CONTAINER_NAME@": "Container web (",
    "calico-exposed check": "",
    "calico-exposed list --json": '"container_name":\t"web"',
    "calico-exposed explain NAME --json": '"remedy":\tnull',
    "calico-exposed check --json": '"result":\t"match"',
    "calico-exposed list | awk -F'\\t' '$1 == \"conflict\" { print $2, $7 }'":
        "80/tcp container web holds that host port\n",
    "journalctl -u calico-exposed": "web: exposed 80/tcp",
    "journalctl -x -u calico-exposed": "Subject: A container's port is exposed",
    "journalctl -x -u calico-exposed -p warning": "Subject: A host port is taken",
    "journalctl -x": "Subject: A host port is taken",
    "journalctl CALICO_EXPOSED_CONTAINER_NAME=web": "web: exposed 80/tcp",
    "systemctl status calico-exposed": "1 port of 1 container exposed, 1 conflict",
    "systemctl status docker": "docker.service",
    "systemctl cat calico-exposed": "CapabilityBoundingSet=",
    "systemctl start calico-exposed": "",
    "systemctl reload calico-exposed": "",
    "nft list ruleset": "table inet calico-exposed",
    "nft list table inet calico-exposed": "dnat4",
    "nft list chain ip filter DOCKER-USER": "0x00000080",
    "conntrack -L": "",
    "df /run": "/run",
    "ulimit -n": "",
    "ln -s /run/calico-exposed/metrics.prom"
    " /var/lib/prometheus/node-exporter/calico-exposed.prom": "",
    "docker run -d --label calico.expose=80 nginx": "",
}
ELSEWHERE = {
    "cd rolling-update && docker-compose up --detach": "tests/e2e/test_examples.py",
    "rolling-update/update 2": "tests/e2e/test_examples.py",
    "docker run --detach --name web --label-file web.labels nginx": "tests/e2e/test_examples.py",
    "nft flush ruleset": "tests/e2e/test_neighbours.py",
    "apt install ./build/release/calico-exposed_*.deb": "tests/e2e/test_package.py",
    "apt purge calico-exposed": "tests/e2e/test_package.py",
    "cmake --workflow --preset package": "tests/lab/labhost/package.py",
    "systemd/install": "tests/lab/labhost/project.py",
    "systemd/install --remove": "tests/e2e/test_install.py",
    "tests/try": "tests/e2e/CMakeLists.txt",
    "tests/try --keep": "tests/try",
    "tests/run": "tests/run",
    "man calico-exposed": "tests/unit/operator/check-man",
    "man calico-exposed.conf": "tests/unit/operator/check-man",
}
# Named, and no more than that; `edit` opens an editor, and no host of the tests has Podman.
NAMES = {"docker run", "docker run -p", "docker compose", "docker image inspect",
         "systemctl stop", "systemctl restart", "systemctl status",
         "systemctl edit calico-exposed", "calico-exposed does not run",
         "systemctl edit podman.socket", "systemctl restart podman.socket"}


def test_each_command_is_run_by_a_test():
    commands = documented_commands()
    assert set(commands) == set(HERE) | set(ELSEWHERE) | (NAMES & set(commands))
    for command, file in ELSEWHERE.items():
        text = (SOURCE / file).read_text(encoding="utf-8")
        words = command.split()
        assert all(word in text for word in words if word != "calico-exposed.conf"), command


def test_the_documented_commands(machine):
    machine.run("mkdir -p /var/lib/prometheus/node-exporter")
    machine.start("web", expose="80")
    await_claim(machine.container("web"), "exposed", host_port=80)
    await_claim(machine.start("late", expose="80"), "conflict", host_port=80)
    for command, shown in HERE.items():
        written = re.sub(r"\bNAME\b|@CALICO_EXPOSED_CONTAINER_NAME@", "web", command)
        assert shown in machine.run(["bash", "-c", written]), command
    assert "calico_exposed_claims" in machine.run(
        "cat /var/lib/prometheus/node-exporter/calico-exposed.prom")
    assert machine.property("ActiveState", UNIT) == "active"
