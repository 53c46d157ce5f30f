# SPDX-License-Identifier: GPL-2.0-or-later
"""A person who edits the rules of profiles while daemons do, and knows what must be left."""

import collections
import json
import threading

from datastore import PROFILES, allow

COPIES_MAX = 2
OUTBOUND = [{"action": "allow"}]


class Person:
    """copies: {(profile, port): how many of the rule that a daemon might make are the person's}.
    others: {profile: [rules that no daemon makes, in their order]}."""

    def __init__(self, etcd, random, profiles, ports):
        self.etcd = etcd
        self.random = random
        self.profiles, self.ports = profiles, ports
        self.copies = collections.Counter()
        self.others = {profile: [base_rule(profile)] for profile in profiles}
        self.serial = 0
        self.edits = collections.Counter()
        for profile in profiles:
            etcd.put_profile(profile)

    def read(self, profile):
        """The record and its index; the person's own rules are never touched, not even for a moment."""
        status, answer = self.etcd.request("GET", rules_key(profile), quorum="true")
        assert status == 200, answer
        record = json.loads(answer["node"]["value"])
        assert record["outbound_rules"] == OUTBOUND and record["id"] == profile, record
        others = self.find_others(record["inbound_rules"])
        assert others == self.others[profile], f"{profile} has {others}, not {self.others[profile]}"
        return record, answer["node"]["modifiedIndex"]

    def find_others(self, rules):
        return [rule for rule in rules if rule not in [allow(port) for port in self.ports]]

    def write(self, profile, record, **condition):
        """In some style of its own; false if the condition does not hold."""
        text = json.dumps(record, indent=self.random.choice([None, 2]))
        status, answer = self.etcd.request("PUT", rules_key(profile), text, **condition)
        assert status == 200 or (condition and status == 412), answer
        return status == 200

    def edit_same(self):
        """A rule that a daemon might make, with compare-and-swap: what a write without it loses here
        would be the person's own wish."""
        profile, port = self.random.choice(self.profiles), self.random.choice(self.ports)
        add = self.random.random() < 0.5 and self.copies[profile, port] < COPIES_MAX
        while True:
            record, index = self.read(profile)
            if add:
                record["inbound_rules"].append(allow(port))
            elif allow(port) in record["inbound_rules"]:
                record["inbound_rules"].remove(allow(port))
            else:
                assert not self.copies[profile, port], f"{profile} has lost a person's rule for {port}"
                return
            if self.write(profile, record, prevIndex=index):
                break
        self.edits["same"] += 1
        self.copies[profile, port] = max(0, self.copies[profile, port] + (1 if add else -1))

    def edit_other(self):
        """Another rule, as calicoctl does it: without a condition, on what was read a moment ago."""
        profile = self.random.choice(self.profiles)
        add, place, pause = self.random.random() < 0.5, self.random.random(), self.random.random() * 0.02
        record, _ = self.read(profile)
        rules = record["inbound_rules"]
        removable = [rule for rule in self.others[profile] if rule != base_rule(profile)]
        if add or not removable:
            self.serial += 1
            rules.insert(int(place * (len(rules) + 1)), {
                "action": "deny", "protocol": "tcp", "src_net": "203.0.113.0/24", "dst_ports": [self.serial]})
        else:
            rules.remove(removable[int(place * len(removable))])
        threading.Event().wait(pause)
        self.others[profile] = self.find_others(rules)
        self.write(profile, record)
        self.edits["other"] += 1

    def differences(self, profile, needed):
        """needed: ports of which the profile must have the rule. One of ours may be beside the person's."""
        text = self.etcd.get(rules_key(profile))
        rules = json.loads(text)["inbound_rules"] if text else []
        found = []
        if self.find_others(rules) != self.others[profile]:
            found.append(f"{profile}: the person's other rules are {self.others[profile]}, not {rules}")
        for port in self.ports:
            count, own = rules.count(allow(port)), self.copies[profile, port]
            if not (max(own, 1) <= count <= own + 1 if port in needed else count == own):
                found.append(f"{profile}: {count} rules for port {port}, the person's are {own}, "
                             f"{'it is needed' if port in needed else 'nobody needs it'}")
        return found


def base_rule(profile):
    """What a profile has when it is made."""
    return {"action": "allow", "src_tag": profile}


def rules_key(profile):
    return f"{PROFILES}/{profile}/rules"
