# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon's table as values, read from nft's own listing.

Not from its JSON: nft 1.0.6 writes the `owner` flag in a way that is none.
"""

import re

BLOCK = re.compile(r"^\t(set|map|chain) (\S+) \{\n(.*?)^\t\}", re.MULTILINE | re.DOTALL)
ELEMENTS = re.compile(r"elements = \{(.*?)\}", re.DOTALL)


def parse_side(text):
    """'tcp . 80' is ("tcp", "80"); 'goto x' is ("x",)."""
    return tuple(part.strip().strip('"').removeprefix("goto ") for part in text.split(" . "))


def parse_elements(body):
    found = ELEMENTS.search(body)
    for element in found[1].split(",") if found else ():
        key, colon, data = element.strip().partition(" : ")
        yield parse_side(key), parse_side(data) if colon else ()


class Table:
    """elements: {set or map: {key: data}}, of those that are not empty; all: the whole of it.

    `all` compares: the order in which things were made does not count, that of rules does.
    """

    def __init__(self, listing):
        self.owned = "flags owner" in listing
        self.elements = {}
        self.all = {}
        for kind, name, body in BLOCK.findall(listing):
            elements = dict(parse_elements(body)) if kind != "chain" else {}
            self.all[kind, name] = (ELEMENTS.sub("", body).split(), elements)
            if elements:
                self.elements[name] = elements

    def get(self, name):
        return self.elements.get(name, {})
