# SPDX-License-Identifier: GPL-2.0-or-later
"""The metrics that node exporter reads: what they say, and what a full /run does to them."""

import pathlib
import re
import subprocess

import labhost
import pytest
from claims import count_messages, reload_config
from machine import HOST, UNIT, wait_until

METRICS = "/run/calico-exposed/metrics.prom"
DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
ALERTS, DOCUMENTATION = DOCS / "examples/alerts.yml", DOCS / "metrics.md"

# Not more than once in five seconds, and some for a busy machine.
WRITTEN = 15


def read(machine):
    """Every sample, by its name with labels."""
    lines = machine.run(f"cat {METRICS}", check=False).splitlines()
    return {name: float(value) for name, value in
            (line.rsplit(" ", 1) for line in lines if line.startswith("calico_exposed_"))}


def await_values(machine, **wanted):
    """Wait until these say so; a label is written claims__state__exposed."""
    def names():
        for name, value in wanted.items():
            metric, *label = name.split("__")
            yield f"calico_exposed_{metric}" + ('{%s="%s"}' % tuple(label) if label else ""), value

    def said():
        values = read(machine)
        return all(values.get(name) == value for name, value in names()) and values
    return wait_until(said, WRITTEN, f"{METRICS} says {wanted}")


def promtool(*arguments, text=None):
    result = subprocess.run([labhost.ensure_promtool(), *arguments], text=True, input=text,
                            check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout
    return result.stdout


def test_what_they_say(machine):
    machine.start("web", expose="80,8080-8084:8080-8084,22")
    machine.docker("pause", "web")  # nothing else here does that
    machine.docker("unpause", "web")
    machine.outside.await_answer("web", "tcp", HOST[4], 80)
    values = await_values(machine, claims__state__exposed=2, claims__state__denied=1,
                          exposed_ports=6, exposed_containers=1, docker_up=1)
    assert values['calico_exposed_docker_events_total{type="pause"}'] == 2
    assert values['calico_exposed_event_to_kernel_seconds_count'] >= 1
    assert values['calico_exposed_event_to_kernel_seconds_sum'] < 5
    assert values['calico_exposed_docker_requests_total{request="inspect"}'] >= 1
    assert values['calico_exposed_table_batches_total'] >= 1
    assert values['calico_exposed_table_elements_total{operation="added"}'] >= 4
    with machine.outside.hold("tcp", HOST[4], 80) as connection:
        assert connection.ask().name == "web"
        reload_config(machine, "[Expose]\nPorts=9000-9999")  # Docker would end connections itself
        await_values(machine, claims__state__exposed=0, exposed_ports=0)
    wait_until(lambda: read(machine)['calico_exposed_conntrack_deletions_total'] > 0, WRITTEN,
               "the connection was ended")
    values = read(machine)
    assert values['calico_exposed_table_elements_total{operation="removed"}'] >= 4
    reload_config(machine)


def test_promtool_likes_them(machine):
    text = machine.run(f"cat {METRICS}")
    assert promtool("check", "metrics", text=text) == ""


def test_the_documentation_names_each(machine):
    described = set(re.findall(r"# TYPE calico_exposed_(\w+)", machine.run(f"cat {METRICS}")))
    text = DOCUMENTATION.read_text(encoding="utf-8")
    rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`(\w+)", " ".join(rows))) == described


def test_the_alert_rules(machine):
    """They are valid, and name only metrics that there are."""
    assert "5 rules found" in promtool("check", "rules", str(ALERTS))
    named = set(re.findall(r"calico_exposed_\w+", ALERTS.read_text(encoding="utf-8")))
    there = {re.match(r"\w+", name)[0] for name in read(machine)}
    assert named <= there


def test_docker_is_away(machine):
    before = read(machine)["calico_exposed_docker_connections_total"]
    machine.systemctl("stop", "docker.socket", "docker.service")
    await_values(machine, docker_up=0)
    machine.systemctl("start", "docker.socket", "docker.service")
    await_values(machine, docker_up=1, docker_connections_total=before + 1)


@pytest.fixture
def full_run(machine):
    machine.run("mount -o remount,size=$(df --output=used -k /run | tail -1 | tr -d ' ')k /run")
    assert not machine.host.succeeds("echo more >/run/more")
    yield
    machine.run("rm -f /run/more; mount -o remount,size=1g /run")


def test_a_full_run_does_no_harm(machine, request):
    machine.start("web", expose="80")
    machine.outside.await_answer("web", "tcp", HOST[4], 80)
    await_values(machine, exposed_ports=1)
    request.getfixturevalue("full_run")
    for _ in range(2):
        before = count_messages(machine, "withdrawn")
        machine.docker("network", "disconnect", "bridge", "web")
        wait_until(lambda: count_messages(machine, "withdrawn") > before, 5, "it is followed")
        machine.docker("network", "connect", "bridge", "web")
        machine.outside.await_answer("web", "tcp", HOST[4], 80, deadline=5)
        wait_until(lambda: count_messages(machine, f"Cannot write {METRICS}"), WRITTEN, "a word")
    assert count_messages(machine, f"Cannot write {METRICS}") == 1
    assert not machine.host.succeeds(f"test -e {METRICS}.new")
    assert machine.property("NRestarts") == "0"


def test_they_go_on_when_there_is_room_again(machine):
    machine.start("next", expose="8080:80")
    wait_until(lambda: count_messages(machine, f"written to {METRICS} again"), WRITTEN, "a word")
    await_values(machine, exposed_ports=1, exposed_containers=1)


def test_stop_removes_them(machine):
    machine.systemctl("stop", UNIT)
    assert not machine.host.succeeds(f"test -e {METRICS}")
    machine.systemctl("start", UNIT)
    await_values(machine, exposed_ports=0)
