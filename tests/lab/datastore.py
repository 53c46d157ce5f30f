# SPDX-License-Identifier: GPL-2.0-or-later
"""An etcd with the v2 API in some network namespace, and Calico's records in it.

Written as calico-containers 0.19 writes them: endpoints by the Docker network plugin and by
`calicoctl container add`, profiles by both.
"""

import ctypes
import http.client
import json
import pathlib
import signal
import socket
import subprocess
import threading
import urllib.parse

from labhost import wait_until

CLONE_NEWNET = 0x40000000
START = 60.0  # seconds: a busy machine
PROFILES = "/calico/v1/policy/profile"
OURS = "/calico-exposed/v1"


def connect_inside(namespace, address):
    """A connection that is made in another network namespace: by a thread, which then ends."""
    result = []

    def run():
        try:
            with open(namespace, encoding="ascii") as file:
                if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) < 0:
                    raise OSError(ctypes.get_errno(), "setns")
            result.append(socket.create_connection(address, 5))
        except OSError as error:
            result.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(result[0], OSError):
        raise result[0]
    return result[0]


CERTIFICATES = """set -e
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout ca-key.pem -out ca.pem
for name in server client; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$name -keyout $name-key.pem -out $name.csr
    printf 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n' >$name.ext
    openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 \\
        -extfile $name.ext -out $name.pem
done
"""


class Etcd:
    """The process. namespace: the path of a network namespace; enter: what runs a command in it.

    tls: it also listens on the next port but one, for clients with a certificate from its
    directory's ca.pem alone.
    """

    def __init__(self, directory, namespace, enter, address="127.0.0.1", port=2379, tls=False):
        self.directory = pathlib.Path(directory)
        self.namespace = namespace
        self.enter = list(enter)
        self.address, self.port = address, port
        self.url = f"http://{address}:{port}"
        self.tls_url = f"https://{address}:{port + 2}" if tls else None
        self.process = None
        if tls:
            subprocess.run(["sh", "-c", CERTIFICATES], cwd=self.directory, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self):
        peer = f"http://{self.address}:{self.port + 1}"
        command = ["setpriv", "--pdeathsig", "KILL",
                   "etcd", "--enable-v2", "--name", "test", "--data-dir", str(self.directory / "etcd"),
                   "--unsafe-no-fsync", "--heartbeat-interval", "50", "--election-timeout", "500",
                   "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
                   "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                   "--initial-cluster", f"test={peer}"]
        if self.tls_url:
            command[command.index("--listen-client-urls") + 1] += f",{self.tls_url}"
            command += ["--client-cert-auth", "--trusted-ca-file", str(self.directory / "ca.pem"),
                        "--cert-file", str(self.directory / "server.pem"),
                        "--key-file", str(self.directory / "server-key.pem")]
        with open(self.directory / "etcd.log", "ab") as log:
            self.process = subprocess.Popen([*self.enter, *command], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        wait_until(self._answers, START, "etcd answers")
        return self

    def _answers(self):
        try:
            return self.request("PUT", "/ready", "yes")[0] in (200, 201)
        except OSError:
            assert self.process.poll() is None, (self.directory / "etcd.log").read_text()[-2000:]
            return False

    def send_signal(self, number):
        self.process.send_signal(number)

    def kill(self, number=signal.SIGKILL):
        """It ends at once; start() brings back what was in it."""
        if self.process:
            self.send_signal(number)
            self.process.wait(10)
            self.process = None

    def freeze(self):
        """Connections are accepted, by the kernel, and nothing is answered."""
        self.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.send_signal(signal.SIGCONT)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()

    # The API.

    def request(self, method, key, value=None, **options):
        connection = http.client.HTTPConnection(self.address, self.port, timeout=5)
        connection.sock = connect_inside(self.namespace, (self.address, self.port))
        query = "?" + urllib.parse.urlencode(options) if options else ""
        body = urllib.parse.urlencode({"value": value}) if value is not None else None
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        try:
            connection.request(method, "/v2/keys" + urllib.parse.quote(key) + query, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        finally:
            connection.close()

    def put(self, key, value):
        """A text, or what is written as JSON."""
        text = value if isinstance(value, str) else json.dumps(value)
        status, answer = self.request("PUT", key, text)
        assert status in (200, 201), answer

    def get(self, key):
        """The text, or None."""
        status, answer = self.request("GET", key, quorum="true")
        return answer["node"].get("value") if status == 200 else None

    def delete(self, key):
        """The key, or the directory with all that is in it."""
        status, answer = self.request("DELETE", key, recursive="true")
        assert status == 200, answer

    def keys(self, root):
        """{key: (value, index)} of all below."""
        status, answer = self.request("GET", root, recursive="true", quorum="true")
        found, nodes = {}, [answer["node"]] if status == 200 else []
        for node in nodes:
            nodes += node.get("nodes", [])
            if "value" in node:
                found[node["key"]] = (node["value"], node["modifiedIndex"])
        return found

    # Calico's records.

    def put_profile(self, name, inbound=None, outbound=({"action": "allow"},)):
        rules = [{"action": "allow", "src_tag": name}] if inbound is None else inbound
        self.put(f"{PROFILES}/{name}/tags", [name])
        self.put(f"{PROFILES}/{name}/labels", {})
        self.put(f"{PROFILES}/{name}/rules",
                 {"id": name, "inbound_rules": rules, "outbound_rules": list(outbound)})

    def inbound(self, profile):
        """Its rules; None if there is no such profile."""
        text = self.get(f"{PROFILES}/{profile}/rules")
        return json.loads(text)["inbound_rules"] if text else None

    def edit_inbound(self, profile, edit):
        """As calicoctl does: read, change the list, write back."""
        key = f"{PROFILES}/{profile}/rules"
        rules = json.loads(self.get(key))
        edit(rules["inbound_rules"])
        self.put(key, rules)

    def put_endpoint(self, host, endpoint, addresses, profiles=(), container=None, **more):
        """container: its full ID, if it was joined by `calicoctl container add`."""
        self.put(endpoint_key(host, endpoint, container), {
            "state": "active", "name": f"cali{endpoint[:11]}", "mac": "EE:EE:EE:EE:EE:EE",
            "profile_ids": list(profiles), "labels": {},
            "ipv4_nets": [f"{address}/32" for address in addresses if ":" not in address],
            "ipv6_nets": [f"{address}/128" for address in addresses if ":" in address], **more})

    def endpoint_profiles(self, host, endpoint, container=None):
        text = self.get(endpoint_key(host, endpoint, container))
        return json.loads(text)["profile_ids"] if text else None

    def delete_endpoint(self, host, endpoint, container=None):
        self.delete(endpoint_key(host, endpoint, container))


def endpoint_key(host, endpoint, container=None):
    workload = f"docker/{container}" if container else "libnetwork/libnetwork"
    return f"/calico/v1/host/{host}/workload/{workload}/endpoint/{endpoint}"


def allow(port, protocol="tcp", **more):
    """The rule as calicoctl writes it."""
    return {"action": "allow", "protocol": protocol, **more, "dst_ports": [port]}


def namespace_of(pid):
    return f"/proc/{pid}/ns/net"


