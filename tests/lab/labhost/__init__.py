# SPDX-License-Identifier: GPL-2.0-or-later
"""Disposable hosts: systemd, journald and Docker in namespaces of this machine.

`base` makes the root file systems, `image` the container image that answers,
`record` remembers what to clean up, `host` boots and enters the hosts, and
`project` is what of this source tree they get to see, `package` makes it a .deb,
and `promtool` checks what it measures.
"""

from .base import SUITES
from .command import LabError, wait_until
from .host import Host, boot_host
from .package import build_package, package_binds, prepare
from .project import install, project_binds
from .promtool import ensure_promtool
from .record import collect_garbage, list_names, remove_host

__all__ = [
    "SUITES", "Host", "LabError", "boot_host", "build_package", "collect_garbage",
    "ensure_promtool", "install", "list_names", "package_binds", "prepare", "project_binds",
    "remove_host", "wait_until",
]
