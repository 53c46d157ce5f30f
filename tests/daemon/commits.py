# SPDX-License-Identifier: GPL-2.0-or-later
"""Who committed an nftables transaction in a space, and when: the kernel's own notifications."""

import ctypes
import os
import socket
import struct
import threading
import time
import typing

NETLINK_NETFILTER = 12
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES = 270, 1, 7
NFT_MSG_NEWGEN = 10 << 8 | 15  # NFNL_SUBSYS_NFTABLES
NFTA_GEN_PROC_NAME = 3
BUFFER = 32 * 1024 * 1024


class Commit(typing.NamedTuple):
    """time: time.monotonic(), when it was heard of; name: the process's, as in /proc/PID/comm."""

    time: float
    name: str


def open_socket(space):
    """A netlink socket in the space: a thread goes there, for a moment."""
    made = []

    def make():
        with open(f"/proc/{space.holder.pid}/ns/net", "rb") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0) < 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        listener = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        listener.setsockopt(socket.SOL_SOCKET, 33, BUFFER)  # SO_RCVBUFFORCE
        listener.bind((0, 0))  # without a port number it would hear nothing
        listener.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES)
        made.append(listener)
    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return made[0]


def attributes(data):
    while len(data) >= 4:
        size, kind = struct.unpack_from("HH", data)
        yield kind & 0x3fff, data[4:size]
        data = data[(size + 3) & ~3:]


def parse_commits(data):
    """The names of those who committed, from one datagram."""
    while len(data) >= 16:
        size, kind = struct.unpack_from("IH", data)
        if kind == NFT_MSG_NEWGEN:
            for attribute, value in attributes(data[20:size]):
                if attribute == NFTA_GEN_PROC_NAME:
                    yield value.rstrip(b"\0").decode()
        data = data[(size + 3) & ~3:]


class Commits:
    """Listens in the background. all: the commits so far."""

    def __init__(self, space):
        self.all = []
        self.done = False
        self.socket = open_socket(space)
        self.socket.settimeout(0.1)
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self):
        while not self.done:
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                continue
            now = time.monotonic()
            self.all += [Commit(now, name) for name in parse_commits(data)]

    def of(self, name, since=0):
        """Those of one process, from the since-th of all on."""
        return [commit for commit in self.all[since:] if commit.name == name[:15]]

    def close(self):
        self.done = True
        self.thread.join()
        self.socket.close()
