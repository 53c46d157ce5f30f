#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends packets from wherever it is started, and prints what comes back.

    probe.py ask PROTOCOL ADDRESS PORT    one question, one answer; exit status 1: none
    probe.py hold PROTOCOL ADDRESS PORT   a question for each line read, all on one
                                          connection (or from one UDP port); an empty
                                          line says that no answer came
    probe.py forge ADDRESS PORT           one datagram to 127.0.0.1, put on the wire that
                                          leads to ADDRESS, as no honest sender does
    probe.py listen PORT                  print the datagrams that reach 127.0.0.1
"""

import fcntl
import re
import socket
import struct
import subprocess
import sys

# Long enough for a busy machine to answer; a first packet that is lost must not use up the second
# within which a test wants an answer.
TIMEOUT = 0.5
QUESTION = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
SIOCGIFHWADDR = 0x8927
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def connect(protocol, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, KINDS[protocol])
    connection.settimeout(TIMEOUT)
    connection.connect((address, int(port)))
    return connection


def question(connection):
    """The answer's last line, which tells who answers; None when none comes."""
    try:
        connection.sendall(QUESTION)
        data = connection.recv(4096)
    except OSError:
        return None
    return data.decode().strip().rpartition("\n")[2] or None


def ask(protocol, address, port):
    try:
        answer = question(connect(protocol, address, port))
    except OSError as error:
        sys.exit(f"{address} {port}/{protocol}: {error}")
    if answer is None:
        sys.exit(f"{address} {port}/{protocol}: no answer")
    print(answer)


def hold(protocol, address, port):
    connection = connect(protocol, address, port)
    for _ in sys.stdin:
        print(question(connection) or "", flush=True)


def forge(address, port):
    """Build the frame by hand: the kernel here would never send it over the wire."""
    hop, device, source = next_hop(address)
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind((device, 0))
    own = fcntl.ioctl(raw, SIOCGIFHWADDR, struct.pack("256s", device.encode()))[18:24]
    payload = b"forged"
    udp = struct.pack("!HHHH", 4444, int(port), 8 + len(payload), 0) + payload
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0,
                         socket.inet_aton(source), socket.inet_aton("127.0.0.1"))
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    raw.send(hardware_address(hop) + own + b"\x08\x00" + header + udp)


def next_hop(address):
    """The router to an address, or that itself on the same wire; the device; our own address."""
    route = ip("route", "get", address)
    via = re.search(r" via (\S+)", route)
    return (via[1] if via else address, re.search(r" dev (\S+)", route)[1],
            re.search(r" src (\S+)", route)[1])


def hardware_address(hop):
    # A datagram to it makes the kernel ask.
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", (hop, 9))
    while True:
        neighbour = ip("neighbour", "show", hop)
        if found := re.search(r"lladdr (\S+)", neighbour):
            return bytes.fromhex(found[1].replace(":", ""))
        if "FAILED" in neighbour:
            sys.exit(f"{hop} does not say its address")


def ip(*arguments):
    return subprocess.run(["ip", *arguments], check=True, text=True, stdout=subprocess.PIPE).stdout


def checksum(header):
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def listen(port):
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", int(port)))
    print("listening", flush=True)
    while True:
        data, sender = receiver.recvfrom(4096)
        print(f"{data.decode()} from {sender[0]}", flush=True)


if __name__ == "__main__":
    {"ask": ask, "hold": hold, "forge": forge, "listen": listen}[sys.argv[1]](*sys.argv[2:])
