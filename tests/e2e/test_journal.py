# SPDX-License-Identifier: GPL-2.0-or-later
"""What the journal tells a person: explanations, warnings that mean something, no floods."""

from claims import await_claim, count_messages, labels
from machine import HOST, UNIT, wait_until

# The unit's own entries and systemd's about it.
JOURNAL = f"journalctl --no-pager --output cat --unit {UNIT}"


def warnings(machine):
    return machine.run(f"{JOURNAL} --priority warning").splitlines()


def test_nothing_needs_anybody(machine):
    """Runs first: containers come and go, the service and Docker are restarted."""
    machine.start("web", expose="80")
    machine.outside.await_answer("web", "tcp", HOST[4], 80)
    machine.systemctl("restart", UNIT)
    machine.systemctl("restart", "docker")
    wait_until(lambda: count_messages(machine, "Connected to Docker") >= 3, 30, "Docker is back")
    machine.start("next", expose="8080:80", options=["--health-cmd", "true"])
    machine.outside.await_answer("next", "tcp", HOST[4], 8080, deadline=10)
    machine.docker("rm", "--force", "next")
    machine.outside.await_silence("tcp", HOST[4], 8080)
    assert warnings(machine) == []


def test_each_entry_is_explained(machine):
    web = machine.start("web", expose="80,22,99999", options=labels(froom="192.0.2.1"))
    await_claim(machine.start("other", expose="80"), "conflict")
    await_claim(machine.start("ill", expose="8081:80", options=labels(when="healthy")), "waiting")
    await_claim(web, "exposed", host_port=80)
    machine.docker("stop", "web")
    wait_until(lambda: count_messages(machine, "web: withdrawn"), 5, "it is withdrawn")
    explained = machine.run(f"journalctl --catalog --no-pager --unit {UNIT}")
    for subject in ("A container's port is exposed", "A container's port is not exposed any more",
                    "A container's port cannot be exposed yet", "A host port is taken",
                    "An entry of a label was refused", "A label is not known"):
        assert f"Subject: {subject}" in explained
    assert "@CALICO_EXPOSED" not in explained


def test_what_was_refused_is_a_warning(machine):
    web = machine.start("refused", expose="8082:80,23-22")
    await_claim(web, "exposed", host_port=8082)
    said = [line for line in warnings(machine) if line.startswith("refused: entry")]
    assert len(said) == 1 and "23-22" in said[0]


def test_what_waits_for_ever_is_a_warning(machine):
    """Somebody has to make it anew; one that may get an address yet is none."""
    machine.start("in-vain", expose="8084:81", network="host", ports=["8099"])
    machine.start("lonely", expose="8085:80", network="none")
    await_claim(machine.container("in-vain"), "waiting")
    await_claim(machine.container("lonely"), "waiting")
    said = [line for line in warnings(machine) if line.startswith(("in-vain: ", "lonely: "))]
    assert len(said) == 1 and said[0].startswith('in-vain: entry "8084:81" waits: ')


def test_a_container_in_a_loop_does_not_flood_the_journal(machine):
    machine.start("loop", expose="8083:80,no-port")
    for _ in range(8):
        machine.docker("restart", "--time", "0", "loop")
    wait_until(lambda: count_messages(machine, "loop: exposed") >= 8, 10, "it was followed")
    assert count_messages(machine, 'loop: entry "no-port" is invalid') == 5
    machine.systemctl("stop", UNIT)
    said = [line for line in warnings(machine) if "loop: entry" in line]
    machine.systemctl("start", UNIT)
    assert sum("repeated" in line for line in said) == 1
