# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures: a fake engine, namespaces, and a supervisor for the daemon, all gone with the test."""

import contextlib
import os
import pathlib
import sys

import pytest

sys.dont_write_bytecode = True
TESTS = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("CALICO_EXPOSED_BUILD", str(TESTS.parent / "build" / "dev"))
sys.path[:0] = [str(TESTS), str(TESTS / "lab")]

from calico import CalicoHost  # noqa: E402
from commits import Commits  # noqa: E402
from datastore import Etcd  # noqa: E402
from engine import Engine, Image, Network  # noqa: E402
from host import Host  # noqa: E402
from space import Space  # noqa: E402
from stays import Monitor  # noqa: E402


@pytest.fixture
def space(request):
    """What needs etcd shares its namespaces with all of the module: it takes a second to start."""
    if "etcd" in request.fixturenames:
        yield request.getfixturevalue("shared_space")
        return
    with Space() as made:
        yield made


@pytest.fixture(scope="module")
def shared_space():
    with Space() as made:
        yield made


@pytest.fixture(scope="module")
def shared_etcd(shared_space, tmp_path_factory):
    pid = shared_space.holder.pid
    with Etcd(tmp_path_factory.mktemp("etcd"), f"/proc/{pid}/ns/net", shared_space.enter[:2]) as made:
        yield made


@pytest.fixture
def etcd(shared_etcd):
    if not shared_etcd.process:
        shared_etcd.start()
    for root in ("/calico", "/calico-exposed"):
        if shared_etcd.keys(root):
            shared_etcd.delete(root)
    shared_etcd.put_profile("cal")
    yield shared_etcd
    if shared_etcd.process:
        shared_etcd.thaw()


@pytest.fixture
def node(host, engine, etcd):
    """Its daemon does not run yet."""
    engine.state.add_network(Network("none", driver="null", gateway=False))
    return CalicoHost(host, engine, etcd)


@pytest.fixture
def version():
    """Of the engine; a test may be parametrised with others."""
    return "docker-26"


@pytest.fixture
def engine(space, version):
    made = Engine(space.path("/run/docker.sock"), version)
    made.state.add_network(Network("front", "172.19.0.0/16", "2001:db8:77::/64"))
    made.state.add_network(Network("cal", "192.168.0.0/24", driver="calico"))
    made.state.add_image(Image("labelled", {"calico.expose": "86:80"}))
    with made:
        yield made


@pytest.fixture
def host(space, engine, tmp_path):
    binary = pathlib.Path(os.environ["CALICO_EXPOSED_BUILD"], "daemon", "calico-exposed")
    made = Host(space, engine, tmp_path, str(binary))
    yield made
    made.close()


@pytest.fixture
def monitor(space):
    with contextlib.closing(Monitor(space)) as made:
        yield made


@pytest.fixture
def commits(space):
    with contextlib.closing(Commits(space)) as made:
        yield made


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failure shows what the daemons said, and the tables."""
    report = (yield).get_result()
    arguments = getattr(item, "funcargs", {})
    for name in ("host", "cluster"):
        if report.failed and name in arguments:
            report.sections.append((f"the {name}", arguments[name].diagnosis()))
