# SPDX-License-Identifier: GPL-2.0-or-later
"""A host whose daemon keeps its profile rules in Calico's datastore."""

import json
import pathlib
import signal
import subprocess

from datastore import OURS, PROFILES, allow, endpoint_key
from labhost import wait_until

NODE = "node1"
PROMPT = 1.0   # what the project promises, of the kernel and of the datastore
PATIENT = 15.0  # a datastore that comes back is found by then: pauses grow to 10 s
ADDRESSES = [f"192.168.0.{number}" for number in range(20, 34)]  # which the engine does not come to


class CalicoHost:
    """Its daemon, engine and datastore together. name: Calico's of this host."""

    def __init__(self, host, engine, etcd, name=NODE):
        self.name = name
        self.host = host
        self.engine = engine
        self.etcd = etcd
        self.configure()

    @property
    def process(self):
        return self.host.process

    # The configuration.

    def configure(self, reload=False, **keys):
        """Keys of [Profile]; backend="nftables" for none at all."""
        keys = {"Backend": "calico-v1", "Hostname": self.name, "Endpoints": self.etcd.url, **keys}
        text = "[Profile]\n" + "".join(f"{key}={value}\n" for key, value in keys.items())
        path = pathlib.Path(self.host.space.path("/etc/calico-exposed/calico-exposed.conf"))
        path.write_text(text, encoding="utf-8")
        if reload:
            before = len(self.process.said("onfiguration"))
            self.process.signal(signal.SIGHUP)
            wait_until(lambda: len(self.process.said("onfiguration")) > before, 5, "it was reloaded")

    # Containers.

    def run(self, name, expose="80", address=None, profiles=("cal",), record=True, **labels):
        """On the network of Docker's plugin, with its record; returns the endpoint."""
        labels = {f"calico.expose.{key}": value for key, value in labels.items()}
        container = self.engine.run(name, labels={"calico.expose": expose, **labels},
                                    networks=["cal"])
        endpoint = container.endpoints["cal"]
        if record:
            self.etcd.put_endpoint(self.name, endpoint.id, [address or endpoint.address(4)], profiles)
        return endpoint.id

    def remove(self, name):
        """With its record, as the plugin does."""
        endpoint = self.engine.state.find(name).endpoints["cal"].id
        self.engine.remove(name)
        if self.etcd.get(endpoint_key(self.name, endpoint)):
            self.etcd.delete_endpoint(self.name, endpoint)

    def run_alone(self, name, expose="80", **labels):
        """Without any network of Docker's, for `calicoctl container add`; returns its ID."""
        labels = {f"calico.expose.{key}": value for key, value in labels.items()}
        return self.engine.run(name, labels={"calico.expose": expose, **labels},
                               networks=["none"]).id

    # What became of it.

    def sends(self, port):
        return self.host.sends(port)

    def await_sent(self, port, address, deadline=PROMPT):
        wait_until(lambda: self.sends(port) == address, deadline, f"{port} goes to {address}")

    def await_rule(self, profile, rule, deadline=PROMPT):
        wait_until(lambda: rule in (self.etcd.inbound(profile) or ()), deadline,
                   f"{profile} has {rule}")

    def await_no_rule(self, profile, rule, deadline=PROMPT):
        wait_until(lambda: rule not in (self.etcd.inbound(profile) or ()), deadline,
                   f"{profile} has not {rule}")

    def await_member(self, endpoint, profiles, deadline=PROMPT, **where):
        wait_until(lambda: self.etcd.endpoint_profiles(self.name, endpoint, **where) == profiles,
                   deadline, f"{endpoint} has {profiles}")

    def await_open(self, port, address, endpoint, deadline=PROMPT, **where):
        """Scope=endpoint: all of it."""
        own = f"calico-exposed-tcp-{port}"
        self.await_sent(port, address, deadline)
        wait_until(lambda: own in (self.etcd.endpoint_profiles(self.name, endpoint, **where) or ()),
                   deadline, f"{endpoint} has {own}")
        assert self.etcd.inbound(own) == [allow(port)]

    def written(self):
        """All that we may write, with its index: what nobody has written stays equal."""
        return {**self.etcd.keys(PROFILES), **self.etcd.keys(OURS),
                **self.etcd.keys(f"/calico/v1/host/{self.name}")}

    def await_settled(self, ports=None):
        """All that it wants is in place: the status says nothing else. ports: that are exposed."""
        exposed = f"{ports} port" if ports is not None else ""
        wait_until(lambda: self.host.status.startswith(exposed) and "profile rule" not in self.host.status
                   and "datastore" not in self.host.status, PATIENT, f"nothing is pending: {self.host.status}")

    def status_of(self, *arguments):
        """A verb's exit status and what it says on both streams."""
        result = subprocess.run([*self.host.space.enter, self.host.binary, *arguments], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return result.returncode, result.stdout, result.stderr

    def claims(self):
        """As `list --json` has them, by container and host port."""
        claims = json.loads(self.status_of("list", "--json")[1])["claims"]
        return {(claim["container_name"], claim["host_port"]): claim for claim in claims}
