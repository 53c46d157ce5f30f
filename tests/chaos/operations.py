# SPDX-License-Identifier: GPL-2.0-or-later
"""Random operations, chosen by nothing but the random numbers and what was chosen before.

An operation is a list of words that a file can hold; actions.py carries it out.
Some will fail on a real host (a published port is taken, a network is gone):
what is true is always read from the host, never taken from the sketch here.
"""

import dataclasses

# Few host ports, so that containers and others meet on them.
PORTS = range(8080, 8086)
BALANCED = ("8090:80", "8090:80", "8090:81", "8091:53/udp", "9004-9005", "203.0.113.1:8092:80",
            "8090-8091:80-81")
INSIDE = ["80", "81", "9000", "9001"]
INSIDE_UDP = ["53", "9000", "9001"]
# What `answer` listens on, in every container.
LISTENING = ["80", "81", "53/udp", "9000", "9001", "9000/udp", "9001/udp"]
ADDRESSES = ["203.0.113.1:", "127.0.0.1:", "0.0.0.0:", "[::]:", "[2001:db8:1::1]:", "[::1]:",
             "192.0.2.77:", "172.17.0.1:"]
RANGES = ["8080-8082:9000-9002", "8082-8084:9000-9002/udp", "9000-9003", "9002-9005/udp",
          "203.0.113.1:8081-8083:9000-9002", "[::]:9001-9002", "8083-8084:9000-9001"]
REFUSED = ["22", "20-25:9000-9005", "0", "65536", "http", "80x", "+80", "8 0", "8080:", "80-",
           "90-80", "8080-8081:80", "8080:80/icmp", "8080:80/", ":80", "127.0.0.1::80", "",
           "1.2.3:80", "localhost:8080:80", "eth0:8080:80", "[fe80::1%eth0]:8080:80",
           "2001:db8::1:443:443", "8080:80:81:82", "8080:80/tcp/udp", "8081:80\x07"]
OTHERS = {
    "network": ["front", "plain", "cal", "bridge", "nowhere"],
    "profile": ["web", "we b/x", ""],
    "interface": ["eth0", "lo", "eth0, lo", "docker0", "bad/name"],
    "from": ["203.0.113.0/24,2001:db8::/32", "192.0.2.0/24", "203.0.113.2", "2001:db8:1::2", "x"],
    "when": ["healthy", "running", "sometimes"],
    "colour": ["red"],
}
NETWORKS = ["bridge"] * 6 + ["front"] * 3 + ["plain"] * 2 + ["cal"] * 3 + ["inner"]
# Not `inner`, which is internal: Docker 20.10 does not tell that its gateway is none.
CONNECTED = ["front", "plain", "cal", "spare"]
SPARE_SUBNETS = ["10.77.0.0/24", "10.78.0.0/16"]
CONFIGURATION = {
    "Ports": ["8000-9999", "80,8080-8083,9000-9003"],
    "ReservedPorts": ["22,8081", "8080-8081", ""],
    "ImageLabels": ["honor"],
    "Enforce": ["yes"],
    "Localhost": ["no"],
    "Addresses": ["203.0.113.0/24", "203.0.113.1,2001:db8:1::/64"],
    "Interfaces": ["eth0", "eth0,lo"],
    "Mark": ["0x200/0x200", "0x1000/0xf000"],
}
LISTENERS = ["0.0.0.0", "::", "127.0.0.1", "203.0.113.1", "2001:db8:1::1"]
CONTAINERS_MAX = 10
HEALTH_CHECKS_MAX = 2
BURSTS = [1, 1, 1, 2, 2, 3, 4, 6]


@dataclasses.dataclass
class Sketch:
    """What the operations so far have probably led to."""

    live_restore: bool
    states: dict = dataclasses.field(default_factory=dict)  # container: running, paused, exited
    health: set = dataclasses.field(default_factory=set)  # containers with a health check
    sick: set = dataclasses.field(default_factory=set)
    inner: set = dataclasses.field(default_factory=set)  # containers on the internal network
    immortal: set = dataclasses.field(default_factory=set)  # containers that are started again
    listeners: list = dataclasses.field(default_factory=list)
    stopped: bool = False  # the daemon
    number: int = 0

    def names(self, *states):
        return [name for name, state in self.states.items() if state in states]


def chance(random, probability):
    return random.random() < probability


