# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads the daemon's table from what nft lists.

As text: nft 1.0.6 writes the JSON of a table with an owner in a way that is none.
"""

import ipaddress
import re
import typing

from expected import Content
from labels import Limits, outermost

SET = re.compile(r"^\t(?:set|map) (\S+) \{.*?^\t\}", re.MULTILINE | re.DOTALL)
CHAIN = re.compile(r"^\tchain (\S+) \{[^\n]*\n(.*?)^\t\}", re.MULTILINE | re.DOTALL)
ELEMENTS = re.compile(r"elements = \{([^}]*)\}")
HANDLE = re.compile(r" # handle \d+.*")
MODULO = re.compile(r"numgen inc mod (\d+) ")

TRANSLATIONS = ("dnat", "host", "range", "hostrange")
BALANCES = ("balance", "hostbalance", "rangebalance", "hostrangebalance")
LIMITS = ("limit", "hostlimit", "rangelimit", "hostrangelimit")
# What chains that containers bring along are called; their sets begin with the chain's name.
BROUGHT = re.compile(r"(profile|limit|balance[46])-.+")
FORM = re.compile(r"(profile)-|(limit-[a-z]+)-|(balance[46])-\d+(r?)-")
MEMBERS = re.compile(r"(.+)-(allow[46]|range[46]|from[46]|interfaces|backends)")


class Unreadable(Exception):
    """nft printed something that is not known here."""


class Table(typing.NamedTuple):
    """Sets by name, as lists of (key, data); chains by name, as lists of rules."""

    sets: dict
    chains: dict


def read_table(text):
    """What `nft list table` printed."""
    sets = {found[1]: read_elements(found[0]) for found in SET.finditer(text)}
    chains = {found[1]: read_rules(found[2]) for found in CHAIN.finditer(text)}
    return Table(sets, chains)


def read_handle(text):
    """What changes when a table of the same name is made anew; None where there is no table."""
    found = re.search(r"^table .*# handle (\d+)", text or "", re.MULTILINE)
    return found and found[1]


def read_elements(text):
    found = ELEMENTS.search(text)
    items = found[1].split(",") if found else []
    return [read_element(item) for item in items if item.strip()]


def read_element(text):
    key, _, data = text.strip().replace('"', "").partition(" : ")
    return key.split(" . "), data.split(" . ")


def read_rules(text):
    """Without handles: with them every table would be another."""
    return [HANDLE.sub("", line).strip() for line in text.splitlines() if line.strip()]


def read_ports(text):
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def read_address(text):
    return str(ipaddress.ip_address(text))


class Reader:
    """Makes the content of a table; what cannot be so is in `wrong`."""

    def __init__(self, table):
        self.table = table
        self.content = Content()
        self.used = set()  # chains
        self.wrong = []
        for name in table.sets:
            self.read_set(name)
        self.content.usable = outermost(self.content.usable)
        self.content.neighbours = outermost(self.content.neighbours)
        self.find_unused()

    def elements(self, name):
        return self.table.sets.get(name, [])

    def read_set(self, name):
        take = self.taker(name)
        for key, data in self.elements(name):
            try:
                take(name, key, data)
            except (ValueError, IndexError):
                raise Unreadable(f"{name}: {key} : {data}") from None

    def taker(self, name):
        """The method that understands the elements of the set."""
        takers = {
            **dict.fromkeys(TRANSLATIONS, self.take_translation),
            **dict.fromkeys(BALANCES, self.take_balance),
            **dict.fromkeys(LIMITS, self.take_limit),
            "addresses": self.take_usable, "endpoint": self.take_endpoint,
            "balanced": self.take_balanced, "neighbours": self.take_neighbours,
            "hairpin": self.take_hairpin, "withdrawn": self.take_withdrawn,
        }
        if name[:-1] in takers and name[-1] in "46":
            return takers[name[:-1]]
        if name == "localnet":
            return self.take_localnet
        if re.fullmatch(r"profile-.+-(allow|range)[46]", name):
            return self.take_allowed
        if name != "hairpinports" and not (BROUGHT.match(name) and MEMBERS.fullmatch(name)):
            self.wrong.append(f"there is a set {name}")
        return lambda *_: None

    def host_side(self, name, key):
        address = read_address(key[0]) if name.startswith("host") else None
        return int(name[-1]), address, key[-2], *read_ports(key[-1])

    def take_translation(self, name, key, data):
        side = self.host_side(name, key)
        port = int(data[1]) if len(data) > 1 else side[3]
        self.content.translations.setdefault(side, set()).add((read_address(data[0]), port))

    def take_balance(self, name, key, data):
        side, chain = self.host_side(name, key), self.follow(name, key, data)
        backends = self.elements(f"{chain}-backends")
        count = {int(found) for rule in self.table.chains.get(chain, ())
                 for found in MODULO.findall(rule)}
        if count != {len(backends)} or {int(index[0]) for index, _ in backends} != \
                set(range(len(backends))):
            self.wrong.append(f"{chain} counts modulo {count}, and has the backends {backends}")
        for _, target in backends:
            port = int(target[1]) if len(target) > 1 else side[3]
            self.content.translations.setdefault(side, set()).add((read_address(target[0]), port))

    def take_limit(self, name, key, data):
        chain = self.follow(name, key, data)
        sources = interfaces = None
        if f"{chain}-from4" in self.table.sets:
            sources = outermost([ipaddress.ip_network(element[1]) for family in "46"
                                 for element, _ in self.elements(f"{chain}-from{family}")])
        if f"{chain}-interfaces" in self.table.sets:
            interfaces = frozenset(
                element[0] for element, _ in self.elements(f"{chain}-interfaces"))
        self.content.limits[self.host_side(name, key)] = Limits(sources, interfaces)

    def take_usable(self, _name, key, _data):
        self.content.usable.add(ipaddress.ip_network(key[1]))

    def take_endpoint(self, name, key, data):
        chain = self.follow(name, key, data)
        self.content.endpoints[read_address(key[0])] = chain.removeprefix("profile-")

    def take_balanced(self, _name, key, _data):
        self.content.balanced.add((read_address(key[0]), key[1], int(key[2])))

    def take_neighbours(self, name, key, _data):
        self.content.neighbours.add(ipaddress.ip_network(self.twice(name, key)))

    def take_hairpin(self, name, key, _data):
        self.content.hairpins.add(read_address(self.twice(name, key)))

    def take_withdrawn(self, _name, key, _data):
        self.content.withdrawn.add(tuple(key))

    def take_localnet(self, _name, key, _data):
        self.content.localnet.add(key[0])

    def take_allowed(self, name, key, _data):
        profile = MEMBERS.fullmatch(name)[1].removeprefix("profile-")
        first, last = read_ports(key[2])
        self.content.allowed.setdefault((profile, read_address(key[0]), key[1]), set()).update(
            range(first, last + 1))

    def twice(self, name, key):
        if key[0] != key[1]:
            self.wrong.append(f"{name} has {key[0]} for {key[1]}")
        return key[0]

    def follow(self, name, key, data):
        """The chain that a verdict leads to."""
        verb, _, chain = data[0].partition(" ")
        if verb != "goto" or not BROUGHT.fullmatch(chain):
            self.wrong.append(f"{name} sends {key} to {data}")
        if chain not in self.table.chains:
            self.wrong.append(f"{name} sends {key} to {chain}, which does not exist")
        self.used.add(chain)
        return chain

    def find_unused(self):
        """Chains and sets of containers that nothing leads to."""
        for chain in self.table.chains:
            if BROUGHT.fullmatch(chain) and chain not in self.used:
                self.wrong.append(f"nothing leads to chain {chain}")
        for name in self.table.sets:
            found = MEMBERS.fullmatch(name)
            if found and BROUGHT.match(name) and found[1] not in self.used:
                self.wrong.append(f"nothing leads to the chain of set {name}")


def skeleton(table):
    """The rules of each chain; of those that containers bring along, of each kind and form.

    They depend on nothing but the daemon's options, and so must be the same for ever.
    """
    forms = {}
    for chain, lines in table.chains.items():
        name, text = chain, "\n".join(lines)
        if found := FORM.match(chain):
            name, text = "-".join(filter(None, found.groups())), text.replace(chain, "CHAIN")
        forms.setdefault(name, set()).add(MODULO.sub("numgen inc mod N ", text))
    return forms
