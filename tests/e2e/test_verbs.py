# SPDX-License-Identifier: GPL-2.0-or-later
"""list, explain and check: what cannot be asked, and mistakes on the command line."""

import os
import re

import pytest
from claims import await_claim, listening, reload_config
from machine import HOST, UNIT, wait_until
from verbs import check, explain, row_of, rows, say

NO_SYSTEMD = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}


@pytest.fixture(scope="module")
def machine(lasting_machine):
    return lasting_machine


# What cannot be asked

def test_without_the_daemon(machine):
    machine.start("web", expose="8080:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    machine.systemctl("stop", UNIT)
    try:
        said = say(machine, "list")
        assert said.code == 0 and "does not run (calico-exposed.service is inactive)" in said.error
        row = row_of(machine, "web", "8080/tcp")
        assert (row["STATE"], row["REASON"]) == ("waiting", "calico-exposed does not run")
        assert say(machine, "list", "--json").json()["daemon"]["running"] is False
        said = say(machine, "explain", "web")
        assert said.out.endswith("start calico-exposed: systemctl start calico-exposed.\n")
        check(machine, 1, "missing: the table inet calico-exposed, with 2 exposures")
        said = say(machine, "list", environment=NO_SYSTEMD)
        assert "calico-exposed does not run: nothing follows" in said.error
        machine.docker("kill", "web")
        check(machine, 0)
    finally:
        machine.systemctl("start", UNIT)


def test_without_systemd(machine):
    machine.start("web", expose="8080:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    said = say(machine, "list", environment=NO_SYSTEMD)
    assert said.code == 0 and said.error == ""
    assert said.out == say(machine, "list").out
    check(machine, 0, environment=NO_SYSTEMD)


def test_without_docker(machine):
    web = machine.start("web", expose="8080:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    machine.systemctl("stop", "docker.socket", "docker.service")
    try:
        said = say(machine, "list")
        assert said.code == os.EX_UNAVAILABLE and "Docker is away" in said.error
        assert [row["HOST"] for row in rows(machine)] == ["8080/tcp"] * 2
        assert all(row["STATE"] == "exposed" and "Docker could not be asked" in row["REASON"]
                   for row in rows(machine))
        assert "Cannot tell: Docker is away" in check(machine, 2).error
        said = say(machine, "explain", "web", "--json")
        assert said.code == os.EX_UNAVAILABLE and said.json()["container"] is None
        assert say(machine, "check", "--json").json()["result"] == "unknown"
    finally:
        machine.systemctl("start", "docker")
    wait_until(lambda: row_of(machine, "web", "8080/tcp")["STATE"] == "exposed", 30, "it is back")
    assert web.inspect()["State"]["Running"]


def test_without_permission(machine):
    machine.start("web", expose="8080:80,8081:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 8080)
    for verb in (["list"], ["explain", "web"]):
        said = say(machine, *verb, user="nobody")
        assert said.code == os.EX_NOPERM
        assert "no permission for Docker's socket /run/docker.sock" in said.error
        assert "CAP_NET_ADMIN is needed" in said.error
    said = check(machine, 2, user="nobody")
    assert "Cannot tell: no permission for Docker's socket" in said.error
    group = machine.run("getent group docker").split(":")[2]
    with listening(machine, "0.0.0.0", 8082):
        other = machine.start("other", expose="8082:80")
        await_claim(other, "conflict", "8082")
        said = say(machine, "list", user="nobody", groups=[group])
        assert said.code == os.EX_NOPERM and "CAP_NET_ADMIN is needed" in said.error
        assert "Docker" not in said.error and len(said.lines()) == 4
        said = say(machine, "explain", "other", user="daemon", groups=[group])
        assert "Run this as root to learn which process it is." in said.out
        assert "could not be seen" in said.out


def test_a_bad_configuration(machine):
    path = "/etc/calico-exposed/calico-exposed.conf"
    machine.run(f"cp {path} {path}.good; printf '[Expose]\nPorts=http\n' > {path}")
    try:
        said = say(machine, "list")
        assert said.code == os.EX_CONFIG
        assert said.error.startswith(f"calico-exposed: {path}:2: Ports: expected ports")
        assert said.error.count("\n") == 1
        assert f"{path}:2: Ports: expected" in check(machine, 2).error
    finally:
        machine.run(f"mv {path}.good {path}")


def test_the_configuration_counts(machine):
    machine.start("web", expose="8080:80")
    reload_config(machine, "[Expose]\nPorts=1-1023\nInterfaces=eth0")
    try:
        assert "Ports=" in row_of(machine, "web", "8080/tcp")["REASON"]
        assert "add this one to Ports= in" in explain(machine, "web")
        assert "for Interfaces= in the configuration says so: eth0." in explain(machine, "web")
        wait_until(lambda: say(machine, "check").code == 0, 10, "the kernel agrees")
    finally:
        reload_config(machine)


# The command line

@pytest.mark.parametrize("words, error", [
    (["lsit"], 'unknown argument "lsit", expected run, list, explain, check, withdraw, --help or'
               ' --version: did you mean "list"?'),
    (["--hlep"], 'unknown argument "--hlep", expected run, list, explain, check, withdraw, --help'
                 ' or --version: did you mean "--help"?'),
    (["list", "--jsn"], 'list: unknown argument "--jsn", expected --help or --json: did you mean'
                        ' "--json"?'),
    (["check", "web"], 'check: unexpected argument "web", expected no more than --help or --json'),
    (["explain"], "explain: expected CONTAINER: calico-exposed explain CONTAINER"),
    (["explain", "a", "b"], 'explain: unexpected argument "b", expected one CONTAINER'),
])
def test_a_mistake_is_one_line(machine, words, error):
    said = say(machine, *words)
    assert (said.code, said.out, said.error) == (os.EX_USAGE, "", f"calico-exposed: {error}\n")


def test_help(machine):
    for words in (["--help"], ["list", "--help"]):
        said = say(machine, *words)
        assert said.code == 0
        assert all(verb in said.out for verb in ("run", "list", "explain", "check", "withdraw"))
        assert "after-end" not in said.out
    assert re.fullmatch(r"calico-exposed \d+\.\d+\.\d+\n", say(machine, "--version").out)
