# SPDX-License-Identifier: GPL-2.0-or-later
"""The service itself: start without Docker, restart, bad labels, what it says."""

import pytest
from claims import count_messages
from conftest import booted_machine
from machine import HOST, UNIT, wait_until


@pytest.fixture(scope="module")
def machine():
    """Docker is installed and stopped; a stop of it later leaves the containers alive."""
    with booted_machine(docker=False, docker_json={"live-restore": True}) as machine:
        yield machine


def stop_docker(machine):
    # The socket unit would start it again for the first who connects.
    machine.systemctl("stop", "docker.socket", "docker.service", "containerd.service")


def test_waits_for_docker(machine):
    """Runs first: no Docker has ever run on this machine."""
    machine.await_status("Docker is away", deadline=10)
    assert machine.property("ActiveState") in ("active", "activating")
    machine.systemctl("start", "docker")
    machine.host.import_image()
    machine.await_status("0 ports of 0 containers exposed", deadline=30)
    machine.start("web", expose="80")
    machine.outside.await_answer("web", "tcp", HOST[4], 80)
    machine.await_status("1 port of 1 container exposed")


def test_a_malformed_entry_is_refused_alone(machine):
    machine.start("web", expose="80,99999,8081:80:90:1,53/udp,7/icmp")
    machine.outside.await_answer("web", "tcp", HOST[4], 80)
    machine.outside.await_answer("web", "udp", HOST[4], 53)
    for entry in ("99999", "8081:80:90:1", "7/icmp"):
        refused = [e for e in machine.journal(container_name="web", state="invalid")
                   if entry in e["MESSAGE"]]
        assert refused, f"the journal does not tell of {entry}"
        assert "web" in refused[0]["MESSAGE"]
        assert refused[0]["CALICO_EXPOSED_REASON"] in refused[0]["MESSAGE"]
        assert refused[0]["MESSAGE_ID"]


ODD_LABELS = {
    "empty": "", "comma": ",", "colons": ":::", "no port": "80:", "negative": "-1",
    "backwards": "80-79", "zero": "0", "no protocol": "80/", "not ASCII": "é",
    "escape": "80\n\x1b[31mred", "long number": "9" * 4000, "many": "80" + ",80" * 2000,
}


