# SPDX-License-Identifier: GPL-2.0-or-later
"""The model: what labels ask for, and who may hold a host port after what happened."""

import dataclasses
import pathlib
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.append(str(pathlib.Path(__file__).resolve().parent))

from config import Config  # noqa: E402
from labels import Entry, Limits, Refused, parse_entry, read_labels  # noqa: E402
from model import Container, History, HostPort, Network, State, describe  # noqa: E402

# Labels


@pytest.mark.parametrize("text, entry", [
    ("80", Entry("tcp", None, None, 80, 80, 80)),
    (" 8080:80 ", Entry("tcp", None, None, 8080, 8080, 80)),
    ("53/UDP", Entry("udp", None, None, 53, 53, 53)),
    ("192.0.2.1:80", Entry("tcp", 4, "192.0.2.1", 80, 80, 80)),
    ("[2001:db8::1]:443:443", Entry("tcp", 6, "2001:db8::1", 443, 443, 443)),
    ("0.0.0.0:80:80", Entry("tcp", 4, None, 80, 80, 80)),
    ("[::]:80:80", Entry("tcp", 6, None, 80, 80, 80)),
    ("30000-30100:30000-30100/sctp", Entry("sctp", None, None, 30000, 30100, 30000)),
    ("127.0.0.1:8000-8010:9000-9010", Entry("tcp", 4, "127.0.0.1", 8000, 8010, 9000)),
])
def test_entries(text, entry):
    assert parse_entry(text) == entry


@pytest.mark.parametrize("text", [
    "", " ", "0", "65536", "http", "80x", "+80", "8 0", "80:", "80-", "-80", "80-90-100", "90-80",
    "80-81:80", "8000-8010:9000-9011", "80/icmp", "80/", "80/tcp/udp", ":80", "127.0.0.1::80",
    "1.2.3:80", "localhost:80:80", "eth0:80:80", "[fe80::1%eth0]:80", "2001:db8::1:443:443",
    "80:81:82:83", "80\x07", "[2001:db8::1]", "9" * 200])
def test_refused_entries(text):
    with pytest.raises(Refused):
        parse_entry(text)


def states(labels, image=(), **keys):
    labels = {f"calico.expose{key and '.' + key}": value for key, value in labels.items()}
    asked = read_labels(labels, dict(image), Config.of(keys))
    return [claim.refused and claim.refused[0] for claim in asked.claims]


def test_what_is_refused():
    assert states({"": "80,80x,80:81,81"}) == [None, "invalid", "invalid", None]
    assert states({"": "22,20-25,23"}) == ["denied", "denied", None]
    assert states({"": "22,80"}, ReservedPorts="80") == [None, "denied"]
    assert states({"": "80,8080-8081"}, Ports="80-81,8080") == [None, "denied"]
    assert states({"": "[::1]:80:80,127.0.0.1:81:81"}) == ["denied", None]
    assert states({"": "127.0.0.1:81:81"}, Localhost="no") == ["denied"]
    assert states({"": "192.0.2.1:80:80,80/udp"}, Addresses="203.0.113.0/24") == ["denied", None]
    assert states({"": "80", "mode": "both"}) == ["invalid"]
    assert states({"": "80-81:90-91,82-83", "mode": "balance"}) == ["invalid", None]


def test_the_first_label_that_is_wrong_is_told():
    labels = {"calico.expose": "80", "calico.expose.when": "never", "calico.expose.profile": ""}
    _, reason = read_labels(labels, {}, Config()).claims[0].refused
    assert reason == r"calico\.expose\.profile"


def test_labels_of_the_image():
    image = {"calico.expose": "80", "calico.expose.from": "192.0.2.0/24"}
    assert states({"": "80"}, image) == ["denied"]
    assert states({"": "80"}, image, ImageLabels="honor") == [None]
    assert states({"": "81"}, image) == [None]
    asked = read_labels({**image, "calico.expose": "81"}, image, Config())
    assert not asked.limits.are_set()


def test_limits():
    asked = read_labels({"calico.expose": "80", "calico.expose.interface": "eth0, lo",
                         "calico.expose.from": "10.0.0.0/8,10.1.0.0/16,2001:db8::/32"},
                        {}, Config())
    assert asked.limits == Limits(frozenset({"10.0.0.0/8", "2001:db8::/32"}),
                                  frozenset({"eth0", "lo"}))
    config = Config.of({"Interfaces": "eth1"})
    assert read_labels({"calico.expose": "80"}, {}, config).limits.interfaces == {"eth1"}


# Who holds a port


def container(name, expose="8080:80", created="1", config=Config(), **changes):
    made = Container(
        id=name, name=name, created=created,
        asked=read_labels({"calico.expose": expose}, {}, config),
        status="running", health=None, mode="bridge",
        networks={"bridge": Network("bridge", {4: f"10.0.0.{ord(name)}"}, frozenset(), "")},
        route="bridge", published=(), answers={}, pid=1, run=(1, 0))
    return dataclasses.replace(made, **changes)


