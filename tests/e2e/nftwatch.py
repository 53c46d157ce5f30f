#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints every change of nftables in this network namespace, with the time at which it was told.

A JSON line for each message of the kernel: time (CLOCK_MONOTONIC), event ("newrule"), family
("ip"), table, name (of the chain or set; for "newgen" of the process that committed), payload in
hex. "overrun": some were lost. For each line of standard input, {"event": "drained"}: all that was
committed before is printed.

Not `nft monitor`: that of Debian 12 (1.0.6) crashes when an interval of a concatenation is deleted.
"""

import errno
import json
import select
import socket
import struct
import sys
import time

NETLINK_NETFILTER, NFNLGRP_NFTABLES, NFNL_SUBSYS_NFTABLES = 12, 7, 10
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP = 270, 1
SO_RCVBUFFORCE = 33
EVENTS = {0: "newtable", 2: "deltable", 3: "newchain", 5: "delchain", 6: "newrule", 8: "delrule",
          9: "newset", 11: "delset", 12: "newelement", 14: "delelement", 15: "newgen",
          18: "newobject", 20: "delobject", 22: "newflowtable", 24: "delflowtable"}
FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}


def attributes(payload):
    """Type and value of each attribute."""
    while len(payload) >= 4:
        size, kind = struct.unpack_from("=HH", payload)
        yield kind & 0x3fff, payload[4:size]
        payload = payload[(size + 3) & ~3:]


def text(value):
    return value.rstrip(b"\0").decode(errors="replace")


def describe(kind, payload):
    values = dict(attributes(payload[4:]))
    event = EVENTS.get(kind, str(kind))
    if event == "newgen":  # NFTA_GEN_PROC_NAME
        return {"event": event, "name": text(values.get(3, b""))}
    # In each kind of message attribute 1 is the table, and in those below 2 or 3 what it is about.
    number = 3 if event in ("newchain", "delchain") else 2
    name = "" if event.endswith("table") else text(values.get(number, b""))
    return {"event": event, "family": FAMILIES.get(payload[0], "?"),
            "table": text(values.get(1, b"")), "name": name, "payload": payload.hex()}


def messages(datagram):
    while len(datagram) >= 16:
        size, kind = struct.unpack_from("=IH", datagram)
        if kind >> 8 == NFNL_SUBSYS_NFTABLES:
            yield kind & 0xff, datagram[16:size]
        datagram = datagram[(size + 3) & ~3:]


def emit(now, fields):
    print(json.dumps({"time": now, **fields}), flush=True)


def drain(monitor):
    while True:
        try:
            datagram = monitor.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            emit(time.monotonic(), {"event": "overrun"})
            continue
        now = time.monotonic()
        for kind, payload in messages(datagram):
            emit(now, describe(kind, payload))


def main():
    monitor = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    monitor.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    monitor.bind((0, 0))
    monitor.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES)
    emit(time.monotonic(), {"event": "drained"})
    while True:
        ready, _, _ = select.select([monitor, sys.stdin], [], [])
        asked = sys.stdin in ready
        drain(monitor)
        if asked:
            if not sys.stdin.readline():
                return
            emit(time.monotonic(), {"event": "drained"})


if __name__ == "__main__":
    main()
