#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes recorded.json anew, which test_oracle.py reads: a look at a host on which all is right.

Needed when the table's form changes.
"""

import json
import pathlib
import sys

sys.dont_write_bytecode = True

import chaos  # noqa: E402
from operations import LISTENING  # noqa: E402
from run import PROMPT, booted  # noqa: E402

LABELS = {
    "web": {"": "8080:80,203.0.113.1:8081:81,127.0.0.1:8082:80,8083-8084:9000-9001,9000-9001/udp"},
    "one": {"": "8090:80", "mode": "balance"},
    "two": {"": "8090:81", "mode": "balance"},
    "few": {"": "8085:80,22", "interface": "eth0,lo", "from": "203.0.113.0/24",
            "profile": "we b"},
    "late": {"": "8080:80,80x"},
}
# The parts of inspect's answer that the oracle reads.
KEPT = {
    "": ("Id", "Name", "Created", "Args", "RestartCount", "ImageLabels", "Routes"),
    "State": ("Status", "StartedAt", "Pid"),
    "Config": ("Labels",),
    "HostConfig": ("NetworkMode",),
    "NetworkSettings": ("Networks", "Ports"),
}


def start(machine, name, labels):
    options = [word for key, value in labels.items()
               for word in ("--label", f"calico.expose{'.' if key else ''}{key}={value}")]
    network = {"one": "front", "two": "cal"}.get(name, "bridge")
    machine.start(name, network=network, options=options, ports=LISTENING)


def prune(container):
    kept = {key: container[key] for key in KEPT[""]}
    return kept | {part: {key: container[part][key] for key in keys}
                   for part, keys in KEPT.items() if part}


def main():
    with booted(chaos.new_plan("trixie", 1)) as run:
        for name, labels in LABELS.items():
            start(run.machine, name, labels)
        run.settle(PROMPT)
        run.send_packets()
        look = run.remote.ask("look") | {"journal": sum(run.oracle.journal.entries.values(), [])}
        look["containers"] = [prune(container) for container in look["containers"]]
        look["journal"] = [{key: value for key, value in entry.items()
                            if key.startswith("CALICO_EXPOSED_") or key in ("MESSAGE", "_PID")}
                           for entry in look["journal"]]
        look["fdb"] = [entry for entry in look["fdb"] if entry.get("state") != "permanent"]
    path = pathlib.Path(__file__).with_name("recorded.json")
    path.write_text(json.dumps(look, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
