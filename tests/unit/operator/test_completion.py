# SPDX-License-Identifier: GPL-2.0-or-later
"""Completion, as a person at a terminal has it: keys are typed, and the shell is looked at."""

import os
import pathlib
import pty
import select
import subprocess
import time

import pytest

COMPLETION = pathlib.Path(__file__).resolve().parents[3] / "completion"
DEADLINE = 20
KILL_LINE = "\x15"

# Instead of the program: what it would have been called with.
PROGRAM = "calico-exposed() { echo \"<called $*>\"; }"
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"],
             ["bind 'set show-all-if-ambiguous on'", "bind 'set enable-bracketed-paste off'",
              ". /usr/share/bash-completion/bash_completion",
              f". {COMPLETION}/calico-exposed.bash"]),
    "zsh": (["zsh", "-f", "-i"],
            ["unsetopt zle_bracketed_paste", "fpath=($PWD/functions $fpath)",
             "autoload -U compinit; compinit -D -u"]),
}


class Shell:
    """An interactive shell on a terminal of its own."""

    def __init__(self, argv, directory):
        environment = {"PATH": f"{directory}/bin:/usr/bin:/bin", "TERM": "dumb",
                       "HOME": str(directory), "LC_ALL": "C.UTF-8", "COLUMNS": "200"}
        self.terminal, far = pty.openpty()
        self.process = subprocess.Popen(argv, stdin=far, stdout=far, stderr=far, cwd=directory,
                                        env=environment, start_new_session=True)
        os.close(far)

    def type(self, keys):
        os.write(self.terminal, keys.encode())

    def await_text(self, *wanted):
        """Read until all of these have been shown."""
        shown, end = "", time.monotonic() + DEADLINE
        while not all(text in shown for text in wanted):
            ready, _, _ = select.select([self.terminal], [], [], max(0, end - time.monotonic()))
            assert ready, f"no {wanted} within {DEADLINE} s, but {shown!r}"
            shown += os.read(self.terminal, 4096).decode(errors="replace")
        return shown

    def end(self):
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)


@pytest.fixture(scope="module", params=SHELLS)
def shell(request, tmp_path_factory):
    argv, preparations = SHELLS[request.param]
    tmp_path = tmp_path_factory.mktemp(request.param)
    for name in ("bin", "functions"):
        (tmp_path / name).mkdir()
    docker = tmp_path / "bin/docker"
    docker.write_text("#!/bin/sh\n[ \"$1\" = ps ] && printf 'web-1\\nweb-2\\ncache\\n'\n",
                      encoding="ascii")
    docker.chmod(0o755)
    (tmp_path / "functions/_calico-exposed").symlink_to(COMPLETION / "calico-exposed.zsh")
    shell = Shell(argv, tmp_path)
    for line in [*preparations, PROGRAM, "PS1='rea''dy> '"]:
        shell.type(f"{line}\n")
    shell.await_text("ready> ")
    yield shell
    shell.end()


@pytest.mark.parametrize("keys, called", [
    ("exp\tca\t", "explain cache"),
    ("explain web-\t2", "explain web-2"),
    ("li\t--\t", "list --json"),
    ("che\t--j\t", "check --json"),
    ("withd\t", "withdraw"),
    ("--ver\t", "--version"),
    ("exp\tweb-\t2 --\t", "explain web-2 --json"),
    ("list x\t", "list x"),
    ("run \t", "run"),
])
def test_completes(shell, keys, called):
    shell.type(f"calico-exposed {keys}\n")
    assert f"<called {called}>" in shell.await_text("<called", ">").replace(" >", ">")


def test_shows_what_there_is(shell):
    shell.type("calico-exposed \t")
    shell.await_text("run", "list", "explain", "check", "withdraw", "--help", "--version")
    shell.type(f"{KILL_LINE}calico-exposed explain \t")
    shell.await_text("web-1", "web-2", "cache")
