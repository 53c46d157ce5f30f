# SPDX-License-Identifier: GPL-2.0-or-later
"""The root file systems that all hosts of one Debian suite share, read-only.

There are two for each suite: one that the daemon is built in as well, and a
clean one, without compiler and libraries, on which a package has to bring along
what it needs. Both are made once by debootstrap and cached. The directory of
each carries a hash of all that went into it, so a change of the list below makes
a new one, and it gets that name only when it is complete, so an interrupted
build is never used.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import subprocess

from . import record
from .command import LabError, Progress, run, say

SUITES = ("bookworm", "trixie")
PROJECT = pathlib.Path(__file__).resolve().parents[3]

# What a Docker host has, and what the tests look at it with.
HOST_PACKAGES = """
    systemd systemd-sysv dbus procps kmod
    docker.io nftables iptables iproute2 conntrack
    curl netcat-openbsd busybox-static python3 docker-compose
""".split()
# The daemon is built inside, for each suite, without any network.
BUILD_PACKAGES = PROJECT / "systemd" / "build-packages"
# The client is a package of its own from Debian 13 on.
EXTRA_PACKAGES = {"bookworm": [], "trixie": ["docker-cli"]}

# Files that make a host out of the packages. The sysctl service may touch the
# network's settings alone: all others belong to the machine underneath.
FILES = {
    "etc/machine-id": "",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/resolv.conf": "nameserver 203.0.113.2\n",
    "etc/apt/sources.list": "",
    "etc/systemd/system/systemd-sysctl.service.d/lab.conf":
        "[Service]\nExecStart=\nExecStart=/lib/systemd/systemd-sysctl --prefix=/net\n",
}
# Terminals that do not exist and periodic jobs that nobody wants; Docker is
# enabled host by host.
ABSENT = [
    "var/lib/dbus/machine-id",
    "etc/systemd/system/getty.target.wants",
    "etc/systemd/system/timers.target.wants",
    "etc/systemd/system/multi-user.target.wants/docker.service",
    "etc/systemd/system/multi-user.target.wants/containerd.service",
    "etc/systemd/system/sockets.target.wants/docker.socket",
]
# The second line: file systems of the kernel underneath, none of the host's business.
MASKED = """
    console-getty.service systemd-firstboot.service
    sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount
    sys-fs-fuse-connections.mount dev-hugepages.mount proc-sys-fs-binfmt_misc.automount
""".split()


def cache_directory():
    path = pathlib.Path(os.environ.get("CALICO_EXPOSED_LAB_CACHE",
                                       "/var/cache/calico-exposed-lab"))
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def locked(name):
    """Hold a lock of the cache; says so when another run has it."""
    with open(cache_directory() / f"{name}.lock", "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another run that uses {name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def base_path(suite, clean=False):
    """Where a base of a suite is, or will be."""
    recipe = json.dumps([suite, packages(suite, clean), FILES, ABSENT, MASKED], sort_keys=True)
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    return cache_directory() / "base" / f"{suite}-{digest}"


def packages(suite, clean):
    lines = BUILD_PACKAGES.read_text(encoding="ascii").splitlines()
    build = [line for line in lines if line and not line.startswith("#")]
    return HOST_PACKAGES + EXTRA_PACKAGES[suite] + ([] if clean else build)


def ensure_base(suite, clean=False):
    """Return the directory of a root file system of the suite; make it if needed."""
    if suite not in SUITES:
        raise LabError(f"no such suite: {suite} (there are {', '.join(SUITES)})")
    path = base_path(suite, clean)
    if path.is_dir():
        return path
    with locked(f"base-{suite}") as lock:
        if not path.is_dir():
            build_base(suite, clean, path, lock)
    return path


def build_base(suite, clean, path, lock):
    if not shutil.which("debootstrap"):
        raise LabError("debootstrap is missing: apt-get install debootstrap")
    path.parent.mkdir(exist_ok=True)
    building = path.with_name(path.name + ".building")
    remove_tree(building)
    debootstrap(suite, packages(suite, clean), building, lock)
    configure(building)
    building.rename(path)
    remove_old_bases(suite)


def remove_old_bases(suite):
    """Delete bases of other contents, except those that running hosts lie on."""
    kept = {record.read(name)["base"] for name in record.list_names()}
    kept |= {str(base_path(suite, clean)) for clean in (False, True)}
    for path in (cache_directory() / "base").glob(f"{suite}-*"):
        if str(path) not in kept:
            remove_tree(path)


def remove_tree(path):
    """Delete a root file system, but never through a mount left inside it."""
    if os.path.lexists(path):
        run(["rm", "-rf", "--one-file-system", path])


def downloads(suite):
    """The .deb files of all bases of a suite."""
    path = cache_directory() / f"packages-{suite}"
    path.mkdir(exist_ok=True)
    return path


def debootstrap(suite, names, target, lock):
    """Run debootstrap with the number of finished packages as progress.

    Its mounts are its own, and so is the lock: should this process be killed,
    nobody else begins before it has ended too.
    """
    argv = ["unshare", "--mount", "--propagation", "private",
            "debootstrap", "--variant=minbase", f"--include={','.join(names)}",
            f"--cache-dir={downloads(suite)}", suite, str(target), debian_mirror()]
    progress = Progress(f"root file system for {suite} (made once, then cached)")
    log = target.parent / f"{suite}.log"
    steps = dict.fromkeys(("Retrieving", "Extracting", "Unpacking", "Configuring"), 0)
    with open(log, "w", encoding="utf-8") as out, \
         subprocess.Popen(argv, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=clean_environment(),
                          pass_fds=[lock.fileno()]) as process:
        for line in process.stdout:
            out.write(line)
            step = line.split()[1] if line.startswith("I: ") else ""
            if step in steps:
                steps[step] += 1
                progress.show(f"{step.lower()} package {steps[step]}")
    if process.returncode != 0:
        tail = "".join(log.read_text(encoding="utf-8").splitlines(keepends=True)[-15:])
        raise LabError(f"debootstrap of {suite} failed, {log} ends with:\n{tail}")
    progress.done()


def clean_environment():
    """A plain environment; apt's proxy, which debootstrap would not look up by itself."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
    proxy = run(["apt-config", "shell", "proxy", "Acquire::http::Proxy"]).strip()
    if proxy:
        environment["http_proxy"] = proxy.split("=", 1)[1].strip("'")
    return environment


def debian_mirror():
    """The mirror that this machine's own apt uses for Debian."""
    mirror = find_mirror()
    if not mirror:  # apt names what it has lists of
        run(["apt-get", "update"])
        mirror = find_mirror()
    if not mirror:
        raise LabError("this machine's apt knows no Debian mirror")
    return mirror


def find_mirror():
    targets = run(["apt-get", "indextargets", "--format", "$(LABEL) $(COMPONENT) $(REPO_URI)",
                   "Created-By: Packages"])
    for line in targets.splitlines():
        label, component, uri = line.rsplit(" ", 2)
        if label == "Debian" and component == "main":
            return uri
    return None


def configure(root):
    """Turn the bare packages into a host that boots in a namespace."""
    for name in ABSENT:
        remove_tree(root / name)
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text, encoding="ascii")
    for unit in MASKED:
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
    shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
    shutil.rmtree(root / "var/lib/apt/lists", ignore_errors=True)
