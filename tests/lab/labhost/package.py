# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian package of this source tree, and a repository with what it depends on."""

import os

from .base import PROJECT, downloads, ensure_base, locked
from .command import run
from .image import ensure_image
from .project import build_directory
from .promtool import ensure_promtool

# In the base that the daemon is built in, which stays unchanged, as does the source tree: what is mounted is for this
# alone. In the tree there, build/ is the suite's own.
ENTER = """
set -e
base=$1 script=$5
mount -t tmpfs lab "$base/mnt"
cd "$base/mnt"
mkdir src new work packages
mount -t overlay -o "lowerdir=$2,upperdir=new,workdir=work" lab src
mkdir -p src/build
mount --bind "$3" src/build
mount --bind "$4" packages
mount --rbind /dev "$base/dev"
mount --rbind /proc "$base/proc"
shift 5
exec chroot "$base" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/tmp \\
    SOURCE_DATE_EPOCH=1700000000 sh -ec "$script" sh "$@"
"""
# The way that README has, and the parts of it where another version is wanted.
BUILD = """
cd /mnt/src
cmake --preset release -D VERSION="$1"
if [ "$1" ]; then
    cmake --build --preset release
    cpack --config build/release/CPackConfig.cmake -B "build/$2"
else
    rm -f build/release/*.deb
    cmake --workflow --preset package
    mkdir -p "build/$2"
    cp build/release/*.deb "build/$2"
fi
"""
# For apt to find them without any network.
INDEX = """
cd /mnt/packages
dpkg-scanpackages . /dev/null >Packages.new
mv Packages.new Packages
"""


def run_in_base(suite, script, *arguments):
    base = ensure_base(suite)
    argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "sh",
            base, PROJECT, build_directory(suite), downloads(suite), script, *arguments]
    run(argv)


def build_package(suite, output, version=""):
    """Build the package in the suite's own environment, and return its file.

    output: the directory beneath /build where it will be. version: instead of the
    project's own.
    """
    directory = build_directory(suite) / output
    with locked(build_directory(suite).name):
        for old in directory.glob("*.deb"):
            old.unlink()
        run_in_base(suite, BUILD, version, output)
        found, = directory.glob("*.deb")
    return found


def index_downloads(suite):
    index = downloads(suite) / "Packages"
    with locked(f"packages-{suite}"):
        if not index.exists() or index.stat().st_mtime < downloads(suite).stat().st_mtime:
            run_in_base(suite, INDEX)
            os.utime(index)


def prepare(suite):
    """Make all that is cached for a suite."""
    ensure_image(ensure_base(suite))
    ensure_base(suite, clean=True)
    index_downloads(suite)
    ensure_promtool()


def package_binds(suite):
    """What a host sees where packages are installed: those built here, and a repository."""
    index_downloads(suite)
    return [f"{PROJECT}:/src:ro", f"{build_directory(suite)}:/build:ro",
            f"{downloads(suite)}:/packages:ro"]
