# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares what the table says with what it must say."""

import re

ODD = "[^A-Za-z0-9_.-]"


def compare_content(found, wanted):
    """A line for each difference of two contents."""
    odd = {fit(name) for name in wanted.endpoints.values()}
    for part, wants in vars(wanted).items():
        has = getattr(found, part)
        if part == "endpoints":
            wants = {key: fit(name) for key, name in wants.items()}
            has = {key: forget_hash(name, odd) for key, name in has.items()}
        elif part == "allowed":
            wants = {(fit(name), *key): value for (name, *key), value in wants.items()}
            has = {(forget_hash(name, odd), *key): value for (name, *key), value in has.items()}
        yield from compare_part(part, has, wants)


def fit(name):
    """A profile's name; where nft does not take it, with other characters and a hash behind."""
    return re.sub(ODD, "_", name) + "-HASH" if re.search(ODD, name) else name


def forget_hash(name, wanted):
    """The same for a name in the table, where it is one of these."""
    hashed = re.sub("-[0-9a-f]{16}$", "-HASH", name)
    return hashed if hashed in wanted else name


def compare_part(part, has, wants):
    def value(of, key):
        return f": {of[key]}" if isinstance(of, dict) else ""

    for key in sorted(set(has) | set(wants), key=repr):
        if key not in has:
            yield f"{part}: {key}{value(wants, key)} is missing"
        elif key not in wants:
            yield f"{part}: {key}{value(has, key)} should not be there"
        elif isinstance(wants, dict) and has[key] != wants[key]:
            yield f"{part}: {key}{value(has, key)}, expected{value(wants, key)}"
