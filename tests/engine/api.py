# SPDX-License-Identifier: GPL-2.0-or-later
"""The Engine API: which answer belongs to which request.

What is answered comes from a source: Generated from a State, or Recorded from a folder of
tests/unit/docker/fixtures.
"""

import collections
import re
import threading
import time

from . import shapes
from .server import Answer
from .shapes import NANOSECONDS, encode
from .state import StateError
from .stream import FilterError, parse_filters, parse_states

PATHS = (
    ("ping", re.compile(r"/_ping")),
    ("events", re.compile(r"/events")),
    ("list", re.compile(r"/containers/json")),
    ("inspect", re.compile(r"/containers/([^/]+)/json")),
    ("image", re.compile(r"/images/(.+)/json")),
)
VERSIONED = re.compile(r"/v(\d+)\.(\d+)(/.*)")


class Refusal(Exception):
    """An answer with an error's status."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Listing:
    """What /containers/json reads: a replica of the containers, which can lag behind them."""

    def __init__(self, version):
        self.version = version
        self.lag = 0.0  # seconds
        self.frozen = False
        self.lock = threading.Lock()
        self.pending = collections.deque()  # (due, ID, state, row; None: it is no more)
        self.rows = {}    # ID: (state, row)
        self.bodies = {}  # what was answered, for which states

    def touch(self, container, removed=False):
        row = None if removed else encode(self.version.row(container))
        with self.lock:
            self.pending.append((time.monotonic() + self.lag, container.id, container.state, row))

    def _catch_up(self):
        now = time.monotonic()
        while self.pending and not self.frozen and self.pending[0][0] <= now:
            _, key, state, row = self.pending.popleft()
            self.bodies.clear()
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = (state, row)

    def body(self, states):
        """The newest container first, as Docker does. states: None for all."""
        with self.lock:
            self._catch_up()
            if states not in self.bodies:
                rows = [row for state, row in reversed(self.rows.values())
                        if states is None or state in states]
                self.bodies[states] = b"[" + b",".join(rows) + b"]\n"
            return self.bodies[states]


class Generated:
    """Answers made from a State."""

    def __init__(self, state):
        self.state = state
        self.version = state.version
        self.listing = Listing(state.version)
        self.lock = threading.RLock()  # of the state's own tables
        self.inspects = {}  # by ID: answers that still hold

    def changed(self, container, prepare):
        """prepare: it will be asked for at once, and the answer shall not take its time then."""
        removed = container.id not in self.state.by_id
        self.listing.touch(container, removed)
        self.inspects.pop(container.id, None)
        if prepare and not removed:
            self._inspect(container)

    def _inspect(self, container):
        if container.id not in self.inspects:
            self.inspects[container.id] = encode(self.version.inspect(container)) + b"\n"
        return self.inspects[container.id]

    def list(self, states):
        return self.listing.body(states)

    def inspect(self, reference):
        with self.lock:
            container = self.state.find(reference)
        with container.lock:  # as in Docker: it waits for what is being done to it
            return self._inspect(container)

    def image(self, reference):
        with self.lock:
            return encode(self.version.image(self.state.find_image(reference))) + b"\n"


class Recorded:
    """Answers as they were recorded."""

    def __init__(self, folder):
        self.version = shapes.VERSIONS[folder]()
        self.folder = shapes.FIXTURES / folder
        self.inspects = {}
        self.images = {}
        for path in self.folder.glob("*.json"):
            value = shapes.load(f"{folder}/{path.name}")
            if path.name.startswith("inspect-"):
                self.inspects[value["Id"]] = value
            elif path.name.startswith("image-"):
                self.images[value["Id"]] = value
        # The containers' own image was recorded in another session: it has no labels.
        for inspect in self.inspects.values():
            plain = {**shapes.load(self.version.image_template), "Id": inspect["Image"]}
            plain["Config"] = {**plain["Config"], "Labels": None}
            self.images.setdefault(inspect["Image"], plain)

    def list(self, _states):
        return (self.folder / "list.json").read_bytes()

    def inspect(self, reference):
        if reference not in self.inspects:
            raise StateError(f"No such container: {reference}")
        return encode(self.inspects[reference]) + b"\n"

    def image(self, reference):
        if reference not in self.images:
            raise StateError(f"No such image: {reference}")
        return encode(self.images[reference]) + b"\n"

    def event_lines(self):
        return (self.folder / "events.jsonl").read_bytes().splitlines(keepends=True)


class Api:
    """Requests to answers. on_sent(item): an item of an event stream is about to be written."""

    def __init__(self, source, stream, on_sent):
        self.source = source
        self.version = source.version
        self.stream = stream
        self.on_sent = on_sent

    def answer(self, request):
        """The right answer; request.route is filled in."""
        try:
            path = self._take_version(request.path)
            for request.route, pattern in PATHS:
                if found := pattern.fullmatch(path):
                    return getattr(self, "_" + request.route)(request, *found.groups())
            raise Refusal(404, "page not found")
        except StateError as error:
            return self._refuse(404, str(error))
        except Refusal as refusal:
            return self._refuse(refusal.status, str(refusal))

    def _refuse(self, status, message):
        return Answer(status, self._headers(), encode({"message": message}) + b"\n")

    def _headers(self):
        return self.version.ping_headers()

    def _take_version(self, path):
        """The path behind /v1.41."""
        found = VERSIONED.fullmatch(path)
        if not found:
            return path
        asked = int(found[1]), int(found[2])
        if asked > number(self.version.api):
            raise Refusal(400, f"client version {found[1]}.{found[2]} is too new. "
                               f"Maximum supported API version is {self.version.api}")
        if asked < number(self.version.api_min):
            raise Refusal(400, f"client version {found[1]}.{found[2]} is too old. "
                               f"Minimum supported API version is {self.version.api_min}")
        return found[3]

    def _ping(self, _request):
        return Answer(200, {**self._headers(), "Content-Type": "text/plain"}, b"OK")

    def _list(self, request):
        states = parse_states(request.query.get("filters"))
        if not states <= set(self.version.states):
            raise Refusal(500, "unknown container state")
        if not states:
            states = None if request.query.get("all") == "1" else self.version.listed
        return Answer(200, self._headers(), self.source.list(states and frozenset(states)))

    def _inspect(self, _request, reference):
        return Answer(200, self._headers(), self.source.inspect(reference))

    def _image(self, _request, reference):
        return Answer(200, self._headers(), self.source.image(reference))

    def _events(self, request):
        if "filters" in request.query and self.version.refuses_filters:
            raise Refusal(500, "invalid filter")
        try:
            filters = parse_filters(request.query.get("filters"))
            since = float(request.query["since"]) * NANOSECONDS if "since" in request.query else None
        except FilterError as error:
            raise Refusal(400, str(error)) from error
        except ValueError:
            raise Refusal(400, "since: expected seconds") from None
        subscription = self.stream.subscribe(filters, since)
        return Answer(200, self._headers(), b"", subscription, self.on_sent,
                      lambda: self.stream.unsubscribe(subscription))


def number(version):
    return tuple(int(part) for part in version.split("."))
