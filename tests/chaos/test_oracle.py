# SPDX-License-Identifier: GPL-2.0-or-later
"""The oracle itself: it is silent where all is right, and sees each planted difference.

recorded.json is a look at a real host (record.py). Nobody but the daemon can
change its table there, so the differences are planted in what is read.
"""

import copy
import json
import pathlib
import random
import re
import sys

import pytest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "lab")]

from actions import Actor  # noqa: E402
from config import Config  # noqa: E402
from operations import Chooser  # noqa: E402
from oracle import Oracle  # noqa: E402
from packets import choose_questions  # noqa: E402

RECORDED = json.loads((HERE / "recorded.json").read_text(encoding="utf-8"))


@pytest.fixture
def look():
    return copy.deepcopy(RECORDED)


def compare(look, config=Config()):
    oracle = Oracle(config)
    oracle.journal.take(look["journal"])
    oracle.take(look)
    return "\n".join(oracle.compare(look))


def address_of(name, network, key="IPAddress"):
    container = next(one for one in RECORDED["containers"] if one["Name"] == f"/{name}")
    return container["NetworkSettings"]["Networks"][network][key]


def test_all_is_right(look):
    assert compare(look) == ""


WEB, ONE, TWO = address_of("web", "bridge"), address_of("one", "front"), address_of("two", "cal")
RULE = r"\t(meta mark .* comment \"calico-exposed\")\n"

# What is replaced in the table, by what, and what the oracle says of it.
PLANTED = {
    "removed": (rf"tcp \. 8080 : {WEB} \. 80,\s*", "",
                r"translations: \(4, None, 'tcp', 8080, 8080\).* is missing"),
    "added": (rf"tcp \. 8080 : {WEB} \. 80", rf"\g<0>, tcp . 7777 : {WEB} . 80",
              r"translations: \(4, None, 'tcp', 7777, 7777\).* should not be there"),
    "elsewhere": (rf"tcp \. 8080 : {WEB} \. 80", "tcp . 8080 : 172.17.0.99 . 80",
                  r"translations: .*172.17.0.99.*, expected: "),
    "other port": (rf"tcp \. 8083 : {WEB} \. 9000", f"tcp . 8083 : {WEB} . 9001",
                   r"translations: \(4, None, 'tcp', 8083, 8083\)"),
    "host address": (r"203\.0\.113\.1 \. tcp \. 8081", "203.0.113.9 . tcp . 8081",
                     r"'203.0.113.9', 'tcp', 8081, 8081\).* should not be there"),
    "range": (rf"udp \. 9000-9001 : {WEB}", f"udp . 9000-9002 : {WEB}",
              r"\(4, None, 'udp', 9000, 9002\).* should not be there"),
    "backend": (rf"0 : {ONE} \. 80,\s*1 : ", "0 : ", r"counts modulo \{2\}"),
    "balanced": (rf"{ONE} \. tcp \. 80,\s*", "", rf"balanced: \('{ONE}', 'tcp', 80\) is missing"),
    "limit": (r"tcp \. 8085 : goto limit-\S+,?\s*", "", r"limits: \(4, None, 'tcp', 8085, 8085\)"),
    "source": (r"ipv4 \. 203\.0\.113\.0/24", "ipv4 . 203.0.0.0/16", r"limits: .*203.0.0.0/16"),
    "interface": (r'"eth0",?\s*', "", r"limits: .*expected.*eth0"),
    "endpoint": (rf"{WEB} : goto profile-bridge,?\s*", "", rf"endpoints: {WEB}: bridge is missing"),
    "profile": (rf"{TWO} : goto profile-cal", f"{TWO} : goto profile-front",
                rf"endpoints: {TWO}: front, expected: cal"),
    "allowed": (rf"(set profile-front-allow4 {{[^}}]*){ONE} \. tcp \. 80", rf"\1{ONE} . tcp . 82",
                r"allowed: \('front', "),
    "neighbours": (r"172\.17\.0\.0/16 \. 172\.17\.0\.0/16,?\s*", "",
                   r"neighbours: 172.17.0.0/16 is missing"),
    "hairpin": (rf"{TWO} \. {TWO}", "192.168.9.9 . 192.168.9.9", rf"hairpins: {TWO} is missing"),
    "usable": (r"ipv4 \. 0\.0\.0\.0/0", "ipv4 . 10.0.0.0/8", r"usable: 0.0.0.0/0 is missing"),
    "localnet": (r'"docker0",?\s*', "", r"localnet: docker0 is missing"),
    "no table": (r"(?s).*", "", r"there is no table"),
    "a strange set": (r"\tset localnet \{", "\tset strange {\n\t}\n\n\\g<0>", r"a set strange"),
    "an unused chain": (r"\tchain exposed \{", "\tchain profile-x {\n\t\tdrop\n\t}\n\n\\g<0>",
                        r"nothing leads to chain profile-x"),
    "no chain": (r"\tchain profile-cal \{", "\tchain profile-gone {",
                 r"to profile-cal, which does not exist"),
}


