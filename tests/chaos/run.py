# SPDX-License-Identifier: GPL-2.0-or-later
"""One host, and the steps that are done on it."""

import collections
import contextlib
import json
import os
import random
import shlex
import time

import labhost
from actions import Actor, Remote
from config import Config
from machine import Machine
from model import describe
from operations import LISTENING, PORTS
from oracle import Oracle
from packets import ASKED, choose_questions

TRAFFIC = ["/usr/bin/python3", "-B", "/src/tests/e2e/traffic.py", "survey"]
QUESTIONS = 8
ATTEMPTS = 3
CLOSED = [(protocol, port) for protocol in ASKED for port in (*PORTS, 8090, 22, 80, 9000)]

# Docker is restarted more often than its unit would have it.
NO_START_LIMIT = """
    mkdir -p /etc/systemd/system/docker.service.d
    printf '[Unit]\\nStartLimitIntervalSec=0\\n' >/etc/systemd/system/docker.service.d/chaos.conf
    systemctl daemon-reload"""

# Seconds from the last change until all must be right.
PROMPT = 1.0
# A claim that waits for a port of somebody else looks every two seconds.
AFTER_OTHERS = 3.5
# The daemon starts, and asks Docker.
AFTER_DAEMON = 3.0
# Docker was away: it starts its containers again, and is looked for at growing intervals.
AFTER_DOCKER = 15.0
# Nothing takes longer to become quiet.
QUIET = 90
# So long a failure is watched, to tell what comes too late from what never comes.
TOO_LATE = 10
PAUSE = 0.05


class Failure(Exception):
    """What the daemon made of it differs from what the oracle expects."""


class Run:
    """The host under test, its agent and its oracle."""

    def __init__(self, machine, seed):
        self.machine = machine
        self.random = random.Random(f"packets {seed}")
        self.oracle = Oracle(Config())
        self.remote = Remote(machine.host)
        self.actor = Actor(self.remote, self.oracle)
        self.times = collections.defaultdict(list)  # by what was allowed: what it took
        self.oracle.take(self.remote.ask("truth"))  # before the first step nobody was there

    def step(self, operations, say):
        """Carry out the operations at once, then wait until all is as it must be."""
        patience = PROMPT
        for operation in operations:
            say(tell(operation))
            if operation == ["look-away"]:
                self.look_away()
            elif refusal := self.actor.act(operation):
                say(f"    {refusal}")
            self.oracle.take(self.remote.ask("truth"))
            patience = max(patience, patience_for(operation))
        self.settle(patience)
        self.send_packets()
        self.oracle.settle(self.look())
        for line in self.tell_claims():
            say(f"        {line}")

    def look(self):
        """Each entry of the journal is told once."""
        look = self.remote.ask("look")
        self.oracle.journal.take(look["journal"])
        return look

    def settle(self, patience):
        """Wait until all is right; what is right too late fails as well, and says so."""
        start = changed = time.monotonic()
        late = None
        while True:
            began = time.monotonic()
            look = self.look()
            new = self.oracle.take(look) | self.oracle.take(self.remote.ask("truth"))
            if self.oracle.lost_others():
                patience = max(patience, AFTER_OTHERS)
            if new:
                changed = time.monotonic()
                late = None
            elif not (differences := self.oracle.compare(look)):
                if late:
                    raise Failure(f"right after {began - changed:.1f} s only, before:\n{late}")
                self.times[patience].append(max(0, began - changed))
                return
            elif began > changed + patience + TOO_LATE:
                raise Failure(f"wrong for {began - changed:.1f} s:\n" + "\n".join(differences))
            elif began > changed + patience:
                late = late or "\n".join(differences)
            if began > start + QUIET:
                raise Failure("it does not become quiet")
            time.sleep(PAUSE)

    def look_away(self):
        """While Docker is away, what is exposed stays, whatever becomes of the daemon."""
        before = self.oracle.content

        def differences():
            return list(self.oracle.compare_away(self.look(), before))
        try:
            labhost.wait_until(lambda: not differences(), AFTER_DAEMON, "")
        except labhost.LabError:
            raise Failure("\n".join(["Docker is away:", *differences()])) from None

    def send_packets(self):
        """What got a wrong answer is asked again: a busy machine may have been too slow."""
        wrong = choose_questions(self.random, self.oracle, CLOSED, QUESTIONS)
        for _ in range(ATTEMPTS):
            answered = self.survey(wrong)
            wrong = [question for question, answer in answered if not is_right(question, answer)]
            if not wrong or self.oracle.take(self.remote.ask("truth")):
                return
        raise Failure("\n".join(f"{question}: {answer} answers" for question, answer in answered
                                if question in wrong))

    def survey(self, questions):
        """Pairs of question and answer."""
        pairs = []
        for outside in (True, False):
            some = [question for question in questions if question.road.outside == outside]
            words = [word for question in some
                     for word in (question.protocol, question.road.destination, question.port)]
            if some:
                answers = self.machine.host.run([*TRAFFIC, *words], outside=outside)
                pairs += zip(some, json.loads(answers))
        return pairs

    def tell_claims(self):
        if self.oracle.history.blind:
            return
        claims = self.oracle.state.claims()
        for key, (state, reasons) in describe(self.oracle.state, self.oracle.exposed).items():
            container, claim = claims[key]
            yield f"{container.name} {claim.text!r}: {state} {' or '.join(sorted(reasons))}"


def is_right(question, answer):
    return answer in question.names if question.names else answer is None


def patience_for(operation):
    if operation[0] == "docker":
        return AFTER_DOCKER
    return AFTER_DAEMON if operation[0] == "daemon" else PROMPT


def tell(operation):
    """One line; commands that run together stand behind each other."""
    parts = operation[1:] if operation[0] == "together" else [operation]
    return " & ".join(shlex.join(map(str, words)) for words in parts)


@contextlib.contextmanager
def booted(plan, keep=False):
    """A fresh host with networks and images; it may be kept to look at it."""
    suite = plan["suite"]
    host = labhost.boot_host(suite, owner=None if keep else os.getpid(),
                             binds=labhost.project_binds(suite),
                             docker_json={"live-restore": plan["live_restore"]})
    try:
        labhost.install(host)
        run = Run(prepare(Machine(host)), plan["seed"])
        try:
            yield run
        finally:
            run.remote.close()
    finally:
        if not keep:
            host.remove()


def prepare(machine):
    machine.run(NO_START_LIMIT)
    machine.make_networks()
    machine.docker("network", "create", "plain")
    machine.docker("network", "create", "--internal", "inner")
    machine.docker("network", "create", "--subnet", "10.77.0.0/24", "spare")
    machine.docker("create", "--name", "mould", "answer", "mould", *LISTENING)
    machine.docker("commit", "--change", "LABEL calico.expose=8085:80,8084:53/udp",
                   "--change", "LABEL calico.expose.mode=balance", "mould", "labelled")
    machine.docker("rm", "mould")
    return machine
