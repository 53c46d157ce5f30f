#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Stands between a client and a unix socket, and damages what passes.

    cutter.py LISTEN TARGET

Commands on standard input, a line each; "done" is printed when one holds:
    pass      everything passes (as at the start)
    cut       the next piece of an event stream ends in its middle, its connection too; then "pass"
    refuse    all connections end, and new ones at once

Prints JSON lines: {"event": "listening", "connection" (a new one), "cut" or "done",
"time": of CLOCK_MONOTONIC}.
"""

import asyncio
import json
import os
import sys
import time


def emit(event):
    print(json.dumps({"event": event, "time": time.monotonic()}), flush=True)


class Cutter:
    def __init__(self, target):
        self.target = target
        self.command = "pass"
        self.writers = set()

    async def connected(self, reader, writer):
        emit("connection")
        if self.command == "refuse":
            writer.close()
            return
        self.writers.add(writer)
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            target, upstream = await asyncio.open_unix_connection(self.target)
            self.writers.add(upstream)
            upstream.write(request)
            await asyncio.gather(self.pump(reader, upstream),
                                 self.pump(target, writer, b"/events" in request))
        except (OSError, asyncio.IncompleteReadError):
            pass  # one of the two ends it
        self.close(writer)

    async def pump(self, reader, writer, events=False):
        while data := await reader.read(65536):
            # The head of the answer is no event.
            if events and self.command == "cut" and b"{" in data:
                self.command = "pass"
                writer.write(data[:data.index(b"{") + len(data) // 2])
                await writer.drain()
                emit("cut")
                break
            writer.write(data)
        self.close(writer)

    def close(self, writer):
        self.writers.discard(writer)
        writer.close()

    def obey(self, command):
        self.command = command
        if command == "refuse":
            for writer in list(self.writers):
                self.close(writer)
        emit("done")


async def main(listen, target):
    cutter = Cutter(target)
    await asyncio.start_unix_server(cutter.connected, listen)
    os.chmod(listen, 0o666)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    emit("listening")
    while command := await reader.readline():
        cutter.obey(command.decode().strip())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
