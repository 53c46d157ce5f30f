# SPDX-License-Identifier: GPL-2.0-or-later
"""Booting a disposable host, and running commands in it and outside of it."""

import itertools
import json
import os
import pathlib
import shlex
import subprocess

from . import image, record
from .base import ensure_base
from .command import LabError, run, wait_until

BOOT = pathlib.Path(__file__).parent.parent / "boot"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

HOST4, HOST6 = "203.0.113.1", "2001:db8:1::1"
OUTSIDE4, OUTSIDE6 = "203.0.113.2", "2001:db8:1::2"


class Host:
    """A booted host, and the outside that it is joined to."""

    def __init__(self, name):
        self.name = name
        self.fields = record.read(name)
        self.suite = self.fields["suite"]

    def enter(self, argv, outside=False):
        """The command that runs `argv` in the host, with its own or the outside's network.

        Nothing of the caller's environment goes along: a DOCKER_HOST in it
        would send the client elsewhere.
        """
        target = ["--target", str(self.fields["init"][0]),
                  "--mount", "--pid", "--uts", "--ipc", "--cgroup"]
        network = f"--net=/run/netns/{self.fields['namespaces'][1]}" if outside else "--net"
        environment = ["env", "-i", f"PATH={PATH}", "HOME=/root", "LC_ALL=C.UTF-8"]
        if "TERM" in os.environ:
            environment.append(f"TERM={os.environ['TERM']}")
        return ["nsenter", *target, network, "--wd", *environment, *argv]

    def run(self, command, check=True, outside=False, stdin=None, timeout=120):
        """Run a command (a list, or a line for the shell) and return what it printed."""
        argv = ["sh", "-c", command] if isinstance(command, str) else [str(a) for a in command]
        try:
            result = subprocess.run(self.enter(argv, outside), text=True, timeout=timeout,
                                    stdin=stdin or subprocess.DEVNULL, check=False,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        except subprocess.TimeoutExpired:
            raise LabError(f"{shlex.join(argv)}: no end within {timeout} s") from None
        if check and result.returncode != 0:
            raise LabError(f"{shlex.join(argv)}: exit status {result.returncode}\n{result.stdout}")
        return result.stdout

    def succeeds(self, command, **options):
        try:
            self.run(command, **options)
        except LabError:
            return False
        return True

    def import_image(self):
        """Give the host's Docker the image `answer`."""
        with open(image.ensure_image(ensure_base(self.suite)), "rb") as tar:
            self.run(image.import_command(), stdin=tar)

    def reboot(self):
        """Shut the host down and boot it again, with what is on its disk."""
        before = self.fields["init"]
        self.run(["systemctl", "reboot"], check=False)
        wait_until(lambda: not record.alive(before), 60, f"{self.name} is down")
        self.fields["init"] = await_init(self.fields["launcher"], record.directory(self.name))
        record.write(self.name, self.fields)
        await_boot(self)

    def remove(self):
        record.remove_host(self.name)


def docker_configuration(suite, changes):
    """What daemon.json holds: IPv6 on the default bridge, and what a test changes.

    Before Docker 27 its own IPv6 rules are an experiment. They are on where
    they come with DOCKER-USER (23 and later), and off on 20.10, as shipped.
    """
    configuration = {"ipv6": True, "fixed-cidr-v6": "fd00:d0c::/64"}
    if suite != "bookworm":
        configuration |= {"experimental": True, "ip6tables": True}
    return configuration | (changes or {})


def boot_host(suite, name=None, *, owner=None, docker=True, docker_json=None,
              forward="drop", clean=False, binds=()):
    """Boot a host and return it, ready.

    owner: the process that the host is for; when that is gone, so will the
        host be. None keeps it until it is removed.
    docker: start Docker at boot; otherwise it is installed and stopped.
    docker_json: changes to docker_configuration().
    forward: the policy of the forward chains: dockerd sets "drop" when it is
        the one to turn forwarding on, and leaves "accept" when it was on.
    clean: no compiler and no libraries of the daemon: what a package is installed on.
    binds: "source:target:ro" or ":rw".
    """
    record.collect_garbage()
    base = ensure_base(suite, clean)
    name = name or unused_name(suite)
    fields = {
        "suite": suite,
        "base": str(base),
        "namespaces": [f"{name}-host", f"{name}-outside"],
        "cgroup": str(cgroup_root() / f"calico-exposed-lab-{name}"),
        "owner": record.identity(os.getpid()),  # while it is not complete
    }
    directory = record.create(name, fields)
    try:
        make_network(*fields["namespaces"], forward)
        write_seed(directory / "seed", name, docker, docker_configuration(suite, docker_json))
        fields["launcher"] = start(base, directory, fields, binds)
        fields["init"] = await_init(fields["launcher"], directory)
        record.write(name, fields)
        host = Host(name)
        await_boot(host)
        if docker:
            host.import_image()
        fields["owner"] = record.identity(owner) if owner else None
        record.write(name, fields)
    except BaseException:
        record.remove_host(name)
        raise
    return host


def unused_name(suite):
    taken = record.list_names()
    names = (f"lab-{suite}-{os.getpid()}-{i}" for i in itertools.count(1))
    return next(name for name in names if name not in taken)


def cgroup_root():
    """A mount of cgroup version 2; one of our own where the machine has only version 1."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        for line in mounts:
            before, _, after = line.partition(" - ")
            if after.startswith("cgroup2 ") and before.split()[3] == "/":
                return pathlib.Path(before.split()[4])
    path = record.STATE / ".cgroup2"
    path.mkdir(parents=True, exist_ok=True)
    run(["mount", "-t", "cgroup2", "cgroup2", path])
    return path


def make_network(host, outside, forward):
    """Two network namespaces and the wire between; nothing leads to this machine's own."""
    for namespace in (host, outside):
        run(["ip", "netns", "add", namespace])
        run(["ip", "-n", namespace, "link", "set", "lo", "up"])
    run(["ip", "link", "add", "eth0", "netns", host, "type", "veth",
         "peer", "name", "eth0", "netns", outside])
    forwarding = "1" if forward == "accept" else "0"
    for namespace, forwards, address4, address6 in (
            (host, forwarding, HOST4, HOST6), (outside, "0", OUTSIDE4, OUTSIDE6)):
        set_sysctls(namespace, forwards)
        run(["ip", "-n", namespace, "address", "add", f"{address4}/24", "dev", "eth0"])
        run(["ip", "-n", namespace, "address", "add", f"{address6}/64", "dev", "eth0", "nodad"])
        run(["ip", "-n", namespace, "link", "set", "eth0", "up"])
    run(["ip", "-n", host, "route", "add", "default", "via", OUTSIDE4])
    run(["ip", "-n", host, "-6", "route", "add", "default", "via", OUTSIDE6])


def set_sysctls(namespace, forwarding):
    """Set forwarding, and let new IPv6 addresses be of use at once.

    The probing for duplicates would keep a new bridge silent for a second or
    two. Not by `ip netns exec`, which would remount /sys.
    """
    script = ("cd /proc/sys/net; echo $0 >ipv4/ip_forward; echo $0 >ipv6/conf/all/forwarding;"
              "echo 0 >ipv6/conf/default/accept_dad")
    run(["nsenter", f"--net=/run/netns/{namespace}", "sh", "-ec", script, forwarding])


def write_seed(seed, name, docker, configuration):
    """The files by which this host differs from the base."""
    files = {
        "etc/hostname": f"{name}\n",
        "etc/docker/daemon.json": json.dumps(configuration, indent=1) + "\n",
    }
    for path, text in files.items():
        (seed / path).parent.mkdir(parents=True, exist_ok=True)
        (seed / path).write_text(text, encoding="utf-8")
    if docker:
        enable(seed, "docker.service", "multi-user.target")
        enable(seed, "docker.socket", "sockets.target")


def enable(seed, unit, target):
    link = seed / "etc/systemd/system" / f"{target}.wants" / unit
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(f"/lib/systemd/system/{unit}")


def start(base, directory, fields, binds):
    """Start what runs the host, and return its identity."""
    scratch = directory / "scratch"
    scratch.mkdir()
    cgroup = pathlib.Path(fields["cgroup"])
    cgroup.mkdir()
    argv = ["nsenter", f"--net=/run/netns/{fields['namespaces'][0]}",
            "unshare", "--mount", "--propagation", "private",
            str(BOOT), str(base), str(scratch), str(directory / "seed"), str(cgroup), *binds]
    with open(directory / "console.log", "w", encoding="utf-8") as console:
        launcher = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=console,
                                    stderr=subprocess.STDOUT, start_new_session=True)
    return record.identity(launcher.pid)


