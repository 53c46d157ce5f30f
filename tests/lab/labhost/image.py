# SPDX-License-Identifier: GPL-2.0-or-later
"""The container image of the tests: a static busybox and `answer`, no registry."""

import hashlib
import io
import pathlib
import subprocess
import tarfile
import tempfile

from .base import cache_directory, locked
from .command import LabError

SOURCE = pathlib.Path(__file__).parent.parent / "image" / "answer.c"
NAME = "answer"


def ensure_image(base):
    """Return the image as a tar file, made with the base's compiler and busybox."""
    digest = hashlib.sha256(SOURCE.read_bytes() + base.name.encode()).hexdigest()[:12]
    path = cache_directory() / f"image-{digest}.tar"
    with locked("image"):
        if not path.exists():
            build_image(base, path)
    return path


def build_image(base, path):
    with tempfile.TemporaryDirectory(dir=cache_directory()) as scratch:
        new = pathlib.Path(scratch, "image.tar")
        write_image(new, compile_answer(base, scratch), base / "bin/busybox")
        new.rename(path)


def compile_answer(base, scratch):
    """Compile inside the base, which stays unchanged: the output is mounted for this alone."""
    script = ('mount --bind "$1" "$2/mnt" && exec chroot "$2" env TMPDIR=/mnt '
              'gcc -std=gnu17 -Wall -Wextra -O2 -static -o /mnt/answer -x c -')
    result = subprocess.run(
        ["unshare", "--mount", "--propagation", "private",
         "sh", "-c", script, "sh", scratch, str(base)],
        stdin=SOURCE.open("rb"), stderr=subprocess.PIPE, check=False)
    if result.returncode != 0:
        raise LabError(f"answer.c: {result.stderr.decode(errors='replace')}")
    return pathlib.Path(scratch, "answer")


def write_image(path, answer, busybox):
    applets = subprocess.run([busybox, "--list"], check=True, text=True,
                             stdout=subprocess.PIPE).stdout.split()
    with tarfile.open(path, "w") as tar:
        for name, source in (("bin/answer", answer), ("bin/busybox", busybox)):
            add_file(tar, name, source.read_bytes())
        for applet in applets:
            if applet != "busybox":
                add_link(tar, f"bin/{applet}")


def add_file(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o755
    tar.addfile(info, io.BytesIO(data))


def add_link(tar, name):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, "busybox"
    tar.addfile(info)


def import_command():
    """Reads the tar from standard input."""
    return ["docker", "import", "--change", 'ENTRYPOINT ["/bin/answer"]', "-", NAME]