class Chooser:
    """Makes one step after the other, each a list of operations without a pause in between."""

    def __init__(self, random, live_restore):
        self.random = random
        self.sketch = Sketch(live_restore)

    def step(self):
        if self.sketch.stopped:
            self.sketch.stopped = False
            return [*self.burst(), ["daemon", "start"], *self.burst()]
        themes = [(60, self.burst), (8, self.with_daemon_damage), (8, self.with_rules_damage),
                  (4, self.with_docker_damage), (2, self.docker_away), (2, self.daemon_stopped),
                  (7, self.reload)]
        if len(self.sketch.states) < 4:
            themes = themes[:1]
        weights, makers = zip(*themes)
        return self.random.choices(makers, weights)[0]()

    def burst(self):
        operations = []
        for _ in range(self.random.choice(BURSTS)):
            operations += self.operation()
        return operations

    def operation(self):
        """One operation that is possible now, as a list."""
        weights = {
            self.run: 30 if len(self.sketch.states) < CONTAINERS_MAX else 0,
            self.run_many: 4 if len(self.sketch.states) < CONTAINERS_MAX - 3 else 0,
            self.remove: 3 * max(0, len(self.sketch.states) - 3),
            self.stop: 8, self.kill: 8, self.restart: 8, self.start: 10, self.die: 8,
            self.pause: 5, self.unpause: 8, self.rename: 3, self.connect: 8, self.disconnect: 8,
            self.flip_health: 10, self.listen: 6, self.unlisten: 6, self.renew_network: 2,
        }
        while True:
            maker = self.random.choices(list(weights), list(weights.values()))[0]
            if operations := maker():
                return operations

    # Containers

    def pick(self, *states):
        names = self.sketch.names(*states)
        return self.random.choice(names) if names else None

    def act(self, verb, states, after, *options):
        """A command of Docker's on one container in one of these states."""
        name = self.pick(*states)
        if not name:
            return []
        self.sketch.states[name] = after
        return [["run", "docker", verb, *options, name]]

    def run(self):
        self.sketch.number += 1
        name = f"c{self.sketch.number}"
        self.sketch.states[name] = "running"
        return [["run", "docker", "run", "--detach", "--pull", "never", "--name", name,
                 *self.options(name)]]

    def run_many(self):
        return [["together", *(self.run()[0][1:] for _ in range(3))]]

    def options(self, name):
        random, options = self.random, []
        if chance(random, 0.85):
            options += self.labels()
        if chance(random, 0.15):
            options += ["--publish", self.published()]
        if chance(random, 0.3):
            options += ["--restart", random.choice(["always", "unless-stopped", "on-failure"])]
            if options[-1] != "on-failure":
                self.sketch.immortal.add(name)
        if len(self.sketch.health) < HEALTH_CHECKS_MAX and chance(random, 0.3):
            self.sketch.health.add(name)
            options += ["--health-cmd", "test ! -e /sick", "--health-interval", "1s",
                        "--health-retries", "1"]
        kind = random.random()
        if kind < 0.03:
            return [*options, "--network", "host", "answer", name, "8083", "8084/udp"]
        if kind < 0.06:
            return [*options, "--network", "none", "answer", name, *LISTENING]
        if kind < 0.09 and (owner := self.pick("running")):
            return [*options, "--network", f"container:{owner}", "answer", name, "7000"]
        image = "labelled" if chance(random, 0.15) else "answer"
        network = random.choice(NETWORKS)
        if network == "inner":
            self.sketch.inner.add(name)
        return [*options, "--network", network, image, name, *LISTENING]

    def labels(self):
        random, labels = self.random, {}
        if chance(random, 0.3):
            labels["mode"] = random.choices(["balance", "exclusive", "both"], [8, 1, 1])[0]
        balance = labels.get("mode") == "balance"
        entries = [random.choice(BALANCED) if balance and chance(random, 0.8) else self.entry()
                   for _ in range(random.choice([1, 1, 2, 3]))]
        for key, values in OTHERS.items():
            if chance(random, 0.12):
                labels[key] = random.choices(values, [3] * (len(values) - 1) + [1])[0]
        return [word for key, value in [("", ",".join(entries)), *labels.items()]
                for word in ("--label", f"calico.expose{'.' if key else ''}{key}={value}")]

    def entry(self):
        random, kind = self.random, self.random.random()
        if kind < 0.1:
            return random.choice(REFUSED)
        if kind < 0.25:
            return random.choice(RANGES)
        if kind < 0.3:
            return random.choice(["80", "9000/udp", " 8080:80 ", "8080:80/TCP", "8085:77/sctp"])
        udp = chance(random, 0.3)
        inside = random.choice(INSIDE_UDP if udp else INSIDE)
        address = random.choice(ADDRESSES) if chance(random, 0.25) else ""
        return f"{address}{random.choice(PORTS)}:{inside}{'/udp' if udp else ''}"

    def published(self):
        address = self.random.choice(["", "", "127.0.0.1:", "203.0.113.1:"])
        return f"{address}{self.random.choice(PORTS)}:{self.random.choice(['80', '53/udp'])}"

    def remove(self):
        name = self.pick("running", "paused", "exited")
        if not name:
            return []
        del self.sketch.states[name]
        self.sketch.health.discard(name)
        return [["run", "docker", "rm", "--force", name]]

    def stop(self):
        return self.act("stop", ["running"], "exited", "--time", "1")

    def kill(self):
        return self.act("kill", ["running"], "exited")

    def restart(self):
        return self.act("restart", ["running", "exited"], "running", "--time", "1")

    def start(self):
        return self.act("start", ["exited"], "running")

    def pause(self):
        return self.act("pause", ["running"], "paused")

    def unpause(self):
        return self.act("unpause", ["paused"], "running")

    def die(self):
        """By itself: what happens then is up to its restart policy."""
        name = self.pick("running")
        if not name:
            return []
        if name not in self.sketch.immortal:
            self.sketch.states[name] = "exited"
        return [["run", "docker", "exec", name, "/bin/kill", "1"]]

    def rename(self):
        name = self.pick("running", "paused", "exited")
        if not name:
            return []
        self.sketch.number += 1
        new = f"c{self.sketch.number}"
        self.sketch.states[new] = self.sketch.states.pop(name)
        for names in (self.sketch.health, self.sketch.sick, self.sketch.inner,
                      self.sketch.immortal):
            if name in names:
                names.symmetric_difference_update({name, new})
        return [["run", "docker", "rename", name, new]]

    def connect(self):
        name = self.pick("running", "paused", "exited")
        if not name or name in self.sketch.inner:
            return []
        return [["run", "docker", "network", "connect", self.random.choice(CONNECTED), name]]

    def disconnect(self):
        name = self.pick("running", "paused")
        return [["run", "docker", "network", "disconnect",
                 self.random.choice(["bridge", *CONNECTED]), name]] if name else []

    def flip_health(self):
        names = [name for name in self.sketch.names("running") if name in self.sketch.health]
        if not names:
            return []
        name = self.random.choice(names)
        verb = ["rm", "-f"] if name in self.sketch.sick else ["touch"]
        self.sketch.sick ^= {name}
        return [["run", "docker", "exec", name, *verb, "/sick"]]

    def renew_network(self):
        """One that nobody may be on any more comes back as another."""
        subnet = self.random.choice(SPARE_SUBNETS)
        return [["run", "docker", "network", "rm", "spare"],
                ["run", "docker", "network", "create", "--subnet", subnet, "spare"]]

    # Processes of the host

    def listen(self):
        if len(self.sketch.listeners) >= 2:
            return []
        listener = [self.random.choice(["tcp", "udp"]), self.random.choice([*PORTS, 8090])]
        if listener in self.sketch.listeners:
            return []
        self.sketch.listeners.append(listener)
        return [["listen", listener[0], self.random.choice(LISTENERS), listener[1]]]

    def unlisten(self):
        if not self.sketch.listeners:
            return []
        listener = self.random.choice(self.sketch.listeners)
        self.sketch.listeners.remove(listener)
        return [["unlisten", *listener]]

    # Damage

    def with_daemon_damage(self):
        verb = self.random.choice(["kill", "kill", "restart", "freeze"])
        if verb == "freeze":
            return [*self.burst(), ["daemon", "freeze"], *self.burst(), ["daemon", "thaw"]]
        again = [["daemon", verb]] * self.random.choice([0, 0, 1])
        return [*self.burst(), ["daemon", verb], *self.burst(), *again]

    def with_rules_damage(self):
        user = ["iptables", "ip6tables"]
        damage = self.random.choice([
            [["run", "nft", "flush", "ruleset"]],
            [["run", tool, "-F", "DOCKER-USER"] for tool in user],
            [["run", tool, "-I", "DOCKER-USER", "-s", "::9" if "6" in tool else "198.51.100.9",
              "-j", "DROP"] for tool in user],
            [["noise", "start"], *self.burst(), *self.burst(), ["noise", "stop"]],
            [["run", "nft", "flush", "ruleset"], ["docker", "restart"]],
        ])
        return [*self.burst(), *damage, *self.burst()]

    def with_docker_damage(self):
        """What happens meanwhile needs no Docker."""
        random = self.random
        # Killed without live-restore, Docker leaves interfaces behind that answer for addresses
        # which it then gives to others.
        down, up = random.choice([("stop", "start"), ("freeze", "thaw"),
                                  ("kill" if self.sketch.live_restore else "stop", "start")])
        damage = [["daemon", "kill"], ["daemon", "restart"], ["run", "nft", "flush", "ruleset"]]
        meanwhile = [random.choice(damage)] if chance(random, 0.5) else []
        victim = self.pick("running")
        if down == "freeze" and victim and chance(random, 0.5):
            meanwhile.append(["kill-process", victim])
        if down != "freeze" and not self.sketch.live_restore:
            self.sketch.states |= dict.fromkeys(self.sketch.states, "exited")
        return [*self.burst(), ["docker", down], *meanwhile, ["docker", up], *self.burst()]

    def docker_away(self):
        """Alone, so that before and after can be compared."""
        if not self.sketch.live_restore:
            return self.with_docker_damage()
        damage = [["daemon", "kill"]] if chance(self.random, 0.5) else []
        return [["docker", "stop"], *damage, ["look-away"], ["docker", "start"]]

    def daemon_stopped(self):
        self.sketch.stopped = True
        return [["daemon", "stop"], *self.burst()]

    def reload(self):
        keys = {key: self.random.choice(values) for key, values in CONFIGURATION.items()
                if chance(self.random, 0.25)}
        bad = [["bad-configuration"]] if chance(self.random, 0.2) else []
        return [*self.burst(), *bad, ["configuration", keys], *self.burst()]
