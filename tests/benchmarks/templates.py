# SPDX-License-Identifier: GPL-2.0-or-later
"""The texts that bench-engine fills in: an engine's answers, with marks where a container differs."""

import pathlib

from engine import VERSIONS, Network
from engine.shapes import encode
from engine.state import Event, State

# As wide as what takes their place: see engine/template.c.
ID = b"@id".ljust(64, b"@")
NAME, PORT = b"@name@", b"@port"
ADDRESS, MAC = b"@address".ljust(14, b"@"), b"@mac".ljust(17, b"@")
TIME = 1111111111111111111


def marked(text, container):
    endpoint = container.endpoints["bench"]
    mac = endpoint.network.mac(endpoint.number)
    for value, mark in ((container.id, ID), (container.name, NAME), (mac, MAC), ("55555", PORT),
                        (endpoint.address(4), ADDRESS)):
        text = text.replace(value.encode(), mark)
    return text


def write_templates(directory, version="docker-26"):
    """A file for each kind of answer, and of event."""
    shapes = VERSIONS[version]()
    state = State(shapes)
    state.add_network(Network("bench", "10.150.0.0/16"))
    for _ in state.create("c9999x", labels={"calico.expose": "55555:80"}, networks=["bench"]):
        pass
    container = state.containers["c9999x"]
    for _ in state.start(container):
        pass
    texts = {"row": shapes.row(container), "inspect": shapes.inspect(container),
             "image": shapes.image(container.image)}
    for action in ("start", "die"):
        texts[action] = shapes.event(Event("container", action, container), TIME)
    container.labels = {"com.example.role": "other"}
    for action in ("start", "die"):
        texts["plain-" + action] = shapes.event(Event("container", action, container), TIME)
    for name, value in texts.items():
        pathlib.Path(directory, name + ".json").write_bytes(marked(encode(value), container))
