# SPDX-License-Identifier: GPL-2.0-or-later
"""The event stream: who has subscribed to what, and what each of them is told.

As in Docker: a ring of the last 256 events for `since`, 1,024 events for each subscriber
that does not read, then 100 ms, then they are dropped without a word.
"""

import collections
import json
import queue
import threading
import typing

RING = 256
BUFFERED = 1024
PATIENCE = 0.1  # seconds
KNOWN_FILTERS = {"type", "event"}


class Item(typing.NamedTuple):
    """Something to be written to a subscriber."""

    data: bytes
    event: object = None  # a state.Event; None for what a test made up
    raw: bool = False     # not as a chunk, but as it is
    end: str = ""         # "clean" or "cut": the stream ends behind it


class FilterError(Exception):
    """A filter that the engine does not know."""


def parse_filters(text):
    """{"type": ["container"]}, or the older {"type": {"container": true}}."""
    try:
        filters = {key: set(values) for key, values in json.loads(text or "{}").items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise FilterError("invalid filter") from error
    for name in filters:
        if name not in KNOWN_FILTERS:
            raise FilterError(f"invalid filter '{name}'")
    return filters


def parse_states(text):
    """Of a list's filter {"status": ["running"]}; empty without one."""
    return set(json.loads(text or "{}").get("status", ()))


class Subscription:
    """One subscriber: what it asked for, and what waits for it."""

    def __init__(self, filters):
        self.filters = filters
        self.queue = queue.Queue(BUFFERED)
        self.dropped = 0

    def wants(self, event):
        values = {"type": event.kind, "event": event.action}
        return all(values[name] in wanted for name, wanted in self.filters.items() if wanted)

    def put(self, item):
        try:
            self.queue.put(item, timeout=PATIENCE)
        except queue.Full:
            self.dropped += 1


class Stream:
    """All subscribers. mangle: what a fault makes of the items that are to be told."""

    def __init__(self):
        self.lock = threading.Lock()
        self.ring = collections.deque(maxlen=RING)  # (nanoseconds, item)
        self.subscriptions = []
        self.mangle = None

    def publish(self, now, event, data):
        item = Item(data, event)
        with self.lock:
            self.ring.append((now, item))
            self._tell(self.mangle(item) if self.mangle else [item])

    def flush(self):
        """What a mangler still keeps back."""
        with self.lock:
            if self.mangle:
                self._tell(self.mangle(None))

    def _tell(self, items):
        for item in items:
            for subscription in self.subscriptions:
                if subscription.wants(item.event):
                    subscription.put(item)

    def subscribe(self, filters, since=None):
        """since: nanoseconds; what the ring still has from then on is told first."""
        subscription = Subscription(filters)
        with self.lock:
            for time, item in self.ring:
                if since is not None and time >= since and subscription.wants(item.event):
                    subscription.put(item)
            self.subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription):
        with self.lock:
            if subscription in self.subscriptions:
                self.subscriptions.remove(subscription)

    def send(self, item):
        """Tell all subscribers, whatever they asked for."""
        with self.lock:
            for subscription in self.subscriptions:
                subscription.put(item)

    def forget(self):
        """The engine was started anew: its ring is empty."""
        with self.lock:
            self.ring.clear()