def await_init(launcher, directory):
    """The host's first process: the only child of the only child (unshare) of what runs it.

    After a reboot the last one may still be there, ended.
    """
    def init():
        if not record.alive(launcher):
            raise LabError(f"the host did not start: {console_log(directory)}")
        found = [record.identity(child)
                 for parent in children(launcher[0]) for child in children(parent)]
        return next(filter(record.alive, found), None)
    return wait_until(init, 10, "the host has a first process")


def children(pid):
    try:
        listed = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:  # it has ended
        return []
    return [int(child) for child in listed.split()]


def console_log(directory):
    return (directory / "console.log").read_text(encoding="utf-8", errors="replace")[-4000:]


def await_boot(host):
    """Wait until systemd says that the host is up, and that nothing in it failed."""
    def state():
        if not record.alive(host.fields["init"]):
            raise LabError(f"the host died: {console_log(record.directory(host.name))}")
        answer = host.run(["systemctl", "is-system-running", "--wait"], check=False).strip()
        return answer if answer in ("running", "degraded", "maintenance") else None
    if wait_until(state, 60, f"{host.name} has booted", interval=0.1) != "running":
        failures = host.run("systemctl --failed --no-pager; journalctl -p err --no-pager | tail -20",
                            check=False)
        raise LabError(f"{host.name} booted with failures:\n{failures}")
