# SPDX-License-Identifier: GPL-2.0-or-later
"""Three hosts in namespaces, each with an engine and a daemon, and one etcd that all of them reach."""

import contextlib
import time

from calico import ADDRESSES, CalicoHost
from datastore import Etcd, endpoint_key
from engine import Engine, Network
from host import Host
from space import Space

DATASTORE = "198.51.100.1"
SLOTS = 4  # containers of a host


class Hub(Space):
    """Where etcd is: with a link to each host."""

    def make_network(self):
        self.batch("link set lo up", "link add hosts type bridge", f"address add {DATASTORE}/24 dev hosts",
                   "link set hosts up")

    def batch(self, *lines):
        self.run(["ip", "-batch", "-"], "\n".join(lines))

    def attach(self, space, number):
        """Makes the link host<number>."""
        self.batch(f"link add host{number} type veth peer name datastore0 netns {space.holder.pid}",
                   f"link set host{number} master hosts", f"link set host{number} up")
        space.run(["ip", "-batch", "-"], f"address add 198.51.100.1{number}/24 dev datastore0\n"
                                         "link set datastore0 up")

    def cut(self, number):
        self.batch(f"link set host{number} down")

    def join(self, number):
        self.batch(f"link set host{number} up")


class Slot:
    """What may be a container: it always claims the same host port."""

    def __init__(self, node, number):
        self.node = node
        self.host_port = 8000 + number
        self.free_address = ADDRESSES[number]  # if it is added by hand
        self.made = 0
        self.state = "absent"  # running, exited
        self.plugin = False  # whether Docker's network plugin has its record
        self.name = self.container = self.endpoint = self.profile = self.port = None

    @property
    def address(self):
        return self.container.endpoints["cal"].address(4) if self.plugin else self.free_address

    @property
    def key(self):
        """Its record's."""
        return endpoint_key(self.node.name, self.endpoint, None if self.plugin else self.container.id)

    def run(self, plugin, profile, port):
        self.made += 1
        self.name = f"{self.node.name}-{self.host_port}-{self.made}"
        self.plugin, self.profile, self.port = plugin, profile, port
        self.endpoint = self.name  # unless the plugin gives one
        self.container = self.node.engine.run(
            self.name, labels={"calico.expose": f"{self.host_port}:{port}"},
            networks=["cal" if plugin else "none"])
        self.state = "running"
        self.put_record()

    def put_record(self, profile=None):
        """By whoever joins it: the list of profiles begins anew."""
        self.profile = profile or self.profile
        if self.plugin:
            self.endpoint = self.container.endpoints["cal"].id
        self.node.etcd.put_endpoint(self.node.name, self.endpoint, [self.address], [self.profile],
                                    None if self.plugin else self.container.id)

    def end(self):
        """What calicoctl added has its record still; the plugin's goes with the network."""
        self.node.engine.kill(self.name)
        self.state = "exited"
        if self.plugin:
            self.node.etcd.delete(self.key)

    def start(self):
        self.node.engine.start(self.name)
        self.state = "running"
        if self.plugin:
            self.put_record()

    def remove(self):
        recorded = not self.plugin or self.state == "running"
        self.node.engine.remove(self.name)
        self.state = "absent"
        if recorded:
            self.node.etcd.delete(self.key)


class Node(CalicoHost):
    """One host. due: when the daemon that was killed is started again."""

    def __init__(self, host, engine, etcd, name, scope):
        super().__init__(host, engine, etcd, name)
        self.scope = scope
        self.slots = [Slot(self, number) for number in range(SLOTS)]
        self.due = None
        self.killed = 0
        engine.state.add_network(Network("none", driver="null", gateway=False))
        engine.state.add_network(Network("cal", "192.168.0.0/24", driver="calico"))
        self.configure(Scope=scope)

    def stop(self, gently, pause):
        assert self.process.alive, f"{self.name}: the daemon ended by itself"
        status = self.process.terminate() if gently else self.process.kill()
        assert status in ((0, -15) if gently else (-9,)), f"{self.name}: the daemon ended with {status}"
        self.killed += 1
        self.due = time.monotonic() + pause

    def start_if_due(self, now):
        if self.due is not None and now >= self.due:
            self.due = None
            self.host.start()

    def needed(self):
        """[(slot, the profile that must have the rule for its port)]."""
        return [(slot, slot.profile if self.scope == "profile" else own_profile(slot.port))
                for slot in self.slots if slot.state == "running"]


def own_profile(port):
    return f"calico-exposed-tcp-{port}"


class Cluster:
    """Use it as a context. scopes: of each host. joins: when a host that was cut off is joined again."""

    def __init__(self, directory, binary, scopes):
        self.directory = directory
        self.binary = binary
        self.scopes = scopes
        self.stack = contextlib.ExitStack()
        self.joins = {}
        self.nodes = []

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.hub = stack.enter_context(Hub())
            self.etcd = stack.enter_context(Etcd(self.directory, f"/proc/{self.hub.holder.pid}/ns/net",
                                                 self.hub.enter[:2], address=DATASTORE))
            for number, scope in enumerate(self.scopes, 1):
                self.nodes.append(self._make_node(stack, number, scope))
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        if self.etcd.process:
            self.etcd.thaw()
        self.stack.close()

    def _make_node(self, stack, number, scope):
        space = stack.enter_context(Space())
        self.hub.attach(space, number)
        engine = stack.enter_context(Engine(space.path("/run/docker.sock")))
        directory = self.directory / f"node{number}"
        directory.mkdir()
        host = stack.enter_context(contextlib.closing(Host(space, engine, directory, self.binary)))
        return Node(host, engine, self.etcd, f"node{number}", scope)

    def cut(self, number, pause):
        """The host does not reach etcd for that long."""
        self.hub.cut(number)
        self.joins[number] = time.monotonic() + pause

    def go_on(self, now):
        """What was killed is started, what was cut off is joined, if it is time."""
        for node in self.nodes:
            node.start_if_due(now)
        for number, due in list(self.joins.items()):
            if now >= due:
                self.hub.join(number)
                del self.joins[number]

    def slots(self):
        return [slot for node in self.nodes for slot in node.slots]

    def diagnosis(self):
        if self.etcd.process:
            self.etcd.thaw()
        records = "\n".join(f"{key} {value}" for key, (value, _) in self.etcd.keys("/").items()) \
            if self.etcd.process else "etcd does not run"
        return "\n\n".join([records, *(f"{node.name}: {node.host.diagnosis()}" for node in self.nodes)])
