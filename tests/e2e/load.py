#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Steady traffic from wherever it is started, and what became of each part of it.

    load.py ROADS    a JSON list of roads, each as a list of Road's fields

Prints JSON lines: {"outcome": ...} for what went wrong (and for all that a road records), and
{"settled": [...]} for each line of standard input, once every road has gone on for a while after
that line, and the fate of all that it sent until then is known. Ends with standard input.

All times are of CLOCK_MONOTONIC, which is the same everywhere on a machine.
"""

import asyncio
import json
import re
import socket
import struct
import sys
import time
import typing

PERIOD = 0.02
# A packet that is lost TCP sends again; what takes longer than this is not on its way.
TCP_TIMEOUT = 5.0
# The host asks for the hardware address of a container that was started anew once a second.
UDP_TIMEOUT = 2.0
# When TCP sends the first packet of a handshake again. It does so at once when a connection of
# before, which the container still has, is in the way: that is no loss.
HANDSHAKE_TIMEOUT = 1.0
TCP_INFO_TOTAL_RETRANS = 100  # offset in struct tcp_info, linux/tcp.h


class Road(typing.NamedTuple):
    """One stream of traffic to one port.

    kind: "open", a new connection each period, asked once; "long", one connection, asked each
        period; "udp", a datagram each period from one port. Each question has a number, which the
        answer repeats.
    name: the container that must answer; None for whichever.
    record: whether to print every outcome, not only failures.
    """

    kind: str
    name: typing.Optional[str]
    address: str
    port: int
    period: float = PERIOD
    record: bool = False


class Outcome(typing.NamedTuple):
    """What became of a question: what is "" or the failure, who the container that answered."""

    road: int
    number: int
    began: float
    ended: float
    what: str
    who: typing.Optional[str] = None


class Failure(Exception):
    pass


def failure_of(error):
    if isinstance(error, Failure):
        return str(error)
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return "reset"
    if isinstance(error, TimeoutError):
        return "timed out"
    return error.strerror or repr(error)


def who_answers(answer, echo):
    """The name in an answer that repeats what was asked."""
    found = re.search(rb"hello from (\S+) port ", answer)
    if not found or not re.search(rb"(?:^|X-Request: )" + re.escape(echo) + rb"\r?\n", answer):
        raise Failure(f"not an answer: {answer!r}")
    return found[1].decode()


def count_retransmitted(connection):
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_TOTAL_RETRANS + 4)
    return struct.unpack_from("=I", info, TCP_INFO_TOTAL_RETRANS)[0]


class Stream:
    """What all roads have in common: numbers, what is under way, and telling of it."""

    more = 10  # questions until a road has gone on for a while

    def __init__(self, index, road):
        self.index, self.road = index, road
        self.begun = 0
        self.under_way = {}  # number: when it began
        family = socket.AF_INET6 if ":" in road.address else socket.AF_INET
        self.kind = (family, socket.SOCK_DGRAM if road.kind == "udp" else socket.SOCK_STREAM)

    def begin(self):
        self.begun += 1
        self.under_way[self.begun] = time.monotonic()
        return self.begun

    def end(self, number, what="", who=None):
        began = self.under_way.pop(number)
        if who and self.road.name not in (who, None):
            what = f"answered by {who}"
        if what or self.road.record:
            emit("outcome", Outcome(self.index, number, began, time.monotonic(), what, who))

    def settled(self):
        """All questions up to this number have an outcome."""
        return min(self.under_way, default=self.begun + 1) - 1

    def socket(self):
        new = socket.socket(*self.kind)
        new.setblocking(False)
        return new

    def target(self):
        return self.road.address, self.road.port

    async def each_period(self):
        """Yield once a period; what a busy machine made late is not made up for."""
        due = time.monotonic()
        while True:
            yield
            due = max(due + self.road.period, time.monotonic())
            await asyncio.sleep(due - time.monotonic())


async def ask(connection, number):
    loop = asyncio.get_running_loop()
    line = b"GET /%d HTTP/1.1" % number
    before = count_retransmitted(connection)
    await loop.sock_sendall(connection, line + b"\r\nHost: test\r\n\r\n")
    answer = await loop.sock_recv(connection, 4096)
    if not answer:
        raise Failure("closed")
    who = who_answers(answer, line)
    if count_retransmitted(connection) > before:
        raise Failure("a packet was lost")
    return who


class Open(Stream):
    async def run(self):
        tasks = set()
        async for _ in self.each_period():
            task = asyncio.create_task(self.one(self.begin()))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def one(self, number):
        with self.socket() as connection:
            try:
                asked = self.connect_and_ask(connection, number)
                self.end(number, who=await asyncio.wait_for(asked, TCP_TIMEOUT))
            except (OSError, Failure) as error:
                self.end(number, failure_of(error))

    async def connect_and_ask(self, connection, number):
        await asyncio.get_running_loop().sock_connect(connection, self.target())
        late = time.monotonic() - self.under_way[number] >= HANDSHAKE_TIMEOUT
        if late and count_retransmitted(connection):
            raise Failure("a packet of the handshake was lost")
        return await ask(connection, number)


class Long(Stream):
    more = 2  # one after the other, each of which may time out
    connection = None

    async def run(self):
        async for _ in self.each_period():
            number = self.begin()
            try:
                asked = self.connected_ask(number)
                self.end(number, who=await asyncio.wait_for(asked, TCP_TIMEOUT))
            except (OSError, Failure) as error:
                self.end(number, failure_of(error))
                self.connection.close()
                self.connection = None

    async def connected_ask(self, number):
        if not self.connection:
            self.connection = self.socket()
            await asyncio.get_running_loop().sock_connect(self.connection, self.target())
        return await ask(self.connection, number)


class Datagrams(Stream):
    async def run(self):
        connection = self.socket()
        connection.connect(self.target())
        asyncio.get_running_loop().add_reader(connection, self.read, connection)
        async for _ in self.each_period():
            self.send(connection, self.begin())
            self.give_up()

    def send(self, connection, number):
        try:
            connection.send(b"question %d\n" % number)
        except OSError as error:  # of an earlier one; this one was not sent
            self.end(number, failure_of(error))

    def read(self, connection):
        try:
            answer = connection.recv(4096)
        except BlockingIOError:  # it was damaged on its way
            return
        except OSError as error:  # of ICMP, which does not say about which of them
            if self.under_way:
                self.end(min(self.under_way), failure_of(error))
            return
        number = int(re.match(rb"question (\d+)\n", answer)[1])
        who = who_answers(answer, b"question %d" % number)
        if number in self.under_way:
            self.end(number, who=who)

    def give_up(self):
        now = time.monotonic()
        for number in [n for n, began in self.under_way.items() if now - began > UDP_TIMEOUT]:
            self.end(number, "lost")


def emit(what, value):
    print(json.dumps({what: value}), flush=True)


async def settle(streams):
    wanted = [stream.begun + stream.more for stream in streams]
    while any(stream.settled() < number for stream, number in zip(streams, wanted)):
        await asyncio.sleep(PERIOD / 2)
    emit("settled", [stream.begun for stream in streams])


async def main(roads):
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    kinds = {"open": Open, "long": Long, "udp": Datagrams}
    streams = [kinds[road.kind](index, road) for index, road in enumerate(roads)]
    tasks = [asyncio.create_task(stream.run()) for stream in streams]
    waiting = set()
    while await reader.readline():
        waiting.add(asyncio.create_task(settle(streams)))
        for task in tasks:
            if task.done():
                task.result()  # which raises what ended it
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main([Road(*fields) for fields in json.loads(sys.argv[1])]))
