#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A small stand-in for Felix, for the tests: enforces what Calico's datastore says of one host.

    felix.py DATASTORE HOSTNAME

Reads endpoints and profiles from etcd (v2), and again with each change. What is forwarded to an
endpoint's interface must be allowed by the rules of its profiles, asked in their order; the first
that decides wins, and what none decides is dropped, as in Felix 1.4, and so is all to interfaces
of Calico's that no record is of. What the host itself sends
to its containers is not looked at. A profile with one rule that Felix would not take is dropped
as a whole.
"""

import http.client
import json
import subprocess
import sys
import time
import urllib.parse
import urllib.request

VERDICTS = {"allow": "accept", "deny": "drop"}
KEYS = {"action", "protocol", "dst_ports", "src_net", "src_tag"}
TABLE = "inet felix"


class BadRule(Exception):
    """Felix drops the profile that it is in."""


def get(datastore, key, **options):
    query = urllib.parse.urlencode(options)
    with urllib.request.urlopen(f"{datastore}/v2/keys{key}?{query}", timeout=None) as answer:
        return int(answer.headers["X-Etcd-Index"]), json.load(answer)


def leaves(node):
    """{key: value}"""
    found, nodes = {}, [node]
    for node in nodes:
        nodes += node.get("nodes", [])
        if "value" in node:
            found[node["key"]] = node["value"]
    return found


def ports_of(rule):
    ports = rule.get("dst_ports")
    if ports is None:
        return ""
    if not ports or rule.get("protocol") not in ("tcp", "udp", "sctp"):
        raise BadRule(rule)
    texts = []
    for port in ports:
        if isinstance(port, int):
            texts.append(str(port))
        elif isinstance(port, str) and port.replace(":", "", 1).isdigit() and ":" in port:
            texts.append(port.replace(":", "-"))
        else:
            raise BadRule(rule)
    return f"{rule['protocol']} dport {{ {', '.join(texts)} }}"


def line_of(rule, members):
    """nft's line of an inbound rule; members: the addresses behind each tag."""
    if not isinstance(rule, dict) or set(rule) - KEYS or rule.get("action") not in VERDICTS:
        raise BadRule(rule)
    matches = [ports_of(rule)]
    if not matches[0] and "protocol" in rule:
        matches = [f"meta l4proto {rule['protocol']}"]
    if "src_net" in rule:
        matches.append(f"{'ip6' if ':' in rule['src_net'] else 'ip'} saddr {rule['src_net']}")
    if "src_tag" in rule:
        addresses = [address for address in members.get(rule["src_tag"], ()) if ":" not in address]
        if not addresses:
            return ""
        matches.append(f"ip saddr {{ {', '.join(sorted(addresses))} }}")
    return f"{' '.join(matches)} counter {VERDICTS[rule['action']]}\n"


def members_of(endpoints):
    """{profile: addresses}: a profile's tag is its name here."""
    members = {}
    for endpoint in endpoints:
        for profile in endpoint["profile_ids"]:
            members.setdefault(profile, set()).update(endpoint["ipv4_nets"])
    return members


def profile_lines(text, members):
    try:
        return "".join(line_of(rule, members) for rule in json.loads(text)["inbound_rules"])
    except (BadRule, KeyError, TypeError, ValueError):
        return ""


def ruleset(values, hostname):
    endpoints = [json.loads(value) for key, value in sorted(values.items())
                 if key.startswith(f"/calico/v1/host/{hostname}/workload/")]
    members = members_of(endpoints)
    chains, jumps = "", ""
    for endpoint in endpoints:
        lines = "".join(profile_lines(values.get(f"/calico/v1/policy/profile/{profile}/rules", ""), members)
                        for profile in endpoint["profile_ids"])
        chains += f"chain to-{endpoint['name']} {{\nct state established,related accept\n{lines}counter drop\n}}\n"
        jumps += f'oifname "{endpoint["name"]}" jump to-{endpoint["name"]}\n'
    return (f"table {TABLE} {{}}\ndelete table {TABLE}\ntable {TABLE} {{\n{chains}"
            f"chain forward {{\ntype filter hook forward priority 0\n{jumps}oifname \"cali*\" counter drop\n}}\n}}\n")


def follow(datastore, hostname):
    index, answer = get(datastore, "/calico", recursive="true", quorum="true")
    while True:
        text = ruleset(leaves(answer["node"]), hostname)
        subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)
        print(f"as of {index}", flush=True)
        get(datastore, "/calico", wait="true", recursive="true", waitIndex=index + 1)
        index, answer = get(datastore, "/calico", recursive="true", quorum="true")


def main(datastore, hostname):
    while True:
        try:
            follow(datastore, hostname)
        except (OSError, ValueError, http.client.HTTPException) as error:
            print(f"{error!r}: trying again", flush=True)
            time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
