#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Does random things to a host, and compares what the daemon made of them with an oracle.

What is done depends on the seed alone. A failure prints how to repeat it, and
leaves a file with all that was done. Arguments are taken from
$CALICO_EXPOSED_CHAOS, too; the command line goes before.
"""

import argparse
import json
import os
import pathlib
import random
import shlex
import sys
import time

sys.dont_write_bytecode = True
TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path += [str(TESTS / "lab"), str(TESTS / "e2e")]

import labhost  # noqa: E402
from operations import Chooser  # noqa: E402
from run import Failure, booted, tell  # noqa: E402
from table import Unreadable  # noqa: E402


def carry_out(plan, steps, options, until=None):
    """Do the steps on a fresh host, and note them in the plan; return the failure's text."""
    plan["steps"] = []
    with booted(plan, options.keep) as run:
        for number, operations in enumerate(steps, 1):
            if until and time.monotonic() > until:
                break
            plan["steps"].append(operations)
            try:
                run.step(operations, lambda text, n=number: options.verbose and print(n, text))
            except (Failure, Unreadable, labhost.LabError) as failure:
                kept = f"Kept: tests/lab/lab shell {run.machine.host.name}\n\n" * options.keep
                return f"step {number}: {failure}\n\n{kept}{run.machine.diagnosis()}"
        report(run, plan)
    return None


def report(run, plan):
    operations = sum(map(len, plan["steps"]))
    print(f"{len(plan['steps'])} steps, {operations} operations, all as expected in the end")
    for patience, times in sorted(run.times.items()):
        print(f"  within {patience:g} s: {len(times)} times, at worst after {max(times):.2f} s")


def generate(plan, count):
    chooser = Chooser(random.Random(plan["seed"]), plan["live_restore"])
    while count is None or count > 0:
        yield chooser.step()
        count = count and count - 1


def new_plan(suite, seed):
    """live_restore: whether containers survive a stop of Docker."""
    return {"suite": suite, "seed": seed, "steps": [],
            "live_restore": random.Random(f"host {seed}").random() < 0.6}


def shrink(plan, options):
    """Leave out steps, by halves, as long as it still fails."""
    size, deadline = len(plan["steps"]) // 2, time.monotonic() + options.minutes * 60
    while size > 0:
        start = 0
        while start < len(plan["steps"]) and time.monotonic() < deadline:
            shorter = dict(plan)
            steps = plan["steps"][:start] + plan["steps"][start + size:]
            if carry_out(shorter, steps, options):
                plan = shorter
                print(f"{len(plan['steps'])} steps still fail", flush=True)
            else:
                start += size
        size //= 2
    return plan


def show_failure(plan, failure, path):
    print(f"FAILED: seed {plan['seed']} on {plan['suite']}, {failure}\n")
    print("The operations:")
    for number, operations in enumerate(plan["steps"], 1):
        for operation in operations:
            print(f"{number:4} {tell(operation)}")
    save(plan, path)
    print(f"\nAgain: tests/chaos/chaos.py --suite {plan['suite']} --seed {plan['seed']} "
          f"--steps {len(plan['steps'])}\n   or: tests/chaos/chaos.py --replay {path}")


def save(plan, path):
    path.write_text(json.dumps(plan, indent=1) + "\n", encoding="utf-8")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--suite", choices=labhost.SUITES, default="trixie")
    parser.add_argument("--minutes", type=float, default=3, help="default: 3")
    parser.add_argument("--seed", type=int, help="default: another one each time")
    parser.add_argument("--steps", type=int, help="so many, however long it takes")
    parser.add_argument("--replay", type=pathlib.Path, metavar="FILE",
                        help="what a failed run has saved")
    parser.add_argument("--shrink", type=pathlib.Path, metavar="FILE",
                        help="look for a shorter run that fails, for --minutes, and save it there")
    parser.add_argument("--save", type=pathlib.Path, metavar="FILE", help="where a failed run goes")
    parser.add_argument("--keep", action="store_true", help="leave the host as it is in the end")
    parser.add_argument("--verbose", action="store_true",
                        help="tell each operation, and what became of the claims")
    given = shlex.split(os.environ.get("CALICO_EXPOSED_CHAOS", ""))
    return parser.parse_args(given + sys.argv[1:])


def main():
    options = parse_arguments()
    given = options.replay or options.shrink
    if given:
        plan = json.loads(given.read_text(encoding="utf-8"))
        steps = plan["steps"]
    else:
        seed = random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
        plan = new_plan(options.suite, seed)
        steps = generate(plan, options.steps)
    if options.shrink:
        save(shrink(plan, options), options.shrink)
        return 0
    print(f"seed {plan['seed']} on {plan['suite']}", flush=True)
    until = None if given or options.steps else time.monotonic() + options.minutes * 60
    failure = carry_out(plan, steps, options, until)
    if failure:
        name = f"chaos-{plan['suite']}-{plan['seed']}.json"
        show_failure(plan, failure, options.save or pathlib.Path(name).resolve())
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
