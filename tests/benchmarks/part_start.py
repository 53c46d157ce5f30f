# SPDX-License-Identifier: GPL-2.0-or-later
"""4: from exec() to READY=1, with the kernel empty and with the table right already."""

import statistics

import parts
from bed import Bed
from table import Row

COUNT = 10000
ROUNDS = 3


def run():
    cold, warm = [], []
    with Bed(COUNT) as bed:
        for _ in range(ROUNDS):
            bed.engine.tell("listen", 0)  # what the kernel does for that would count as the daemon's
            cold.append(bed.start())
            bed.settle()
            bed.engine.tell("listen", 1)
            before = bed.engine.state()
            bed.kill()
            warm.append(bed.start())
            bed.settle()
            after = bed.engine.state()
            dump = parts.measure(bed, "dump")
            bed.kill()
            bed.supervisor.forget_stored()  # and with it the table
        listed = parts.measure(bed, "list")
        decided = parts.measure(bed, "decide-all")
    yield Row(f"cold, {COUNT:,} containers", f"{statistics.median(cold) * 1000:.0f} ms", "< 500 ms")
    yield Row(f"warm, {COUNT:,} containers", f"{statistics.median(warm) * 1000:.0f} ms", "< 300 ms")
    yield Row("elements changed by the warm start",
              str(after["added"] + after["deleted"] - before["added"] - before["deleted"]), "0")
    yield Row("of it: dumping the table", f"{dump:.0f} ms")
    yield Row("of it: decoding the list", f"{listed:.0f} ms")
    yield Row("of it: claims, desired set and difference", f"{decided:.0f} ms")