@pytest.mark.parametrize("pattern, new, expected", PLANTED.values(), ids=PLANTED)
def test_a_difference_in_the_table(look, pattern, new, expected):
    look["table"], count = re.subn(pattern, new, look["table"], count=1)
    assert count
    assert re.search(expected, compare(look))


def test_another_rule(look):
    oracle = Oracle(Config())
    oracle.journal.take(look["journal"])
    oracle.take(look)
    assert oracle.compare(look) == []
    look["table"] = look["table"].replace("goto translate", "goto allowed", 1)
    assert "chain exposed: " in "\n".join(oracle.compare(look))


def test_an_interruption(look):
    oracle = Oracle(Config())
    oracle.journal.take(look["journal"])
    oracle.take(look)
    assert oracle.compare(look) == []
    oracle.settle(look)
    exposed = next(entry for entry in look["journal"] if entry["CALICO_EXPOSED_STATE"] == "exposed")
    oracle.journal.take([exposed | {"CALICO_EXPOSED_STATE": "withdrawn"}, exposed])
    assert [line for line in oracle.compare(look) if "was withdrawn and exposed again" in line]
    oracle.settle(look)
    look["table"] = re.sub(r"# handle \d+", "# handle 99", look["table"], count=1)
    assert oracle.compare(look) == ["the table was made anew"]


FILTERS = {
    "gone": (RULE, r"\taccept\n"),
    "not first": (RULE, r"\tdrop\n\t\t\1\n"),
    "twice": (RULE, r"\t\1\n\t\t\1\n"),
    "another mark": ("0x00000080", "0x00000040"),
}


