# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian package, from a host that never saw it to one that has forgotten it.

The tests are chapters of one story, on one host, and run in this order.
"""

import pathlib
import subprocess

import labhost
import pytest
from claims import CONFIG, Stream
from conftest import SUITE, booted_host
from machine import HOST, UNIT, wait_until

APT = "apt-get --quiet --yes --no-install-recommends"
UNITS = [f"{UNIT}.service", f"{UNIT}-withdraw.service"]
OLD = "0.0.9"
README = (pathlib.Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def packages():
    """Two builds, one after the other: what a host has, and what it is upgraded to."""
    return {"old": labhost.build_package(SUITE, "old", OLD),
            "new": labhost.build_package(SUITE, "new")}


@pytest.fixture(scope="module")
def machine(packages):
    """A host without calico-exposed, its libraries, and (for now) Docker."""
    with booted_host(labhost.package_binds(SUITE), docker=False, clean=True) as machine:
        machine.run("echo 'deb [trusted=yes] file:/packages ./' >/etc/apt/sources.list"
                    f" && {APT} update && {APT} purge docker.io && groupdel docker")
        yield machine


@pytest.fixture(autouse=True)
def clean_up():
    """A container lives as long as the story needs it."""


def install(machine, package):
    """As README has it; nobody is there to say yes."""
    line = "apt install ./build/release/calico-exposed_*.deb"
    assert f"\n    {line} " in README
    machine.run(f"mkdir -p tree/build && ln -sfn /build/{package.parent.name} tree/build/release")
    return machine.run("cd tree && " + line.replace("apt", APT, 1))


def find_ours(machine):
    return machine.run("find / /run -xdev -name '*calico-exposed*' -not -path '/var/log/*'").split()


def test_a_package_without_faults(packages):
    for package in packages.values():
        assert package.name.startswith(f"{UNIT}_") and package.suffix == ".deb"
    subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning",
                    packages["new"]], check=True)


def test_pages_and_completions_are_where_debian_looks(packages):
    listing = subprocess.run(["dpkg-deb", "--contents", packages["new"]], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    for path in ("man/man8/calico-exposed.8.gz", "man/man5/calico-exposed.conf.5.gz",
                 "bash-completion/completions/calico-exposed",
                 "zsh/vendor-completions/_calico-exposed"):
        assert f" ./usr/share/{path}\n" in listing


def test_the_same_source_makes_the_same_package(packages):
    again = labhost.build_package(SUITE, "again")
    assert again.read_bytes() == packages["new"].read_bytes()


def test_install_before_docker(machine, packages):
    """It brings what it needs, and is there when Docker comes."""
    assert not find_ours(machine)
    assert "libcjson1" in install(machine, packages["old"])
    assert machine.run("calico-exposed --version").split()[-1] == OLD
    assert machine.systemctl("is-enabled", UNIT) == "enabled"
    assert machine.systemctl("is-active", *UNITS).split() == ["active"] * 2
    machine.await_status("Docker is away", deadline=10)
    assert machine.property("User") not in ("", "root")
    assert "calico-exposed" in machine.run("journalctl --list-catalog")


def test_docker_comes_with_a_group_of_its_own(machine):
    """As if the one that was made for us were another's: the daemon has to hear of the new one."""
    number = machine.run("getent group docker").split(":")[2]
    machine.run(f"groupdel docker && groupadd --gid {number} unrelated")
    machine.run(f"{APT} install docker.io")
    machine.host.import_image()
    machine.await_status("0 ports of 0 containers exposed", deadline=30)
    assert "calico-exposed" in machine.run("getent group docker")
    machine.start("web", expose="80,8080:80", options=["--restart", "always"])
    machine.outside.await_answer("web", "tcp", HOST[4], 80)


def test_upgrade_while_traffic_flows(machine, packages):
    machine.run(f"echo '# changed' >>{CONFIG}")
    handle, process = machine.table_handle(), machine.property("MainPID")
    with Stream(machine, 8080) as stream, machine.outside.hold("tcp", HOST[4], 80) as connection:
        stream.await_more("web")
        assert connection.ask().name == "web"
        install(machine, packages["new"])
        assert machine.property("MainPID") != process
        assert connection.ask().name == "web"
        stream.await_more("web")
    assert set(stream.lines()) == {"web"}
    assert machine.table_handle() == handle
    assert machine.run("calico-exposed --version").split()[-1] != OLD
    assert "# changed" in machine.run(f"cat {CONFIG}")
    assert "deleted" not in machine.run(f"readlink /proc/{machine.property('MainPID')}/exe")
    machine.start("next", expose="8081:80")
    machine.outside.await_answer("next", "tcp", HOST[4], 8081)
    machine.docker("rm", "--force", "next")


def test_systemd_install_keeps_off(machine):
    message = machine.run(["/src/systemd/install"], check=False)
    assert "installed by its package" in message


def test_works_from_boot(machine):
    machine.host.reboot()
    machine.outside.await_answer("web", "tcp", HOST[4], 80, deadline=30)
    machine.await_status("2 ports of 1 container exposed", deadline=10)
    assert machine.systemctl("is-active", *UNITS).split() == ["active"] * 2


def leftovers(machine):
    """What stands in the kernel."""
    return (machine.table(), "0x80" in machine.run("iptables-save; ip6tables-save"),
            machine.run("cat /proc/sys/net/ipv4/conf/docker0/route_localnet").strip())


def test_remove_withdraws_and_keeps_the_configuration(machine, packages):
    assert leftovers(machine) != (None, False, "0")
    machine.run(f"{APT} remove calico-exposed")
    machine.outside.await_silence("tcp", HOST[4], 80)
    assert leftovers(machine) == (None, False, "0")
    assert not machine.host.succeeds(["systemctl", "cat", *UNITS])
    assert "# changed" in machine.run(f"cat {CONFIG}")
    install(machine, packages["new"])
    machine.outside.await_answer("web", "tcp", HOST[4], 80, deadline=10)
    assert machine.systemctl("is-enabled", UNIT) == "enabled"


def test_purge_leaves_nothing(machine):
    assert find_ours(machine)
    assert "\n    apt purge calico-exposed " in README
    machine.run(f"{APT} purge calico-exposed")
    machine.outside.await_silence("tcp", HOST[4], 80)
    assert leftovers(machine) == (None, False, "0")
    assert not find_ours(machine)
    assert "calico-exposed" not in machine.run("cat /etc/passwd /etc/group")
    wait_until(lambda: "calico-exposed" not in machine.run("journalctl --list-catalog"), 10,
               "the catalog has forgotten it")
    assert not machine.run("systemctl list-units --all --no-legend 'calico-exposed*'").strip()
