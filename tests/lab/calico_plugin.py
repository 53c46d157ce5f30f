#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A Docker network plugin that wires containers as Calico's does, for the tests.

Every container gets a veth pair: the host's end is cali<11 hex>, the container
has a /32 (and a /128) and sends everything to 169.254.1.1, which the host's end
answers for by proxy ARP; the host has a route to each address. There is no
bridge, and Docker publishes nothing on such a network. Felix would set what is
set here for the host's end.

    calico_plugin.py DIRECTORY [DATASTORE HOSTNAME]

Speaks libnetwork's remote driver and IPAM protocols. Docker knows a driver by
the name of its socket: calico.sock and calico-ipam.sock, in the directory given.
With the address of an etcd, it keeps the records there that Calico's plugin of
version 0.8 keeps: of each endpoint, and a profile for each network, called by
the network's ID.
"""

import http.server
import itertools
import json
import os
import pathlib
import socketserver
import subprocess
import sys
import threading
import urllib.parse
import urllib.request

GATEWAY = "169.254.1.1"
MAC = "ee:ee:ee:ee:ee:ee"
HOST_MAC = "02:ca:11:c0:00:01"
GATEWAY6 = "fe80::ca:11ff:fec0:1"  # what HOST_MAC makes of itself
POOLS = {False: ("pool4", "0.0.0.0/0"), True: ("pool6", "::/0")}


class Datastore:
    """Calico's records in etcd (v2)."""

    def __init__(self, url, hostname):
        self.root = f"{url}/v2/keys/calico/v1"
        self.endpoints = f"host/{hostname}/workload/libnetwork/libnetwork/endpoint"

    def call(self, method, key, value=None):
        data = urllib.parse.urlencode({"value": json.dumps(value)}).encode() if value is not None else None
        request = urllib.request.Request(f"{self.root}/{key}", data, method=method)
        urllib.request.urlopen(request, timeout=5).close()

    def put_profile(self, name):
        allow = {"action": "allow"}
        self.call("PUT", f"policy/profile/{name}/tags", [name])
        self.call("PUT", f"policy/profile/{name}/labels", {})
        self.call("PUT", f"policy/profile/{name}/rules", {
            "id": name, "inbound_rules": [{**allow, "src_tag": name}], "outbound_rules": [allow]})

    def put_endpoint(self, endpoint, network, addresses):
        self.call("PUT", f"{self.endpoints}/{endpoint}", {
            "state": "active", "name": host_name(endpoint), "mac": MAC.upper(), "profile_ids": [network],
            "labels": {}, "ipv4_nets": [address for address in addresses if ":" not in address],
            "ipv6_nets": [address for address in addresses if ":" in address]})

    def delete_endpoint(self, endpoint):
        self.call("DELETE", f"{self.endpoints}/{endpoint}")


