# SPDX-License-Identifier: GPL-2.0-or-later
"""How each version writes what it knows, and in which order it tells of it.

What it writes is made from the recordings in tests/unit/docker/fixtures: an answer of that
version is taken as it came, and what depends on the container is put in its place.
"""

import copy
import functools
import json
import pathlib
import time

from .state import ALIVE

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "unit" / "docker" / "fixtures"
NANOSECONDS = 1_000_000_000
NEVER = "0001-01-01T00:00:00Z"


def encode(value):
    """As Go's encoding/json does it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8", "replace")


def timestamp(nanoseconds):
    if nanoseconds == 0:
        return NEVER
    seconds, rest = divmod(nanoseconds, NANOSECONDS)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{rest:09d}".rstrip("0").rstrip(".") + "Z"


@functools.lru_cache(None)
def load(path):
    return json.loads((FIXTURES / path).read_text(encoding="utf-8"))


class Docker:
    """What Docker's versions have in common; the details are those of 20.10."""

    folder = "docker-20.10"
    template = "inspect-plain.json"
    image_template = "docker-20.10/image-plain.json"
    api, api_min = "1.41", "1.12"
    server = "Docker/20.10.24 (linux)"
    dies_first = True          # die comes before disconnect
    live_disconnects = 2       # how often a disconnect of a running container is told
    tells_of_networks = True   # connect at start, disconnect at the end
    tells_of_init = False
    refuses_filters = False
    states = ("created", "removing", "exited", "dead", *ALIVE)
    listed = ALIVE             # where neither all nor a state is asked for
    remove_action = "destroy"
    health_in_list = False
    event_status = True        # status, id and from beside Action and Actor

    def ping_headers(self):
        return {"Api-Version": self.api, "Docker-Experimental": "false", "Ostype": "linux",
                "Server": self.server}

    # Lists.

    def row(self, container):
        row = copy.copy(load(f"{self.folder}/list.json")[0])
        row.update(Id=container.id, Names=["/" + container.name], Image=container.image.name,
                   ImageID=container.image.id, Created=container.created // NANOSECONDS,
                   Ports=row_ports(container), Labels=container.labels, State=container.state,
                   Status=status_text(container),
                   NetworkSettings={"Networks": self.networks(container)})
        if "HostConfig" in row:
            row["HostConfig"] = {"NetworkMode": self.network_mode(container)}
        if self.health_in_list:
            row["Health"] = {"Status": container.health or "none", "FailingStreak": 0}
        return row

    # Inspects.

    def inspect(self, container):
        answer = copy.copy(load(f"{self.folder}/{self.template}"))
        answer.update(Id=container.id, Created=timestamp(container.created),
                      Name="/" + container.name, Image=container.image.id,
                      State=self.state(container, answer["State"]))
        answer["HostConfig"] = {**answer["HostConfig"], "PortBindings": port_bindings(container),
                                "NetworkMode": self.network_mode(container)}
        answer["Config"] = {**answer["Config"], "Image": container.image.name,
                            "Labels": container.labels}
        answer["NetworkSettings"] = self.settings(container, answer["NetworkSettings"])
        return answer

    def state(self, container, template):
        state = {**template, "Status": container.state, "Running": container.alive,
                 "Paused": container.state == "paused", "Dead": container.state == "dead",
                 "Restarting": container.state == "restarting", "ExitCode": container.exit_code,
                 "Pid": 4711 if container.state in ("running", "paused") else 0,
                 "StartedAt": timestamp(container.started),
                 "FinishedAt": timestamp(container.finished)}
        state.pop("Health", None)
        health = self.health(container)
        if health is not None:
            state["Health"] = {"Status": health, "FailingStreak": 0, "Log": []}
        return state

    def health(self, container):
        return container.health

    def settings(self, container, template):
        networks = self.networks(container)
        settings = {**template, "Ports": inspect_ports(container), "Networks": networks}
        of_bridge = networks.get("bridge", {})
        for key in ("EndpointID", "Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen",
                    "IPAddress", "IPPrefixLen", "IPv6Gateway", "MacAddress"):
            if key in settings:
                settings[key] = of_bridge.get(key, 0 if key.endswith("Len") else "")
        return settings

    def network_mode(self, container):
        if container.network_mode:
            return container.network_mode
        first = next(iter(container.endpoints), "none")
        return "default" if first == "bridge" else first

    def networks(self, container):
        return {name: self.endpoint(endpoint)
                for name, endpoint in sorted(container.endpoints.items())}

    def endpoint(self, endpoint):
        network = endpoint.network
        up = endpoint.number is not None
        lengths = {4: network.ipv4.prefixlen if network.ipv4 else 0,
                   6: network.ipv6.prefixlen if network.ipv6 else 0}
        return {**self.endpoint_template(), "NetworkID": network.id, "EndpointID": endpoint.id,
                "Gateway": network.gateway_address(4) if up else "",
                "IPAddress": endpoint.address(4),
                "IPPrefixLen": lengths[4] if up else 0,
                "IPv6Gateway": network.gateway_address(6) if up else "",
                "GlobalIPv6Address": endpoint.address(6),
                "GlobalIPv6PrefixLen": lengths[6] if up else 0,
                "MacAddress": network.mac(endpoint.number) if up else ""}

    def endpoint_template(self):
        networks = load(f"{self.folder}/{self.template}")["NetworkSettings"]["Networks"]
        return next(iter(networks.values()))

    # Images.

    def image(self, image):
        answer = copy.copy(load(self.image_template))
        answer.update(Id=image.id, RepoTags=[image.name + ":latest"])
        answer["Config"] = {**answer["Config"], "Labels": image.labels or None}
        return answer

    # Events.

    def event(self, event, now):
        action = event.action
        if action == "health_status":
            action += ": " + event.attributes["health"]
        body = {"Type": event.kind, "Action": action, "Actor": self.actor(event),
                "scope": "local", "time": now // NANOSECONDS, "timeNano": now}
        if self.event_status and event.kind == "container":
            body = {"status": action, "id": event.container.id,
                    "from": event.container.image.name, **body}
        return body

    def actor(self, event):
        if event.kind == "network":
            return {"ID": event.network.id,
                    "Attributes": {"container": event.container.id, "name": event.network.name,
                                   "type": event.network.driver}}
        extra = {key: value for key, value in event.attributes.items() if key != "health"}
        return {"ID": event.container.id,
                "Attributes": {**event.container.labels, **extra, "name": event.container.name,
                               "image": event.container.image.name}}


class Docker26(Docker):
    """From 23 on, disconnect comes before die."""

    folder = "docker-26"
    image_template = "docker-26/image-plain.json"
    api, api_min = "1.45", "1.24"
    server = "Docker/26.1.5 (linux)"
    dies_first = False


class Docker29(Docker26):
    """The newest shape, which is that of API 1.52, whatever the client asks for."""

    folder = "docker-29"
    image_template = "docker-29/image-plain.json"
    api, api_min = "1.52", "1.44"
    server = "Docker/29.0.2 (linux)"
    health_in_list = True
    event_status = False


class Podman(Docker):
    """Its compatible socket: other events, no NetworkMode in the list, health always there."""

    folder = "podman-4.3"
    template = "inspect-flap.json"
    image_template = "podman/image-labelled.json"
    server = "Libpod/4.3.1 (linux)"
    live_disconnects = 1
    tells_of_networks = False
    tells_of_init = True
    refuses_filters = True
    states = ("created", "removing", "exited", "running", "paused", "stopping")
    listed = ("running",)
    remove_action = "remove"

    def ping_headers(self):
        return {**super().ping_headers(), "Libpod-Api-Version": "4.3.1"}

    def health(self, container):
        return container.health or ""

    def network_mode(self, container):
        return container.network_mode or "bridge"

    def event(self, event, now):
        body = super().event(event, now)
        if event.action == "health_status":
            body.update(status="health_status", Action="health_status",
                        HealthStatus=event.attributes["health"])
        if event.kind == "network":
            body = {"status": event.action, "id": event.container.id, **body}
        return body

    def actor(self, event):
        actor = super().actor(event)
        if event.kind == "network":
            actor = {"ID": event.container.id,
                     "Attributes": {"image": "", "name": event.container.name}}
        actor["Attributes"].update(containerExitCode=str(event.container.exit_code), podId="")
        return actor


VERSIONS = {version.folder: version for version in (Docker, Docker26, Docker29, Podman)}


def status_text(container):
    names = {"starting": "health: starting", None: ""}
    health = names.get(container.health, container.health)
    health = f" ({health})" if health else ""
    return {"running": f"Up 1 second{health}", "paused": "Up 1 second (Paused)",
            "restarting": f"Restarting ({container.exit_code}) 1 second ago",
            "created": "Created"}.get(container.state, f"Exited ({container.exit_code})")


def row_ports(container):
    if container.state not in ALIVE:
        return []
    return [{"IP": host, "PrivatePort": inside, "PublicPort": port, "Type": protocol}
            for host, port, inside, protocol in container.published]


def inspect_ports(container):
    return port_bindings(container) if container.alive else {}


def port_bindings(container):
    bindings = {}
    for host, port, inside, protocol in container.published:
        bindings.setdefault(f"{inside}/{protocol}", []).append(
            {"HostIp": host, "HostPort": str(port)})
    return bindings
