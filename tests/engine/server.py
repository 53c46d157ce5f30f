# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP/1.1 on a unix socket, a thread for each connection: requests in, answers out.

It knows nothing of containers. An Answer says how it is delivered, well or badly.
"""

import collections
import contextlib
import dataclasses
import os
import queue
import socket
import threading
import time
import urllib.parse

REQUEST_MAX = 65536
CHUNKED_FROM = 2048  # as Go's server: what is longer is not measured first
LOG_MAX = 100_000


@dataclasses.dataclass
class Request:
    """What was asked, when (time.monotonic()), and on the how manieth connection."""

    path: str
    query: dict
    connection: int
    time: float
    route: str = ""


@dataclasses.dataclass
class Answer:
    """What is answered, and how."""

    status: int = 200
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes = b""
    stream: object = None  # a Subscription: its items follow the body, for ever
    on_sent: object = None  # called with each of these items when it is about to be written
    on_end: object = None  # called when the stream is over

    # How it is delivered.
    hang: threading.Event = None  # nothing is written before it is set
    raw: bytes = None      # written in place of everything, and the connection closed
    cut: int = None        # so many bytes of the body, then the connection is closed
    endless: bytes = b""   # written behind the body again and again
    piece: int = None      # the size of each chunk, and of each write: boundaries are anywhere
    pause: float = 0.0     # seconds between two writes
    close: bool = False    # the connection is closed behind it, without a word


class Gone(Exception):
    """The connection is over."""


def chunk(data, piece=None):
    """Frame it as chunks."""
    size = piece or len(data) or 1
    parts = (data[i:i + size] for i in range(0, len(data), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


class Connection:
    """One client."""

    def __init__(self, server, peer, number):
        self.server = server
        self.peer = peer
        self.number = number
        self.buffer = b""

    def serve(self):
        with contextlib.suppress(Gone, OSError):
            while request := self.read_request():
                self.server.requests.append(request)
                answer = self.server.answer(request)
                self.deliver(answer)
                if answer.close or answer.raw is not None:
                    break
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.peer.shutdown(socket.SHUT_RDWR)
        self.peer.close()
        self.server.forget(self)

    def read_request(self):
        """None at the end."""
        while b"\r\n\r\n" not in self.buffer:
            if len(self.buffer) > REQUEST_MAX or not (data := self.peer.recv(REQUEST_MAX)):
                return None
            self.buffer += data
        self.server.gate.wait()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        target = head.split(b" ", 2)[1].decode("latin-1")
        path, _, query = target.partition("?")
        values = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        return Request(path, values, self.number, time.monotonic())

    def send(self, data, answer):
        size = answer.piece or len(data) or 1
        for i in range(0, len(data), size):
            self.server.gate.wait()
            self.peer.sendall(data[i:i + size])
            if answer.pause:
                time.sleep(answer.pause)

    def deliver(self, answer):
        if answer.hang and not self.wait_for(answer.hang):
            raise Gone
        if answer.raw is not None:
            self.send(answer.raw, answer)
            return
        body = answer.body[:answer.cut]
        chunked = bool(answer.stream or answer.endless or answer.piece
                       or len(answer.body) > CHUNKED_FROM)
        length = {"Transfer-Encoding": "chunked"} if chunked else \
            {"Content-Length": str(len(answer.body))}
        headers = {"Content-Type": "application/json", **answer.headers, **length}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        data = f"HTTP/1.1 {answer.status} Whatever\r\n{head}\r\n".encode("latin-1")
        self.send(data + (chunk(body, answer.piece) if chunked else body), answer)
        if answer.cut is not None:
            raise Gone
        while answer.endless:
            self.send(chunk(answer.endless, answer.piece), answer)
        if answer.stream:
            self.deliver_stream(answer)
        if chunked:
            self.peer.sendall(b"0\r\n\r\n")

    def wait_for(self, event):
        """False if the client went first."""
        while not event.wait(0.02):
            with contextlib.suppress(BlockingIOError):
                if not self.peer.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                    return False
        return True

    def client_is_gone(self):
        try:
            return not self.peer.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False

    def next_item(self, answer):
        while True:
            try:
                return answer.stream.queue.get(timeout=0.2)
            except queue.Empty:
                if self.client_is_gone():
                    raise Gone from None

    def deliver_stream(self, answer):
        try:
            while True:
                item = self.next_item(answer)
                self.server.gate.wait()
                answer.on_sent(item)
                if item.data:
                    self.send(item.data if item.raw else chunk(item.data, answer.piece), answer)
                if item.end == "cut":
                    raise Gone
                if item.end:
                    return
        finally:
            answer.on_end()


class Server:
    """Listens at `path`; answer(request) says what to answer."""

    def __init__(self, path, answer):
        self.path = str(path)
        self.answer = answer
        self.gate = threading.Event()  # cleared: the process is stopped
        self.gate.set()
        self.lock = threading.Lock()
        self.listener = None
        self.acceptor = None
        self.connections = set()
        self.accepted = []  # time.monotonic() of each
        self.requests = collections.deque(maxlen=LOG_MAX)

    def listen(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(128)
        self.acceptor = threading.Thread(target=self.accept, args=[self.listener], daemon=True)
        self.acceptor.start()

    def accept(self, listener):
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.accepted.append(time.monotonic())
                connection = Connection(self, peer, len(self.accepted))
                self.connections.add(connection)
            threading.Thread(target=connection.serve, daemon=True).start()

    def forget(self, connection):
        with self.lock:
            self.connections.discard(connection)

    def end_connections(self):
        with self.lock:
            connections = list(self.connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.peer.shutdown(socket.SHUT_RDWR)

    def close(self, unlink=True):
        """As if the process had ended; killed, it leaves its socket's file."""
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.acceptor.join()  # else it might accept on who gets the descriptor next
            self.listener.close()
            self.listener = None
        self.end_connections()
        if unlink:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)
