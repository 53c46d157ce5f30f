# SPDX-License-Identifier: GPL-2.0-or-later
"""Damage to Docker: what lives stays exposed, what is dead goes as soon as Docker can be asked.

dockerd 26.1 takes five seconds to stop while anybody listens to its events, and says nothing
meanwhile (moby#51448); 20.10 ends at once.
"""

import pytest
from claims import reload_config
from conftest import booted_machine
from damage import (ROADS, await_all_answers, docker_up_at, exposed_by, start_exposures,
                    started_at)
from machine import HOST, PROBE, PROMPT, UNIT, wait_until
from observe import Load, Talker, Watch, await_change, is_by_another

CUTTER = [*PROBE[:-1], "/src/tests/e2e/cutter.py", "/run/cutter.sock", "/run/docker.sock"]
VICTIM = 8100
# The stream has been silent for 30 s; two probes of 10 s fail, one second apart.
PROBED = 60
HOSTS = {
    "live": ({"docker_json": {"live-restore": True}}, []),
    "plain": ({}, ["--restart", "always"]),
}


@pytest.fixture(scope="module")
def machine(request):
    host, options = HOSTS[request.param]
    with booted_machine(**host) as machine:
        start_exposures(machine, options)
        yield machine


with_live_restore = pytest.mark.parametrize("machine", ["live"], indirect=True)
without_live_restore = pytest.mark.parametrize("machine", ["plain"], indirect=True)


@pytest.fixture(autouse=True)
def clean_up():
    """The containers are the whole module's, but for the victim, which ends with its test."""


@pytest.fixture
def victim(machine):
    """A container that dies while Docker cannot say so."""
    victim = machine.start("victim", expose=f"{VICTIM}:80")
    machine.outside.await_answer("victim", "tcp", HOST[4], VICTIM)
    yield victim
    machine.docker("rm", "--force", "victim")


def dockerd(machine):
    return machine.property("MainPID", "docker.service")


def await_next_dockerd(machine, old):
    wait_until(lambda: dockerd(machine) not in ("0", old), 10, "dockerd is back")
    machine.await_property("ActiveState", "active", deadline=10, unit="docker.service")


def stop_and_start(machine, victim):
    pid = victim.inspect()["State"]["Pid"]
    machine.systemctl("stop", "docker.socket", "docker.service")
    machine.await_status("Docker is away", deadline=5)
    machine.run(["kill", "-9", pid])
    machine.systemctl("reset-failed", "docker.service")
    machine.systemctl("start", "docker")


def kill(machine, victim):
    pid, old = victim.inspect()["State"]["Pid"], dockerd(machine)
    machine.run(f"kill -9 {old}; kill -9 {pid}")
    machine.await_status("Docker is away", deadline=5)
    # systemd starts it again by itself after some seconds.
    await_next_dockerd(machine, old)


def delete_socket(machine, victim):
    pid = victim.inspect()["State"]["Pid"]
    machine.run(f"rm /run/docker.sock; kill -9 {pid}")
    machine.systemctl("reset-failed", "docker.service", "docker.socket")
    machine.systemctl("restart", "docker.socket", "docker.service")


@with_live_restore
@pytest.mark.parametrize("damage", [stop_and_start, kill, delete_socket])
def test_what_lives_stays_and_what_is_dead_goes(machine, victim, damage):
    handle = machine.table_handle()
    with Watch(machine) as watch, Load(machine.outside, ROADS) as load:
        with load.during(damage.__name__):
            damage(machine, victim)
            assert await_change(watch, "delelement", VICTIM) <= docker_up_at(machine) + PROMPT
        load.assert_nothing_lost()
        machine.await_status("6 ports of 3 containers exposed", deadline=5)
    assert machine.table_handle() == handle