class Network:
    """All endpoints of the plugin; addresses are never used twice."""

    datastore = None

    def __init__(self):
        self.endpoints = {}
        self.numbers = itertools.count(1)
        self.lock = threading.Lock()

    def answer(self, method, request):
        """Docker waits for an answer to everything, and most of it needs none."""
        handler = {
            "/Plugin.Activate": lambda _: {"Implements": ["NetworkDriver", "IpamDriver"]},
            "/NetworkDriver.GetCapabilities": lambda _: {"Scope": "local"},
            "/NetworkDriver.CreateNetwork": self.create_network,
            "/NetworkDriver.CreateEndpoint": self.create_endpoint,
            "/NetworkDriver.EndpointOperInfo": lambda _: {"Value": {}},
            "/NetworkDriver.Join": self.join,
            "/NetworkDriver.Leave": self.leave,
            "/NetworkDriver.DeleteEndpoint": self.delete_endpoint,
            "/IpamDriver.GetDefaultAddressSpaces": lambda _: {
                "LocalDefaultAddressSpace": "CalicoLocal",
                "GlobalDefaultAddressSpace": "CalicoGlobal"},
            "/IpamDriver.RequestPool": self.request_pool,
            "/IpamDriver.RequestAddress": self.request_address,
        }.get(method, lambda _: {})
        with self.lock:
            return handler(request)

    def request_pool(self, request):
        name, pool = POOLS[request.get("V6", False)]
        return {"PoolID": name, "Pool": pool,
                "Data": {"com.docker.network.gateway": pool}}

    def request_address(self, request):
        number = next(self.numbers)
        if request["PoolID"] == "pool6":
            return {"Address": f"fd00:ca11::{number:x}/128"}
        return {"Address": f"192.168.{number // 250}.{number % 250 + 1}/32"}

    def create_network(self, request):
        if self.datastore:
            self.datastore.put_profile(request["NetworkID"])
        return {}

    def create_endpoint(self, request):
        interface = self.endpoints[request["EndpointID"]] = request["Interface"]
        if self.datastore:
            self.datastore.put_endpoint(request["EndpointID"], request["NetworkID"], addresses_of(interface))
        return {"Interface": {"MacAddress": MAC}}

    def join(self, request):
        endpoint = request["EndpointID"]
        interface = self.endpoints[endpoint]
        wire(endpoint, addresses_of(interface))
        answer = {
            "InterfaceName": {"SrcName": temporary_name(endpoint), "DstPrefix": "cali"},
            "Gateway": GATEWAY,
            "StaticRoutes": [{"Destination": f"{GATEWAY}/32", "RouteType": 1}],
        }
        if interface.get("AddressIPv6"):
            answer["GatewayIPv6"] = GATEWAY6
            answer["StaticRoutes"].append({"Destination": f"{GATEWAY6}/128", "RouteType": 1})
        return answer

    def leave(self, request):
        subprocess.run(["ip", "link", "delete", host_name(request["EndpointID"])], check=False)
        return {}

    def delete_endpoint(self, request):
        self.endpoints.pop(request["EndpointID"], None)
        if self.datastore:
            self.datastore.delete_endpoint(request["EndpointID"])
        return {}


def addresses_of(interface):
    return [interface[key] for key in ("Address", "AddressIPv6") if interface.get(key)]


def host_name(endpoint):
    return f"cali{endpoint[:11]}"


def temporary_name(endpoint):
    """What Docker moves into the container and renames there."""
    return f"tmp{endpoint[:11]}"


def wire(endpoint, addresses):
    host = host_name(endpoint)
    ip("link", "add", host, "address", HOST_MAC, "type", "veth",
       "peer", "name", temporary_name(endpoint), "address", MAC)
    set_sysctl(f"conf/{host}/proxy_arp", "1")
    # Without this the kernel takes up to 0.8 s for each answer that it gives for others.
    set_sysctl(f"neigh/{host}/proxy_delay", "0")
    set_sysctl(f"conf/{host}/rp_filter", "1")
    ip("link", "set", host, "up")
    for address in addresses:
        ip("route", "add", address, "dev", host)


def set_sysctl(name, value):
    pathlib.Path("/proc/sys/net/ipv4", name).write_text(value, encoding="ascii")


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


class Handler(http.server.BaseHTTPRequestHandler):
    network = Network()

    def do_POST(self):  # the name that http.server calls
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            answer = self.network.answer(self.path, json.loads(body or "{}"))
        except (KeyError, OSError, subprocess.CalledProcessError) as error:
            answer = {"Err": repr(error)}
        print(self.path, body.decode(), "->", answer, flush=True)
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.docker.plugins.v1.1+json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments):
        pass  # a unix socket has no client address to log


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def server_bind(self):
        if os.path.exists(self.server_address):
            os.unlink(self.server_address)
        super().server_bind()


def main(directory, *datastore):
    if datastore:
        Network.datastore = Datastore(*datastore)
    os.makedirs(directory, exist_ok=True)
    for name in ("calico", "calico-ipam"):
        server = Server(os.path.join(directory, f"{name}.sock"), Handler)
        threading.Thread(target=server.serve_forever).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