def state(*containers, others=()):
    return State({one.id: one for one in containers}, frozenset(others))


def possible(history, *exposed):
    return not history.impossible(frozenset((name, 0) for name in exposed))


def history_of(*moments, holders=()):
    history = History()
    for moment in moments:
        history.add(moment)
    history.holders = frozenset((name, 0) for name in holders)
    return history


def test_the_oldest_gets_a_free_port():
    history = history_of(state(container("a", created="2"), container("b", created="1")))
    assert possible(history, "b")
    assert not possible(history, "a")
    assert not possible(history)
    assert not possible(history, "a", "b")


def test_the_holder_keeps():
    history = history_of(state(container("a"), container("b", created="2")), holders="b")
    assert possible(history, "b")
    assert not possible(history, "a")


def test_a_restart_may_have_been_seen_or_not():
    before = state(container("a"), container("b", created="2"))
    after = state(container("a", run=(2, 0)), container("b", created="2"))
    history = history_of(before, after, holders="a")
    assert possible(history, "a") and possible(history, "b")
    assert not possible(history)


def test_who_did_not_change_keeps():
    before = state(container("a"), container("b"), container("c", "8081:80"))
    after = state(container("a"), container("b", run=(2, 0)))
    history = history_of(before, after, holders="ac")
    assert possible(history, "a")
    assert not possible(history, "b")


def test_after_a_stop_the_oldest_gets_it():
    history = history_of(state(container("a"), container("b", created="2")), holders="b")
    history.stop()
    history.start()
    assert possible(history, "a")
    assert not possible(history, "b")


def test_settled_is_settled():
    before = state(container("a"), container("b", created="2"))
    history = history_of(before, state(container("a", run=(2, 0)), container("b", created="2")))
    history.settle({("b", 0)})
    assert possible(history, "b")
    assert not possible(history, "a")


def test_a_process_of_the_host():
    port = HostPort("tcp", 4, "127.0.0.1", 8080)
    assert not possible(history_of(state(container("a"), others=[port])), "a")
    assert possible(history_of(state(container("a"), others=[port]), holders="a"), "a")
    later = history_of(state(), state(container("a")), state(container("a"), others=[port]))
    assert possible(later, "a") and possible(later)


def test_a_container_in_the_hosts_network_is_between_two_runs():
    first = container("h", "", mode="host", answers={("tcp", 8080): "h"})
    second = dataclasses.replace(first, run=(2, 0))
    others = [HostPort("tcp", None, None, 8080)]
    before = state(container("a"), first, others=others)
    history = history_of(before, state(container("a"), second, others=others))
    assert possible(history, "a") and possible(history)
    other = state(container("a"), container("b", "8081:80"), first, others=others)
    assert not possible(history_of(before, other), "a")


def test_what_docker_published():
    published = ((HostPort("tcp", None, None, 8080), 80),)
    docker = container("d", "", published=published)
    assert not possible(history_of(state(container("a"), docker)), "a")
    history = history_of(state(container("a"), docker), state(container("a")))
    assert possible(history, "a")
    assert not possible(history)


def test_what_docker_published_is_free_between_two_runs():
    published = ((HostPort("tcp", None, None, 8080), 80),)
    first = container("d", "", published=published)
    history = history_of(state(container("a"), first),
                         state(container("a"), dataclasses.replace(first, run=(2, 0))))
    assert possible(history, "a") and possible(history)
    same = history_of(state(container("a"), first), state(container("a", run=(2, 0)), first))
    assert not possible(same, "a")


def test_balance():
    def balancing(name, text="8080:80", **others):
        labels = {"calico.expose": text, "calico.expose.mode": "balance", **others}
        return container(name, asked=read_labels(labels, {}, Config()))

    assert possible(history_of(state(balancing("a"), balancing("b", "8080:81"))), "a", "b")
    assert possible(history_of(state(balancing("a"), container("b", created="2"))), "a")
    assert possible(history_of(state(balancing("a"), balancing("b", "8080-8081"))), "a")
    limited = balancing("b", **{"calico.expose.from": "10.0.0.0/8"})
    assert possible(history_of(state(balancing("a"), limited)), "a")


def test_too_much_at_once():
    names = "abcdef"
    before = state(*(container(name) for name in names))
    after = state(*(container(name, run=(2, 0)) for name in names))
    history = history_of(before, after, holders="a")
    assert all(possible(history, name) for name in names)
    assert not possible(history, "a", "b")
    assert not possible(history)


def test_what_is_told_of_each_claim():
    moment = state(container("a"), container("b"), container("c", "22"),
                   container("d", "8081:80", status="restarting"),
                   container("e", "[::]:8082:80"))
    assert describe(moment, {("a", 0)}) == {
        ("a", 0): ("exposed", set()), ("b", 0): ("conflict", {"container a "}),
        ("c", 0): ("denied", {"ReservedPorts="}), ("d", 0): ("waiting", {"restarting"}),
        ("e", 0): ("waiting", {"no IPv6 address"})}