@pytest.mark.parametrize("pattern, new", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("family", ["ip", "ip6"])
def test_the_rule_in_docker_user(look, family, pattern, new):
    look["filter"][family] = re.sub(pattern, new, look["filter"][family], count=1)
    assert f"{family} DOCKER-USER: " in compare(look)


def test_no_docker_user(look):
    look["filter"]["ip6"] = None
    assert compare(look) == ""


FLOW = "{} 17 20 src=203.0.113.2 dst={} sport=4000 dport={} src={} dst=203.0.113.2 sport={} " \
       "dport=4000 mark=0 use=1\n"


@pytest.mark.parametrize("flow, expected", [
    (("tcp", "203.0.113.1", 8080, WEB, 80), ""),
    (("udp", "203.0.113.1", 9001, WEB, 9001), ""),
    (("tcp", "203.0.113.1", 8090, ONE, 80), ""),
    (("tcp", "203.0.113.1", 8080, "172.17.0.99", 80), "a flow that nothing explains"),
    (("tcp", "203.0.113.1", 8080, WEB, 81), "a flow that nothing explains"),
    (("tcp", "203.0.113.1", 8079, WEB, 80), "a flow that nothing explains"),
    (("udp", "203.0.113.1", 8080, WEB, 80), "a flow that nothing explains"),
    (("tcp", "127.0.0.1", 8081, WEB, 81), "a flow that nothing explains"),
    (("udp", "203.0.113.1", 9000, "203.0.113.1", 9000), "a flow that should be translated"),
    (("udp", "203.0.113.1", 9002, "203.0.113.1", 9002), ""),
    (("tcp", WEB, 80, WEB, 80), ""),
])
def test_flows(look, flow, expected):
    look["conntrack"][0] += FLOW.format(*flow)
    said = compare(look)
    assert said.startswith(expected) and bool(said) == bool(expected)


@pytest.mark.parametrize("key, change, expected", [
    ("localnet", lambda names: names[1:], "route_localnet is on for"),
    ("localnet", lambda names: [*names, "eth0"], "route_localnet is on for"),
    ("hairpin", lambda names: names[1:], "bridge ports in hairpin mode"),
    ("unit", lambda unit: unit | {"StatusText": "0 ports of 0 containers exposed"},
     "the status is"),
    ("unit", lambda unit: unit | {"MainPID": "1"}, "web: the journal says nothing of '8080:80'"),
    ("journal", lambda entries: [], "late: the journal does not tell of '80x'"),
    ("journal", lambda entries: [entry for entry in entries if entry["MESSAGE"][:4] != "late"],
     "late: the journal says nothing of '8080:80', which is conflict"),
])
def test_other_places(look, key, change, expected):
    look[key] = change(look[key])
    assert expected in compare(look)


def test_a_container_that_is_gone_and_still_exposed(look):
    look["containers"] = [one for one in look["containers"] if one["Name"] != "/web"]
    said = compare(look)
    assert "web: gone, the journal has ['tcp', '8080'] exposed" in said
    assert "translations: (4, None, 'tcp', 8080, 8080): {('%s', 80)} should not be there" % WEB \
        in said
    assert "late: 8080:80 is not exposed, by no order of events" in said


def test_a_new_container_without_exposure(look):
    late = next(one for one in look["containers"] if one["Name"] == "/late")
    late["Config"]["Labels"]["calico.expose"] = "8099:80"
    assert "late: 8099:80 is not exposed, by no order of events" in compare(look)


def test_the_configuration(look):
    said = compare(look, Config.of({"Ports": "8081-9999"}))
    assert "translations: (4, None, 'tcp', 8080, 8080)" in said
    said = compare(look, Config.of({"Localhost": "no", "Mark": "0x200/0x200"}))
    assert "127.0.0.1" in said and "localnet" in said and "DOCKER-USER" in said


def test_a_stopped_daemon(look):
    oracle = Oracle(Config())
    oracle.take(look)
    oracle.history.stop()
    said = "\n".join(oracle.compare(look))
    for expected in ("the table is still there", "DOCKER-USER of ip", "route_localnet is on",
                     "still in hairpin mode", "a flow that nothing explains"):
        assert expected in said


def test_docker_is_away(look):
    oracle = Oracle(Config())
    oracle.journal.take(look["journal"])
    oracle.take(look)
    assert oracle.compare(look) == []
    assert list(oracle.compare_away(look, oracle.content)) == [
        f"the status is {look['unit']['StatusText']!r}, and Docker is away"]
    look["unit"]["StatusText"] = "Docker is away since 12:00, 9 ports kept"
    assert list(oracle.compare_away(look, oracle.content)) == []
    look["table"] = re.sub(rf"tcp \. 8080 : {WEB} \. 80,\s*", "", look["table"])
    assert len(list(oracle.compare_away(look, oracle.content))) == 1


def test_questions(look):
    oracle = Oracle(Config())
    oracle.take(look)
    oracle.compare(look)
    ports = [("tcp", 8080), ("tcp", 7000)]
    questions = choose_questions(random.Random(1), oracle, ports, 1000)
    answers = {(question.protocol, question.port, question.road.outside, question.road.destination):
               question.names for question in questions}
    assert answers["tcp", 8080, True, "203.0.113.1"] == {"web"}
    assert answers["tcp", 8090, True, "2001:db8:1::1"] == {"one", "two"}
    assert answers["tcp", 8085, True, "203.0.113.1"] == {"few"}
    assert answers["tcp", 8085, True, "2001:db8:1::1"] == set()
    assert answers["tcp", 8085, False, "203.0.113.1"] == {"few"}
    assert answers["tcp", 8085, False, "127.0.0.1"] == set()
    assert answers["tcp", 8082, False, "127.0.0.1"] == {"web"}
    assert answers["tcp", 7000, True, "203.0.113.1"] == set()
    assert ("tcp", 8082, True, "203.0.113.1") not in answers


def test_nobody_is_asked_by_sctp(look):
    web = next(one for one in look["containers"] if one["Name"] == "/web")
    web["Config"]["Labels"]["calico.expose"] += ",8099:77/sctp"
    oracle = Oracle(Config.of({"Localhost": "no"}))
    look["table"] = look["table"].replace(
        f"tcp . 8080 : {WEB} . 80,", f"tcp . 8080 : {WEB} . 80, sctp . 8099 : {WEB} . 77,")
    oracle.take(look)
    oracle.compare(look)
    assert (4, None, "sctp", 8099, 8099) in oracle.content.translations
    questions = choose_questions(random.Random(1), oracle, [], 1000)
    assert "sctp" not in {question.protocol for question in questions}


@pytest.mark.parametrize("seed", range(20))
def test_operations_depend_on_the_seed_alone(seed):
    first, second = (Chooser(random.Random(seed), seed % 2 == 0) for _ in range(2))
    steps = [first.step() for _ in range(200)]
    assert steps == [second.step() for _ in range(200)]
    assert steps == json.loads(json.dumps(steps))
    names = {operation[0] for step in steps for operation in step} - {"look-away"}
    assert all(hasattr(Actor, "do_" + name.replace("-", "_")) for name in names)
