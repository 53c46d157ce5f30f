# SPDX-License-Identifier: GPL-2.0-or-later
"""This source tree on a host: where it is seen, built and installed from."""

import hashlib

from .base import PROJECT, base_path, cache_directory, locked

INSTALL = ["/src/systemd/install", "--build-dir", "/build"]


def build_directory(suite):
    """One for each base and source tree, so that the objects in it are always of both."""
    key = f"{base_path(suite).name} {PROJECT}"
    path = cache_directory() / f"build-{suite}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    path.mkdir(exist_ok=True)
    return path


def project_binds(suite):
    return [f"{PROJECT}:/src:ro", f"{build_directory(suite)}:/build:rw"]


def install(host):
    """Build and install the project on a host that has its binds, one at a time."""
    with locked(build_directory(host.suite).name):
        return host.run(INSTALL, timeout=300)