@pytest.mark.parametrize("label", ODD_LABELS.values(), ids=ODD_LABELS)
def test_no_label_stops_the_daemon(machine, label):
    machine.start("odd", expose=label)
    machine.start("web", expose="8080:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    assert machine.property("NRestarts") == "0"


def test_the_journal_tells_of_each_exposure(machine):
    web = machine.start("journal", expose="8080:80")
    machine.outside.await_answer("journal", "tcp", HOST[4], 8080)
    machine.docker("stop", "journal")
    wait_until(lambda: len(machine.journal(container_name="journal")) >= 2, 5, "two entries")
    exposed, withdrawn = machine.journal(container_name="journal")[:2]
    assert exposed["CALICO_EXPOSED_STATE"] == "exposed"
    assert exposed["CALICO_EXPOSED_CONTAINER_ID"] == web.inspect()["Id"]
    assert exposed["CALICO_EXPOSED_PROTOCOL"] == "tcp"
    assert exposed["CALICO_EXPOSED_HOST_PORT"] == "8080"
    assert exposed["CALICO_EXPOSED_CONTAINER_PORT"] == "80"
    assert exposed["CALICO_EXPOSED_CONTAINER_ADDRESS"]
    assert exposed["MESSAGE_ID"] != withdrawn["MESSAGE_ID"]


@pytest.mark.parametrize("verb", [["systemctl", "restart", UNIT],
                                  ["systemctl", "kill", "--signal", "KILL", UNIT]])
def test_a_restart_interrupts_nothing(machine, verb):
    machine.start("web", expose="80,53/udp")
    machine.outside.await_answer("web", "tcp", HOST[4], 80)
    handle, process = machine.table_handle(), machine.property("MainPID")
    with machine.outside.hold("tcp", HOST[4], 80) as connection:
        assert connection.ask().name == "web"
        machine.run(verb)
        assert machine.outside.ask("tcp", HOST[4], 80), "a new connection during the restart"
        machine.await_restarted(process)
        assert connection.ask().name == "web"
    assert machine.table_handle() == handle
    machine.start("next", expose="8080:80")
    machine.outside.await_answer("next", "tcp", HOST[4], 8080)


def test_what_was_missed_during_a_restart_is_made_good(machine):
    machine.start("gone", expose="80")
    machine.outside.await_answer("gone", "tcp", HOST[4], 80)
    machine.systemctl("kill", "--signal", "STOP", UNIT)
    machine.docker("kill", "gone")
    machine.start("web", expose="8080:80")
    machine.systemctl("kill", "--signal", "KILL", UNIT)
    machine.outside.await_answer("web", "tcp", HOST[4], 8080, deadline=5)
    machine.outside.await_silence("tcp", HOST[4], 80)


def test_without_docker_everything_stays(machine):
    machine.start("web", expose="80")
    machine.outside.await_answer("web", "tcp", HOST[4], 80)
    stop_docker(machine)
    machine.await_status("Docker is away", deadline=5)
    assert machine.outside.ask("tcp", HOST[4], 80).name == "web"
    machine.systemctl("start", "docker")
    machine.await_status("1 port of 1 container exposed", deadline=30)
    assert machine.outside.ask("tcp", HOST[4], 80).name == "web"


NOTHING = (None, "0", False)


def leftovers(machine):
    """The table, route_localnet, and whether our rule is in DOCKER-USER."""
    return (machine.table(), machine.run("cat /proc/sys/net/ipv4/conf/docker0/route_localnet").strip(),
            "0x80" in machine.run("iptables-save; ip6tables-save"))


def test_stop_takes_everything_away(machine):
    machine.start("web", expose="80")
    machine.outside.await_answer("web", "tcp", HOST[4], 80)
    with machine.outside.hold("tcp", HOST[4], 80) as connection:
        assert connection.ask().name == "web"
        machine.systemctl("stop", UNIT)
        assert connection.ask() is None, "what was open before is closed as well"
    machine.outside.await_silence("tcp", HOST[4], 80)
    assert leftovers(machine) == NOTHING
    machine.systemctl("start", UNIT)
    machine.outside.await_answer("web", "tcp", HOST[4], 80)


@pytest.mark.parametrize("pause", [0, 0.02, 0.05, 0.1, 0.15, 0.2])
def test_stop_after_a_kill_leaves_nothing(machine, pause):
    """Wherever systemd is on the way back to a running daemon."""
    machine.start("web", expose="80")
    machine.outside.await_answer("web", "tcp", HOST[4], 80)
    machine.run(f"kill -9 $(systemctl show -P MainPID {UNIT}); sleep {pause}; systemctl stop {UNIT}")
    wait_until(lambda: leftovers(machine) == NOTHING, 5, "nothing is left")
    machine.systemctl("start", UNIT)
    machine.outside.await_answer("web", "tcp", HOST[4], 80)


def test_withdraw_by_hand_leaves_a_running_daemon_alone(machine):
    machine.start("web", expose="80")
    machine.outside.await_answer("web", "tcp", HOST[4], 80)
    assert "is running" in machine.run(["calico-exposed", "withdraw"], check=False)
    assert machine.outside.ask("tcp", HOST[4], 80).name == "web"


@pytest.fixture
def no_capability(machine):
    directory = f"/etc/systemd/system/{UNIT}.service.d"
    machine.run(f"mkdir {directory}; printf '[Service]\nAmbientCapabilities=\nCapabilityBoundingSet=\n'"
                f" > {directory}/test.conf; systemctl daemon-reload")
    yield
    # What a daemon without its capability cannot undo.
    machine.run("echo 0 > /proc/sys/net/ipv4/conf/docker0/route_localnet")
    machine.run(f"rm -r {directory}; systemctl daemon-reload; systemctl restart {UNIT}")


def test_a_daemon_that_cannot_start_leaves_nothing_for_ever(machine, no_capability):
    """What is exposed stays for half a minute, and the journal is not flooded."""
    machine.start("web", expose="80")
    machine.outside.await_answer("web", "tcp", HOST[4], 80)
    machine.systemctl("restart", UNIT, check=False)
    machine.await_status("starts in a row failed", deadline=10)
    assert machine.outside.ask("tcp", HOST[4], 80).name == "web"
    machine.outside.await_silence("tcp", HOST[4], 80, deadline=60)
    assert machine.table() is None
    assert count_messages(machine, "CAP_NET_ADMIN is needed") < 25


@pytest.fixture
def bad_configuration(machine):
    path = "/etc/calico-exposed/calico-exposed.conf"
    machine.run(f"cp {path} {path}.good; echo '[Expose]\nPorts=http' >> {path}")
    yield
    machine.run(f"mv {path}.good {path}; systemctl reset-failed {UNIT}; systemctl restart {UNIT}")


def test_a_start_that_is_refused_leaves_no_switch_without_its_guard(machine, bad_configuration):
    machine.start("web", expose="80")
    machine.outside.await_answer("web", "tcp", HOST[4], 80)
    machine.systemctl("restart", UNIT, check=False)
    wait_until(lambda: machine.property("ExecMainStatus") == "78", 10, "the start is refused")
    wait_until(lambda: leftovers(machine) == NOTHING, 5, "nothing is left")
    assert any(":" in e["MESSAGE"] and "Ports: expected" in e["MESSAGE"] for e in machine.journal())
