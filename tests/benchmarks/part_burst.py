# SPDX-License-Identifier: GPL-2.0-or-later
"""3: a thousand starts at once, and as many ends."""

from bed import Bed
from table import Row

COUNT = 1000


def row(kind, containers, values):
    return Row(f"{COUNT:,} x {kind}, {containers:,} exposed before",
               f"{values['after'] / 1e6:.0f} ms after the last event, {values['commits']} batches "
               f"(events written within {values['writing'] / 1e6:.0f} ms)", "< 250 ms")


def run():
    for containers in (0, 10000):
        with Bed(containers) as bed:
            bed.start()
            bed.settle()
            found = bed.engine.tell("burst", 20000, COUNT)
        for kind, values in found.items():
            yield row(kind, containers, values)
