# SPDX-License-Identifier: GPL-2.0-or-later
"""A fake container engine for tests of the whole daemon, and for benchmarks.

    with Engine(path, "docker-20.10") as engine:
        engine.run("web", labels={"calico.expose": "80"})
        engine.faults.add("inspect", faults.hang(), times=1)

state.py is what it knows, shapes.py how each version writes that, api.py the requests,
stream.py the events, server.py HTTP, faults.py all that can go wrong. No test of its own
says what a real engine does: the shapes are made from recordings.
"""

from . import faults
from .fake import Engine, Replay, Sent
from .shapes import VERSIONS
from .state import Image, Network, StateError

__all__ = ["Engine", "Image", "Network", "Replay", "Sent", "StateError", "VERSIONS", "faults"]
