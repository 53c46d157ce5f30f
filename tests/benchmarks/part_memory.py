# SPDX-License-Identifier: GPL-2.0-or-later
"""5: what the process takes, empty and full, at its peak, and after very many events."""

import subprocess

from bed import DAEMON, Bed, PeakWatch, status_kib
from table import Row

COUNT = 10000
FEW, MANY = 1000, 1000000
WINDOW = 100


def mib(kib):
    return f"{kib / 1024:.1f} MiB"


def resident(bed):
    rss, anonymous = (status_kib(bed.pid, name) for name in ("VmRSS", "RssAnon"))
    pss = status_kib(bed.pid, "Pss", "smaps_rollup")
    return f"{mib(anonymous)} (RSS {mib(rss)}, PSS {mib(pss)})"


def size_rows():
    text = subprocess.run(["size", str(DAEMON)], stdout=subprocess.PIPE, text=True, check=True).stdout
    code, data, bss = text.splitlines()[1].split()[:3]
    libraries = subprocess.run(["ldd", str(DAEMON)], stdout=subprocess.PIPE, text=True, check=True).stdout
    yield Row("binary", f"{DAEMON.stat().st_size / 1024:.0f} KiB (text {code}, data {data}, bss {bss})")
    yield Row("shared libraries loaded", str(libraries.count("=>")))


def run():
    with Bed(0) as bed:
        bed.start()
        bed.settle()
        yield Row("RssAnon with no container", resident(bed), "< 3 MiB")
        bed.engine.tell("storm", 20000, FEW, WINDOW)
        bed.settle()
        yield Row(f"RssAnon after {FEW:,} events", resident(bed))
        bed.engine.tell("storm", 20000, MANY - FEW, WINDOW)
        bed.settle()
        yield Row(f"RssAnon after {MANY:,} events", resident(bed), "the same")
    with Bed(COUNT) as bed:
        bed.supervisor.start()
        watch = PeakWatch(bed.pid)
        bed.await_ready()
        bed.settle()
        yield Row(f"RssAnon with {COUNT:,} containers", resident(bed), "< 12 MiB")
        yield Row("the most since the start, lists included", mib(watch.stop()), "< 24 MiB")
        bed.kill()
        bed.supervisor.start()
        watch = PeakWatch(bed.pid)
        bed.settle()
        yield Row("RssAnon after a warm start", resident(bed))
        yield Row("the most since then, the table read as well", mib(watch.stop()), "< 24 MiB")
    yield from size_rows()
