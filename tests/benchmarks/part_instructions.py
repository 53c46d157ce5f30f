# SPDX-License-Identifier: GPL-2.0-or-later
"""8: instructions of the hot paths, which do not depend on the machine's mood."""

import json
import pathlib
import tempfile

import parts
from table import Row
from templates import write_templates

BASELINE = pathlib.Path(__file__).resolve().parent / "instructions.json"
FEW_ROUNDS, MANY_ROUNDS = 1, 100
OF_ALL = ("list", "decide-all", "encode-all")
PARTS = {
    "event": "decode: one event",
    "inspect": "decode: one answer to an inspect",
    "list": "decode: a list of 10,000",
    "decide-one": "inspect, claims and plan: one container beside 10,000 or more",
    "decide-all": "claims and plan: 10,000 containers at once",
    "encode-one": "encode: one element",
    "encode-all": "encode: all elements of 10,000 containers",
}


def count():
    with tempfile.TemporaryDirectory() as directory:
        write_templates(directory)
        return {part: parts.count_instructions(directory, part, FEW_ROUNDS if part in OF_ALL else MANY_ROUNDS)
                for part in PARTS}


def run():
    for part, number in count().items():
        yield Row(PARTS[part], f"{number:,}")


def compare(save):
    """What a change did; save: from now on that is what others are compared to."""
    baseline = json.loads(BASELINE.read_text(encoding="ascii")) if BASELINE.exists() else {}
    found = count()
    if save:
        BASELINE.write_text(json.dumps(found, indent=2) + "\n", encoding="ascii")
    for part, number in found.items():
        before = baseline.get(part)
        change = f" ({(number / before - 1) * 100:+.1f} %)" if before else ""
        yield Row(PARTS[part], f"{number:,}{change}", f"{before:,}" if before else "")
