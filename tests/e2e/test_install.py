# SPDX-License-Identifier: GPL-2.0-or-later
"""systemd/install: what it puts on a host, again over a running service, and away again."""

import labhost
from machine import HOST, UNIT


def snapshot(machine):
    """All files outside of what runs and is built, and all users."""
    files = machine.run("find /etc /usr /opt /srv /var/lib -xdev -path /var/lib/docker -prune -o"
                        " -path /var/lib/containerd -prune -o -type f -print | sort")
    return set(files.splitlines()), machine.run("cut -d: -f1 /etc/passwd /etc/group")


def test_again_over_the_running_service(machine):
    """An update interrupts no connection."""
    machine.start("web", expose="80")
    machine.outside.await_answer("web", "tcp", HOST[4], 80)
    handle = machine.table_handle()
    with machine.outside.hold("tcp", HOST[4], 80) as connection:
        assert connection.ask().name == "web"
        labhost.install(machine.host)
        assert connection.ask().name == "web"
    assert machine.table_handle() == handle


def test_the_service_is_set_up_to_stay(machine):
    assert machine.systemctl("is-enabled", UNIT) == "enabled"
    assert machine.property("ActiveState") == "active"
    assert machine.property("User") not in ("", "root")


def test_removal_leaves_nothing(machine):
    machine.start("web", expose="80")
    machine.outside.await_answer("web", "tcp", HOST[4], 80)
    installed_files, installed_users = snapshot(machine)
    machine.run(["/src/systemd/install", "--remove"])
    machine.outside.await_silence("tcp", HOST[4], 80)
    files, users = snapshot(machine)
    assert not [name for name in files if "calico-exposed" in name]
    assert any("calico-exposed" in name for name in installed_files)
    assert "calico-exposed" in installed_users and "calico-exposed" not in users
    assert machine.table() is None
    assert not machine.host.succeeds(["systemctl", "cat", UNIT])


def test_a_second_removal_says_why_not(machine):
    message = machine.run(["/src/systemd/install", "--remove"], check=False)
    assert "not installed" in message
