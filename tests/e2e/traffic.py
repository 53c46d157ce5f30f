#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""More packets than probe.py sends, and a process of the host that answers them.

    traffic.py survey [PROTOCOL ADDRESS PORT]...    who answers on each of these, as a JSON list
    traffic.py spread PROTOCOL ADDRESS PORT COUNT   COUNT new connections (or UDP flows), one
                                                    after the other; how many each one got, as JSON
    traffic.py stream ADDRESS PORT                  a new connection every 10 ms until standard
                                                    input ends, a line for each: who answered, or
                                                    "refused:" (never made) or "ended:" and why
    traffic.py serve NAME PROTOCOL ADDRESS PORT     answer as a container of that name would (answer.c)
"""

import collections
import concurrent.futures
import json
import socket
import socketserver
import sys
import threading
import time

from probe import connect, question

STREAM_PERIOD = 0.01
# A first packet that is lost is sent again after a second: late, but not refused.
STREAM_TIMEOUT = 5


def who(line):
    return line.split()[2]


def ask(protocol, address, port):
    try:
        with connect(protocol, address, port) as connection:
            line = question(connection)
    except OSError:
        return None
    return who(line) if line else None


def survey(*roads):
    """All at once: one that stays silent takes its time."""
    with concurrent.futures.ThreadPoolExecutor(len(roads)) as pool:
        print(json.dumps(list(pool.map(ask, roads[0::3], roads[1::3], roads[2::3]))))


def spread(protocol, address, port, count):
    names = collections.Counter()
    for _ in range(int(count)):
        with connect(protocol, address, port) as connection:
            line = question(connection)
            names[who(line) if line else "nobody"] += 1
    print(json.dumps(names))


def stream_one(address, port, report):
    try:
        connection = socket.create_connection((address, int(port)), STREAM_TIMEOUT)
    except ConnectionResetError:  # before the handshake was over it would be ECONNREFUSED: this one was made
        report("ended: no answer")
        return
    except OSError as error:
        report(f"refused: {error}")
        return
    with connection:
        line = question(connection)
    report(who(line) if line else "ended: no answer")


def stream(address, port):
    lock, over, threads = threading.Lock(), threading.Event(), []

    def report(line):
        with lock:
            print(line, flush=True)

    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    start = time.monotonic()
    while not over.wait(max(0.0, start + len(threads) * STREAM_PERIOD - time.monotonic())):
        threads.append(threading.Thread(target=stream_one, args=(address, port, report)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def serve(name, protocol, address, port):
    def answer(request, client):
        shown = client[0].removeprefix("::ffff:")
        hello = f"hello from {name} port {port}, client {shown}"
        return request.splitlines()[0] + f"\n{hello}\n".encode()

    class Connection(socketserver.BaseRequestHandler):
        def handle(self):
            while request := self.request.recv(4096):
                self.request.sendall(answer(request, self.client_address))

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self):
            request, server = self.request
            server.sendto(answer(request, self.client_address), self.client_address)

    server, handler = {"tcp": (socketserver.ThreadingTCPServer, Connection),
                       "udp": (socketserver.ThreadingUDPServer, Datagram)}[protocol]
    server.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server.allow_reuse_address = True
    server((address, int(port)), handler).serve_forever()


if __name__ == "__main__":
    {"survey": survey, "spread": spread, "stream": stream,
     "serve": serve}[sys.argv[1]](*sys.argv[2:])
