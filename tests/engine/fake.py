# SPDX-License-Identifier: GPL-2.0-or-later
"""A container engine that listens on a unix socket, and does what a test tells it."""

import collections
import functools
import json
import time
import typing

from .api import Api, Generated, Recorded
from .faults import Faults
from .server import Server
from .shapes import VERSIONS, encode
from .state import State
from .stream import Item, Stream

SENT_MAX = 1_000_000


class Sent(typing.NamedTuple):
    """An event that was written to a subscriber. time: time.monotonic_ns(), just before."""

    time: int
    action: str
    name: str


class Base:
    """The socket, the answers, the faults, whatever is behind them."""

    def __init__(self, path, source):
        self.stream = Stream()
        self.faults = Faults()
        self.api = Api(source, self.stream, self._on_sent)
        self.server = Server(path, self._answer)
        self.source = source
        self.sent = collections.deque(maxlen=SENT_MAX)

    def _answer(self, request):
        return self.faults.apply(request, self.api.answer(request))

    def _on_sent(self, item):
        if item.event:
            self.sent.append(Sent(time.monotonic_ns(), item.event.action,
                                  item.event.container.name))

    # The process.

    def listen(self):
        self.server.listen()
        return self

    def shut_down(self):
        """As dockerd at SIGTERM: the streams end, the socket goes."""
        self.stream.send(Item(b"", end="clean"))
        self.server.close()
        self.stream.forget()

    def crash(self):
        """As at SIGKILL: the socket's file stays."""
        self.server.close(unlink=False)
        self.stream.forget()

    def freeze(self):
        """As at SIGSTOP: connections are accepted, by the kernel, and nothing is answered."""
        self.server.gate.clear()

    def thaw(self):
        self.server.gate.set()

    def __enter__(self):
        return self.listen()

    def __exit__(self, *_):
        self.thaw()
        self.server.close()

    # What was asked.

    def requests(self, route=None):
        return [request for request in list(self.server.requests)
                if route in (None, request.route)]

    @property
    def subscribers(self):
        return len(self.stream.subscriptions)

    # The stream.

    def send_raw(self, data, framed=True):
        """Any bytes to all subscribers; framed=False: not even as a chunk."""
        self.stream.send(Item(data, raw=not framed))

    def cut_stream(self, rest=b""):
        """The streams end behind `rest`, without the last chunk: in mid-line, for example."""
        self.stream.send(Item(rest, end="cut"))

    def end_stream(self):
        self.stream.send(Item(b"", end="clean"))


class Engine(Base):
    """An engine with containers.

    version: see shapes.VERSIONS. pace: seconds that each step of an operation takes; an
    inspect of the container waits meanwhile, as in Docker.
    """

    def __init__(self, path, version="docker-26", pace=0.0):
        self.state = State(VERSIONS[version]())
        super().__init__(path, Generated(self.state))
        self.listing = self.source.listing
        self.pace = pace

    def _carry_out(self, container, steps):
        """Step by step: the state changes, and then it is told."""
        while True:
            with self.source.lock:
                event = next(steps, None)
                self.source.changed(container, self.subscribers > 0)
                if not event:
                    return
            now = self.state.now()
            self.stream.publish(now, event, encode(self.api.version.event(event, now)) + b"\n")
            if self.pace:
                time.sleep(self.pace)

    def _do(self, operation, name, *arguments, **options):
        with self.source.lock:
            container = self.state.find(name)
        with container.lock:
            self._carry_out(container,
                            getattr(self.state, operation)(container, *arguments, **options))
        return container

    def create(self, name, **options):
        """See State.create()."""
        steps = self.state.create(name, **options)
        with self.source.lock:
            event = next(steps)
        self._carry_out(event.container, iter([event]))
        return event.container

    def run(self, name, **options):
        self.create(name, **options)
        return self.start(name)

    start = functools.partialmethod(_do, "start")
    die = functools.partialmethod(_do, "die")
    come_back = functools.partialmethod(_do, "come_back")
    kill = functools.partialmethod(_do, "kill")
    stop = functools.partialmethod(_do, "stop")
    restart = functools.partialmethod(_do, "restart")
    remove = functools.partialmethod(_do, "remove")
    pause = functools.partialmethod(_do, "pause")
    unpause = functools.partialmethod(_do, "unpause")
    rename = functools.partialmethod(_do, "rename")
    health = functools.partialmethod(_do, "health")
    connect = functools.partialmethod(_do, "connect")
    disconnect = functools.partialmethod(_do, "disconnect")

    def set_address(self, name, network, address, family=4):
        """An address against all rules, of which nothing is told."""
        with self.source.lock:
            container = self.state.find(name)
            container.endpoints[network].override[family] = address
            self.source.changed(container, False)

    def truth(self):
        """What inspect says of each container that is alive, whatever faults there are."""
        with self.source.lock:
            return [json.loads(encode(self.api.version.inspect(container)))
                    for container in self.state.containers.values() if container.alive]

    def image_labels(self):
        return {image.id: image.labels for image in self.state.images.values()}


class Replay(Base):
    """An engine that only repeats what was recorded in a folder of the fixtures."""

    def __init__(self, path, folder):
        super().__init__(path, Recorded(folder))

    def replay_events(self):
        for line in self.source.event_lines():
            self.send_raw(line)

    def truth(self):
        return list(self.source.inspects.values())

    def image_labels(self):
        return {key: (image["Config"].get("Labels") or {})
                for key, image in self.source.images.items()}