@with_live_restore
def test_a_peer_that_hangs_is_noticed(machine, victim):
    """By a probe on a fresh connection: the stream itself is as silent as when nothing happens."""
    pid = victim.inspect()["State"]["Pid"]
    with Watch(machine) as watch, Load(machine.outside, ROADS) as load:
        with load.during("SIGSTOP of dockerd"):
            machine.run(["kill", "-STOP", dockerd(machine)])
            machine.run(["kill", "-9", pid])
            machine.await_status("Docker is away", deadline=PROBED)
            assert "the engine does not answer" in machine.run(f"journalctl -u {UNIT} -n 5")
        watch.assert_untouched()
        with load.during("SIGCONT of dockerd") as moment:
            machine.run(["kill", "-CONT", dockerd(machine)])
            assert await_change(watch, "delelement", VICTIM) <= moment.began + 2 * PROMPT
        load.assert_nothing_lost()


@without_live_restore
def test_a_killed_docker_ends_nothing_of_ours(machine):
    """The containers live until the next dockerd restarts them; until then nothing is lost."""
    old = dockerd(machine)
    with Load(machine.outside, ROADS) as load:
        with load.during("kill -9 of dockerd"):
            machine.run(["kill", "-9", old])
            machine.await_status("Docker is away", deadline=5)
            await_next_dockerd(machine, old)
            await_all_answers(machine)
        back = int(machine.property("ExecMainStartTimestampMonotonic", "docker.service")) / 1e6
        load.assert_lost_only(back, exposed_by(machine), lambda failure: not is_by_another(failure))


class Cutter:
    """Stands between the daemon and Docker, see cutter.py."""

    def __init__(self, machine):
        self.told = []
        self.talker = Talker(machine.host.enter(CUTTER), self.told.append)
        self.await_event("listening")

    def times(self, event):
        return [line["time"] for line in self.told if line["event"] == event]

    def await_event(self, event, count=1, deadline=5):
        """Wait until that was told so many times, and return when it was."""
        return wait_until(lambda: len(self.times(event)) >= count and self.times(event), deadline,
                          f"{count} of {event}")

    def do(self, command):
        count = len(self.times("done")) + 1
        self.talker.ask(command)
        self.await_event("done", count)


@pytest.fixture
def cutter(machine):
    cutter = Cutter(machine)
    reload_config(machine, "[Docker]\nSocket=/run/cutter.sock")
    cutter.await_event("connection", 2)
    machine.await_status("exposed", deadline=5)
    yield cutter
    reload_config(machine)
    machine.await_status("exposed", deadline=5)
    cutter.talker.close()


@with_live_restore
def test_an_event_is_cut_in_its_middle(machine, victim, cutter):
    with Watch(machine) as watch, Load(machine.outside, ROADS) as load:
        for command, event in (("kill", "delelement"), ("start", "newelement")):
            with load.during(f"docker {command}, and half of its event"):
                cutter.do("cut")
                machine.docker(command, "victim")
                cut = cutter.await_event("cut")[-1]
                since = max(cut, started_at(machine, "victim"))
                assert await_change(watch, event, VICTIM) <= since + PROMPT
        assert len(cutter.times("cut")) == 2
        load.assert_nothing_lost()


@with_live_restore
def test_it_tries_again_ever_later(machine, cutter):
    """Doubled each time, and spread by a fifth; tests/unit/docker sees the cap of 30 s."""
    with Watch(machine) as watch, Load(machine.outside, ROADS) as load:
        with load.during("all connections are closed"):
            before = len(cutter.times("connection"))
            cutter.do("refuse")
            attempts = cutter.await_event("connection", before + 5)[before:]
            machine.await_status("Docker is away")
            cutter.do("pass")
            machine.await_status("6 ports of 3 containers exposed", deadline=10)
        load.assert_nothing_lost()
        watch.assert_untouched()
    gaps = [later - earlier for earlier, later in zip(attempts, attempts[1:])]
    nominal = [0.2 * 2 ** i for i in range(len(gaps))]
    assert gaps == pytest.approx(nominal, rel=0.2, abs=0.1)
    assert gaps != pytest.approx(nominal, rel=0.005), "no two daemons are to come back as one"
