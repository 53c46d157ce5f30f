# SPDX-License-Identifier: GPL-2.0-or-later
"""What an engine knows: containers, networks, images, and what can happen to them.

No HTTP and no JSON. An operation is a generator: it changes the state step by step and
yields what an engine tells its subscribers after each step, in the order of the version
that is modelled (see shapes.py).
"""

import hashlib
import heapq
import ipaddress
import threading
import time
import typing

ALIVE = ("running", "paused", "restarting")


class StateError(Exception):
    """What an engine would refuse."""


def make_id(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Image:
    """An image; its labels are inherited by its containers."""

    def __init__(self, name, labels=None):
        self.name = name
        self.labels = dict(labels or {})
        self.id = "sha256:" + make_id(f"image {name} {sorted(self.labels.items())}")


class Network:
    """A network with its addresses: the lowest free one is given, so that they are used again."""

    def __init__(self, name, ipv4=None, ipv6=None, driver="bridge", gateway=True):
        self.name = name
        self.driver = driver
        self.id = make_id(f"network {name}")
        self.ipv4 = ipaddress.ip_network(ipv4) if ipv4 else None
        self.ipv6 = ipaddress.ip_network(ipv6) if ipv6 else None
        self.gateway = gateway
        self.free = []  # numbers that were given back
        self.next = 2   # .1 is the gateway

    def take(self):
        """Return the number of an address: its place in the network."""
        if self.free:
            return heapq.heappop(self.free)
        number = self.next
        if self.ipv4 and number >= self.ipv4.num_addresses - 1:
            raise StateError(f"no address is free in network {self.name}")
        self.next += 1
        return number

    def give_back(self, number):
        heapq.heappush(self.free, number)

    def address(self, family, number):
        network = self.ipv4 if family == 4 else self.ipv6
        return str(network[number]) if network else ""

    def gateway_address(self, family):
        return self.address(family, 1) if self.gateway else ""

    def mac(self, number):
        """From the number, as Docker does; Calico's plugin gives everybody the same."""
        if self.driver == "calico":
            return "ee:ee:ee:ee:ee:ee"
        low = int(self.ipv4[number]) if self.ipv4 else number
        return ":".join(f"{byte:02x}" for byte in b"\x02\x42" + low.to_bytes(4, "big"))


class Endpoint:
    """A container on a network. Without a number it has no address: the container is not running."""

    def __init__(self, network):
        self.network = network
        self.number = None
        self.override = {}  # family to address, against all rules
        self.id = ""

    def address(self, family):
        if self.number is None:
            return ""
        return self.override.get(family, self.network.address(family, self.number))


class Container:
    """A container and what it is doing."""

    def __init__(self, name, number, image, labels, created):
        self.id = make_id(f"container {number} {name}")
        self.name = name
        self.image = image
        self.labels = {**image.labels, **labels}
        self.created = created  # nanoseconds, as all times here
        self.started = 0
        self.finished = 0
        self.state = "created"
        self.exit_code = 0
        self.health = None  # starting, healthy, unhealthy; None: no health check
        self.network_mode = None  # None: the first network's
        self.endpoints = {}  # by network name
        self.published = []  # (host address, host port, container port, protocol)
        self.lock = threading.Lock()  # held while it changes: an inspect waits for it

    @property
    def alive(self):
        return self.state in ALIVE


class Event(typing.NamedTuple):
    """What subscribers are told: shapes.py writes it as the version does."""

    kind: str  # container, network
    action: str
    container: Container
    network: Network = None
    attributes: dict = {}


class State:
    """All of it. version: see shapes.py; only the order of its events matters here."""

    def __init__(self, version):
        self.version = version
        self.clock_offset = 0  # nanoseconds
        self.networks = {}
        self.images = {}
        self.containers = {}  # by name
        self.by_id = {}
        self.made = 0
        self.add_network(Network("bridge", "172.17.0.0/16", "fd00:d0c::/64"))
        self.add_image(Image("answer"))

    def now(self):
        return time.time_ns() + self.clock_offset

    def add_network(self, network):
        self.networks[network.name] = network
        return network

    def add_image(self, image):
        self.images[image.name] = image
        return image

    def find(self, reference):
        """By name, ID, or the beginning of an ID."""
        found = self.containers.get(reference) or self.by_id.get(reference)
        if not found and len(reference) >= 4:
            found = next((self.by_id[key] for key in self.by_id if key.startswith(reference)), None)
        if not found:
            raise StateError(f"No such container: {reference}")
        return found

    def find_image(self, reference):
        for image in self.images.values():
            if reference in (image.name, image.id):
                return image
        raise StateError(f"No such image: {reference}")

    # Each of these is a generator of events.

    def create(self, name, labels=None, image="answer", networks=("bridge",), network_mode=None,
               published=(), health=None):
        if name in self.containers:
            raise StateError(f'The container name "/{name}" is already in use')
        self.made += 1
        container = Container(name, self.made, self.images[image], labels or {}, self.now())
        container.network_mode = network_mode
        container.published = list(published)
        container.health = health
        for network in networks:
            container.endpoints[network] = Endpoint(self.networks[network])
        self.containers[name] = self.by_id[container.id] = container
        yield Event("container", "create", container)

    def _attach(self, endpoint):
        endpoint.number = endpoint.network.take()
        endpoint.id = make_id(f"endpoint {self.made} {endpoint.network.name} {self.now()}")

    def _detach(self, endpoint):
        if endpoint.number is not None:
            endpoint.network.give_back(endpoint.number)
        endpoint.number, endpoint.id, endpoint.override = None, "", {}

    def _bring_up(self, container):
        for endpoint in container.endpoints.values():
            self._attach(endpoint)
            if self.version.tells_of_networks:
                yield Event("network", "connect", container, endpoint.network)

    def _take_down(self, container):
        for endpoint in container.endpoints.values():
            if endpoint.number is None:
                continue
            self._detach(endpoint)
            if self.version.tells_of_networks:
                yield Event("network", "disconnect", container, endpoint.network)

    def start(self, container):
        if container.alive:
            raise StateError(f"container {container.name} is running already")
        yield from self._bring_up(container)
        yield from self._begin(container)

    def _begin(self, container):
        if self.version.tells_of_init:
            yield Event("container", "init", container)
        container.state, container.started = "running", self.now()
        if container.health is not None:
            container.health = "starting"
        yield Event("container", "start", container)

    def die(self, container, code=0, state="exited"):
        """Its process ends. state: "restarting" where a restart policy brings it back."""
        if not container.alive:
            raise StateError(f"container {container.name} is not running")
        dies = Event("container", "die", container, None, {"exitCode": str(code)})
        container.exit_code, container.finished = code, self.now()
        if self.version.dies_first:
            container.state = state
            yield dies
            yield from self._take_down(container)
        else:
            yield from self._take_down(container)
            container.state = state
            yield dies

    def come_back(self, container):
        """What the restart policy does after die(state="restarting")."""
        yield from self._bring_up(container)
        yield from self._begin(container)

    def kill(self, container, signal=9):
        yield Event("container", "kill", container, None, {"signal": str(signal)})
        yield from self.die(container, 128 + signal)

    def stop(self, container):
        yield from self.kill(container, 15)
        yield Event("container", "stop", container)

    def restart(self, container):
        yield from self.stop(container)
        yield from self.start(container)
        yield Event("container", "restart", container)

    def remove(self, container):
        if container.alive:
            yield from self.kill(container)
        del self.containers[container.name], self.by_id[container.id]
        yield Event("container", self.version.remove_action, container)

    def pause(self, container):
        container.state = "paused"
        yield Event("container", "pause", container)

    def unpause(self, container):
        container.state = "running"
        yield Event("container", "unpause", container)

    def rename(self, container, name):
        old = container.name
        if name in self.containers:
            raise StateError(f'The container name "/{name}" is already in use')
        self.containers[name] = self.containers.pop(old)
        container.name = name
        yield Event("container", "rename", container, None, {"oldName": "/" + old})

    def health(self, container, health):
        container.health = health
        yield Event("container", "health_status", container, None, {"health": health})

    def connect(self, container, network):
        if network in container.endpoints:
            raise StateError(f"container {container.name} is on network {network} already")
        endpoint = container.endpoints[network] = Endpoint(self.networks[network])
        if container.alive:  # else there is no event
            self._attach(endpoint)
            yield Event("network", "connect", container, endpoint.network)

    def disconnect(self, container, network):
        if network not in container.endpoints:
            raise StateError(f"container {container.name} is not on network {network}")
        endpoint = container.endpoints.pop(network)
        if container.alive:
            self._detach(endpoint)
            for _ in range(self.version.live_disconnects):
                yield Event("network", "disconnect", container, endpoint.network)
