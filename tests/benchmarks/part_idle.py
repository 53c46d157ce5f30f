# SPDX-License-Identifier: GPL-2.0-or-later
"""6: what it costs when nothing happens, and when what happens is others' business."""

import pathlib
import re
import time

from bed import Bed, cpu_seconds
from table import Row

COUNT = 1000
MINUTES = 2
EVENTS = 100000


def switches(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.MULTILINE)[1])


def run():
    with Bed(COUNT) as bed:
        bed.start()
        bed.settle()
        lists = bed.engine.state()["list"]
        used, woken = cpu_seconds(bed.pid), switches(bed.pid)
        time.sleep(60 * MINUTES)
        used, woken = cpu_seconds(bed.pid) - used, switches(bed.pid) - woken
        lists = bed.engine.state()["list"] - lists
        yield Row(f"processor time an hour, {COUNT:,} quiet containers", f"{used * 60 / MINUTES:.2f} s")
        yield Row(f"of it: one list ({lists} in {MINUTES} minutes)", f"{used / max(lists, 1) * 1000:.0f} ms")
        yield Row("times that it fell asleep, a minute", f"{woken / MINUTES:.0f}")
        used = cpu_seconds(bed.pid)
        bed.engine.tell("plain", 20000, EVENTS)
        yield Row("processor time for an event of a container without a label",
                  f"{(cpu_seconds(bed.pid) - used) / EVENTS * 1e6:.1f} us")
