# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands that the documentation names, and the fields of JSON that it describes."""

import pathlib
import re

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PAGES = ["README.md", "docs/man/calico-exposed.8.scd", "systemd/calico-exposed.catalog",
         *(f"docs/{name}.md" for name in ("json", "labels", "metrics", "operations", "security",
                                          "examples/README"))]
PROGRAMS = """
    apt calico-exposed cd cmake conntrack df docker docker-compose iptables journalctl ln man nft
    rolling-update/ systemctl systemd/install tests/run tests/try ulimit
""".split()


def is_command(text):
    """More than a name: a program with arguments, or one of this tree."""
    first, _, rest = text.partition(" ")
    return any(first == program and (rest or "/" in program)
               or program.endswith("/") and first.startswith(program) for program in PROGRAMS)


def commands_of(text):
    """In a block of their own, without the comment behind them, or within a sentence."""
    fenced = [line for block in re.findall(r"```\n(.*?)```", text, re.DOTALL)
              for line in block.splitlines()]
    indented = re.findall(r"^    (\S.*)$", text, re.MULTILINE)
    quoted = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in [*indented, *fenced, *quoted]:
        command = re.split(r"\s+# ", line)[0].strip()
        if is_command(command):
            yield command


def documented_commands():
    """All of them, each with the pages that name it."""
    found = {}
    for page in PAGES:
        for command in commands_of((SOURCE / page).read_text(encoding="utf-8")):
            found.setdefault(command, set()).add(page)
    return found


def documented_fields(heading):
    """The fields that docs/json.md lists below a heading: name and type."""
    text = (SOURCE / "docs" / "json.md").read_text(encoding="utf-8")
    part = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `([a-z_.\[\]]+)` \| ([a-z, ]+) \|", part, re.MULTILINE))


def fields_of(value, name=""):
    """Names and types of all that is in a JSON value, as docs/json.md writes them."""
    kinds = {dict: "object", list: "array", str: "text", bool: "truth", int: "number",
             type(None): "null"}
    found = {(name, kinds[type(value)])} if name else set()
    if isinstance(value, dict):
        for key, item in value.items():
            found |= fields_of(item, f"{name}.{key}" if name else key)
    if isinstance(value, list):
        for item in value:
            found |= fields_of(item, f"{name}[]")
    return found


def assert_documented(document, *headings):
    documented = {}
    for heading in headings:
        documented |= documented_fields(heading)
    found = fields_of(document)
    for name, kind in found:
        assert kind in documented[name].split(", "), f"{name} is {kind}"
    return {name for name, _ in found}, set(documented)
