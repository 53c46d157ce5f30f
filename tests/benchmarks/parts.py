# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps of the daemon by themselves: how long one takes, and how many instructions it is."""

import re
import statistics
import subprocess

from bed import BUILD

PROGRAM = BUILD / "tests" / "benchmarks" / "bench-parts"
ROUNDS = 11


def measure(bed, part):
    """Milliseconds, the median of some rounds; in the bed's network namespace."""
    output = bed.space.run(["chrt", "--rr", "1", str(PROGRAM), str(bed.directory), part, str(ROUNDS)])
    return statistics.median(map(float, output.split())) / 1000


def count_instructions(templates, part, rounds):
    """Of one round, whatever else the machine does: the mean, for one alone may meet what malloc() puts off."""
    result = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         "--instr-atstart=no", str(PROGRAM), str(templates), part, str(rounds)],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", result.stderr)[1]) // rounds
