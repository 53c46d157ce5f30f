# SPDX-License-Identifier: GPL-2.0-or-later
"""The units: what the sandbox is worth, the watchdog, starts and their order."""

import re
import time

import pytest
from claims import Stream
from machine import HOST, UNIT, wait_until

EXPOSURE_MAX = 1.5
STUCK = "/run/calico-exposed/stuck"
# Loaded into the daemon: the next word to the kernel's tables never ends, once.
STICKER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/socket.h>
#include <unistd.h>
ssize_t sendto(int fd, const void *data, size_t size, int flags,
               const struct sockaddr *to, socklen_t length) {
        ssize_t (*real)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
        if (to && to->sa_family == AF_NETLINK && unlink("%s") == 0)
                for (;;)
                        pause();
        *(void **) &real = dlsym(RTLD_NEXT, "sendto");
        return real(fd, data, size, flags, to, length);
}
""" % STUCK
DROP_IN = f"/run/systemd/system/{UNIT}.service.d/test.conf"


@pytest.fixture(autouse=True)
def web(machine):
    """The service works while it is looked at."""
    web = machine.start("web", expose="80,8080:80")
    machine.outside.await_answer("web", "tcp", HOST[4], 80)
    return web


@pytest.mark.parametrize("unit", [UNIT, f"{UNIT}-withdraw"])
def test_security(machine, unit):
    assert machine.property("ActiveState", unit) == "active"
    report = machine.run(["systemd-analyze", "security", "--no-pager", f"{unit}.service"])
    exposure = re.search(r"Overall exposure level for .*: ([\d.]+) ", report)
    assert float(exposure[1]) <= EXPOSURE_MAX, report


@pytest.fixture
def short_watchdog(machine):
    """An abort that a stopped process does not even hear is not waited for."""
    machine.run(["sh", "-ec", "printf '%s' \"$0\" | gcc -shared -fPIC -o /usr/lib/sticker.so -x c -",
                 STICKER])
    machine.run(f"mkdir -p $(dirname {DROP_IN}) &&"
                f" printf '[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\n"
                f"Environment=LD_PRELOAD=/usr/lib/sticker.so\n' >{DROP_IN} &&"
                f" systemctl daemon-reload && systemctl restart {UNIT}")
    yield
    machine.run(f"rm {DROP_IN}; systemctl daemon-reload; systemctl restart {UNIT}")


def test_the_watchdog_ends_a_daemon_that_stands_still(machine, short_watchdog):
    handle, process = machine.table_handle(), machine.property("MainPID")
    with Stream(machine, 8080) as stream:
        stream.await_more("web")
        machine.systemctl("kill", "--kill-whom", "main", "--signal", "STOP", UNIT)
        machine.await_restarted(process, deadline=30)
        stream.await_more("web")
    assert "watchdog" in machine.run(f"journalctl -u {UNIT} --output cat").lower()
    assert set(stream.lines()) == {"web"}
    assert machine.table_handle() == handle


def test_the_watchdog_ends_a_pass_that_does_not_end(machine, short_watchdog):
    handle, process = machine.table_handle(), machine.property("MainPID")
    machine.run(f"touch {STUCK} && chown {UNIT} {STUCK}")
    machine.start("next", expose="8081:80")
    wait_until(lambda: not machine.host.succeeds(f"test -e {STUCK}"), 10, "it is stuck")
    machine.await_restarted(process, deadline=30)
    machine.outside.await_answer("next", "tcp", HOST[4], 8081, deadline=5)
    assert machine.outside.ask("tcp", HOST[4], 80).name == "web"
    assert machine.table_handle() == handle


def test_the_watchdog_leaves_a_daemon_alone_that_works(machine, short_watchdog):
    """Longer than its limit, with and without Docker."""
    restarts = machine.property("NRestarts")
    since = time.monotonic()
    machine.run("kill -STOP $(pidof dockerd)")
    try:
        wait_until(lambda: time.monotonic() > since + 5, 10, "some time has passed")
    finally:
        machine.run("kill -CONT $(pidof dockerd)")
    assert machine.property("NRestarts") == restarts
    assert machine.property("Result") == "success"


def test_no_number_of_deaths_is_too_many(machine):
    for _ in range(8):
        process = machine.property("MainPID")
        machine.run(["kill", "-9", process])
        machine.await_restarted(process, deadline=30)
    assert machine.outside.ask("tcp", HOST[4], 80).name == "web"


def test_docker_goes_first_but_need_not_come(machine):
    assert "docker.service" in machine.property("After").split()
    for dependency in ("Requires", "Requisite", "BindsTo", "PartOf", "Wants"):
        assert "docker.service" not in machine.property(dependency).split()
