# SPDX-License-Identifier: GPL-2.0-or-later
"""promtool out of Debian's package prometheus, which would start a server if it were installed."""

import pathlib
import tempfile

from .base import cache_directory, locked
from .command import LabError, run


def download(package, directory):
    try:
        run(["apt-get", "download", package], cwd=directory)
    except LabError:  # apt has no lists, or old ones
        run(["apt-get", "update"])
        run(["apt-get", "download", package], cwd=directory)


def ensure_promtool():
    """Return the program; get it if needed."""
    path = cache_directory() / "promtool"
    with locked("promtool"):
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=cache_directory()) as scratch:
                download("prometheus", scratch)
                package, = pathlib.Path(scratch).glob("*.deb")
                run(["dpkg-deb", "--extract", package, scratch])
                pathlib.Path(scratch, "usr/bin/promtool").rename(path)
    return path
