# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures: machines that end with their module, containers that end with their test."""

import contextlib
import os
import pathlib
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

import labhost  # noqa: E402
from machine import Machine  # noqa: E402

SUITE = os.environ.get("CALICO_EXPOSED_SUITE", "bookworm")


@contextlib.contextmanager
def booted_host(binds, **options):
    """A machine (see labhost.boot_host) without the project, for as long as needed."""
    host = labhost.boot_host(SUITE, owner=os.getpid(), binds=binds, **options)
    try:
        yield Machine(host)
    finally:
        host.remove()


@contextlib.contextmanager
def booted_machine(**options):
    """The same with the project installed."""
    with booted_host(labhost.project_binds(SUITE), **options) as machine:
        labhost.install(machine.host)
        yield machine


@pytest.fixture(scope="session")
def machine():
    """The machine of all modules that are run together; one that needs another kind has its own."""
    with booted_machine() as machine:
        yield machine


@pytest.fixture(scope="session")
def lasting_machine():
    """Likewise; Docker can be stopped without its containers, and all networks are there."""
    with booted_machine(docker_json={"live-restore": True}) as machine:
        machine.make_networks()
        yield machine


@pytest.fixture(autouse=True)
def clean_up(request):
    """Containers end with the test that made them; a module may say otherwise."""
    yield
    if "machine" in request.fixturenames:
        request.getfixturevalue("machine").remove_containers()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failure shows what the machine says of itself."""
    report = (yield).get_result()
    machine = item.funcargs.get("machine") if hasattr(item, "funcargs") else None
    if report.failed and machine:
        report.sections.append(("the machine", machine.diagnosis()))
