# SPDX-License-Identifier: GPL-2.0-or-later
"""1: from the event's write to the element in the map, with 10, 1,000 and 10,000 others."""

from bed import Bed, percentile
from table import Row

SIZES = (10, 1000, 10000)
# Far enough apart that one does not meet what the other leaves behind: the two looks through connection tracking for
# flows of what was withdrawn, which take the kernel some milliseconds each. The list that follows half a second later
# does get in the way of others.
APART, APART_USEC = 120, 150000
CLOSE, CLOSE_USEC = 200, 3000
MILLION = 1e6


def measure(containers):
    with Bed(containers) as bed:
        bed.start()
        bed.settle()
        bed.engine.tell("latency", 20000, 20, CLOSE_USEC)  # warm
        return (bed.engine.tell("latency", 20100, APART, APART_USEC),
                bed.engine.tell("latency", 20100, CLOSE, CLOSE_USEC))


def row(what, values, aims=""):
    p50, p99, most = (value / MILLION for value in
                      (percentile(values, 50), percentile(values, 99), max(values)))
    return Row(what, f"p50 {p50:.2f} ms, p99 {p99:.2f} ms, max {most:.2f} ms", aims)


def run():
    found = {size: measure(size) for size in SIZES}
    for kind in ("start", "die"):
        for size, (apart, _) in found.items():
            yield row(f"{kind}, {size:,} exposed", apart[kind], "p50 < 0.5 ms, p99 < 2 ms")
    for size, (apart, _) in found.items():
        yield row(f"of start: until the answer to the inspect, {size:,} exposed", apart["asked"])
    for kind in ("start", "die"):
        for size, (_, close) in found.items():
            yield row(f"{kind} each 3 ms, {size:,} exposed", close[kind])
    for kind in ("start", "die"):
        few, many = (percentile(found[size][0][kind], 50) for size in (SIZES[0], SIZES[-1]))
        yield Row(f"{kind}, p50 with 10,000 by p50 with 10", f"{many / few:.2f}", "< 1.2")
