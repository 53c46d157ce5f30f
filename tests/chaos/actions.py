# SPDX-License-Identifier: GPL-2.0-or-later
"""Carries out operations (operations.py) on a host, by its agent."""

import json
import subprocess

import config
from labhost import LabError, wait_until

AGENT = ["/usr/bin/python3", "-B", "/src/tests/chaos/agent.py"]
UNIT = "calico-exposed"
# Somebody else who commits to nftables all the time.
NOISE = "while :; do nft add table inet foreign; nft delete table inet foreign; done"
SIGNALS = {"kill": "KILL", "freeze": "STOP", "thaw": "CONT"}
DOCKER = ["docker.socket", "docker.service"]
PATIENCE = 60


class Remote:
    """The agent on the host, one request at a time."""

    def __init__(self, host):
        self.process = subprocess.Popen(host.enter(AGENT), text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def ask(self, *request):
        print(json.dumps(request), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise LabError(f"the agent ended at {request}")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)


class Actor:
    """Each operation is a method; it returns what went wrong, for the record only."""

    def __init__(self, remote, oracle):
        self.remote = remote
        self.oracle = oracle

    def act(self, operation):
        name, *arguments = operation
        return getattr(self, "do_" + name.replace("-", "_"))(*arguments)

    def ask(self, *request):
        status, text = self.remote.ask(*request)
        return text.strip() if status != 0 else ""

    def do_run(self, *argv):
        return self.ask("run", argv)

    def do_together(self, *commands):
        return self.ask("together", *commands)

    def do_listen(self, *listener):
        return self.ask("listen", *listener)

    def do_unlisten(self, *listener):
        return self.ask("unlisten", *listener)

    def signal(self, verb, unit):
        return self.systemctl("kill", "--kill-who", "main", "--signal", SIGNALS[verb], unit)

    def systemctl(self, *arguments):
        return self.ask("run", ["systemctl", *arguments])

    def do_daemon(self, verb):
        if verb in SIGNALS:
            return self.signal(verb, UNIT)
        if verb == "stop":
            self.oracle.history.stop()
        answer = self.systemctl(verb, UNIT)
        if verb == "start":
            self.oracle.history.start()
        return answer

    def do_docker(self, verb):
        return self.signal(verb, "docker") if verb in SIGNALS else self.systemctl(verb, *DOCKER)

    def do_noise(self, verb):
        if verb == "stop":
            return self.systemctl("stop", "chaos-noise")
        command = ["systemd-run", "--quiet", "--unit", "chaos-noise", "sh", "-c", NOISE]
        return self.do_run(*command)

    def do_kill_process(self, name):
        """From outside: Docker may not even be asked at that time."""
        for container in self.oracle.state.containers.values():
            if container.name == name:
                return self.ask("run", ["kill", "-KILL", str(container.pid)])
        return f"no container {name}"

    def do_configuration(self, keys):
        self.ask("write", config.PATH, config.write(keys))
        self.reload()
        self.oracle.config = config.Config.of(keys)
        return ""

    def do_bad_configuration(self):
        """It must not matter: what stands in the file later must be good again."""
        self.ask("run", ["cp", config.PATH, config.PATH + ".good"])
        self.ask("write", config.PATH, config.BAD)
        self.reload()
        return self.ask("run", ["mv", config.PATH + ".good", config.PATH])

    def reload(self):
        """A daemon that is just starting again cannot be told to."""
        wait_until(lambda: not self.systemctl("reload", UNIT), PATIENCE, f"reload of {UNIT}")
