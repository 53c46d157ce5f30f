# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads "ADDRESS PORT", and answers, once a page is served there, with the time (CLOCK_MONOTONIC, ns)."""

import socket
import sys
import time

QUESTION = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
TRY = 0.02  # seconds: a first packet that is lost is not waited for
DEADLINE = 120  # what a range of published ports takes, several times


def is_served(address, port):
    """docker-proxy takes connections before anybody answers."""
    try:
        with socket.create_connection((address, port), TRY) as connection:
            connection.settimeout(TRY)
            connection.sendall(QUESTION)
            return bool(connection.recv(4096))
    except OSError:
        return False


for line in sys.stdin:
    host, number = line.split()
    end = time.monotonic() + DEADLINE
    while not is_served(host, int(number)):
        if time.monotonic() > end:
            sys.exit(f"await: no page at {host}:{number} within {DEADLINE} s")
        time.sleep(0.0005)
    print(time.monotonic_ns(), flush=True)
