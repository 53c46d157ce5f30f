# SPDX-License-Identifier: GPL-2.0-or-later
"""The journal's last word on each claim, against what the claim is."""

import collections
import re

FIELD = "CALICO_EXPOSED_"


class Journal:
    """What the present process of the daemon said; an earlier one may have died in the middle."""

    def __init__(self):
        self.entries = collections.defaultdict(list)  # by process
        self.recent = []  # since it was last settled

    def take(self, entries):
        for entry in entries:
            if FIELD + "STATE" in entry:
                self.entries[entry["_PID"]].append(entry)
                self.recent.append(entry)

    def settle(self):
        self.recent = []

    def withdrawn(self):
        """The claims that were withdrawn since, by container, protocol and port."""
        return {claim_of(entry) for entry in self.recent if entry[FIELD + "STATE"] == "withdrawn"}

    def compare(self, process, state, described):
        entries = self.entries[process]
        words = {claim_of(entry): entry for entry in entries}
        claims = state.claims()
        named = collections.Counter(name_of(key[0], claim) for key, (_, claim) in claims.items())
        for key, (container, claim) in claims.items():
            name = name_of(key[0], claim)
            if not claim.entry:
                if not tells_of(entries, container, claim):
                    yield f"{container.name}: the journal does not tell of {claim.text!r}"
            elif named[name] == 1:
                yield from compare_word(container, claim, words.get(name), *described[key])
        for (id, *port), entry in words.items():
            if id not in state.containers and entry[FIELD + "STATE"] == "exposed":
                yield f"{entry[FIELD + 'CONTAINER_NAME']}: gone, the journal has {port} exposed"


def claim_of(entry):
    """Which claim is meant; the host address is not among the fields."""
    return (entry[FIELD + "CONTAINER_ID"], entry.get(FIELD + "PROTOCOL"),
            entry.get(FIELD + "HOST_PORT"))


def name_of(id, claim):
    """The same of a claim."""
    entry = claim.entry
    if not entry:
        return id, None, None
    return (id, entry.protocol,
            f"{entry.first}-{entry.last}" if entry.is_range() else str(entry.first))


def tells_of(entries, container, claim):
    """Whether an entry that cannot be read was refused, by its own words (controls are escaped)."""
    quoted = '"' + re.split("[\x00-\x1f]", claim.text.strip())[0]
    return any(entry[FIELD + "CONTAINER_ID"] == container.id
               and entry[FIELD + "STATE"] == "invalid"
               and quoted in entry["MESSAGE"] for entry in entries)


def compare_word(container, claim, entry, wanted, patterns):
    """`withdrawn` is said of what was exposed, whatever it is now."""
    if not entry:
        yield f"{container.name}: the journal says nothing of {claim.text!r}, which is {wanted}"
        return
    told, reason = entry[FIELD + "STATE"], entry.get(FIELD + "REASON", "")
    what = f"{container.name}: {claim.text!r} is {wanted}, the journal says {entry['MESSAGE']!r}"
    if wanted == "exposed":
        address = " ".join(container.addresses(claim.entry).values())
        if told != wanted or entry.get(FIELD + "CONTAINER_ADDRESS") != address:
            yield f"{what}, expected {address}"
    elif told not in (wanted, "withdrawn"):
        yield what
    elif not any(re.search(pattern, reason) for pattern in patterns):
        yield f"{what}, expected {' or '.join(sorted(patterns))}"
