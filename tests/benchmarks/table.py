# SPDX-License-Identifier: GPL-2.0-or-later
"""What was measured, as a table in Markdown."""

import typing


class Row(typing.NamedTuple):
    """One figure, and what is aimed at."""

    what: str
    value: str
    aim: str = ""


def print_table(title, rows):
    rows = [Row("what", "measured", "aim"), *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    print(f"\n### {title}\n")
    for number, row in enumerate(rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
        if number == 0:
            print("| " + " | ".join("-" * width for width in widths) + " |")
