"""``python -m tests.simulation``: the rules under seeded misfortune, then every rule changed once.

Examples:
    python -m tests.simulation --seeds 1000
    python -m tests.simulation --seed 605 --trace
    python -m tests.simulation --seed 3 --trace --mutation stale-ack
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter

from tests.simulation.mutations import BY_NAME, MUTATIONS
from tests.simulation.rules import FULL
from tests.simulation.runner import MUTATION_SEEDS, Outcome, progress, run_mutations, run_seed, run_seeds

INVARIANTS = {
    1: "every accepted reading is stored or recorded lost, with its true reason",
    2: "each block is stored once, each reading is in the lake once",
    3: "what is stored is bit-equal to what the sensor said",
    4: "a block an agent deleted is durable at the collector",
    5: "no receipt or acknowledgement names what a crash would lose",
    6: "accepted = stored + recorded loss + pending, at any time",
    7: "after the faults the backlog reaches zero",
    8: "bounds hold",
    9: "nothing published under one identity is stored under another",
}


def main(arguments: list[str] | None = None) -> int:
    """0 when no seed violates an invariant and every mutation is caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=200, help="run the seeds 0 … N-1 (default 200)")
    parser.add_argument("--seed", type=int, help="run this seed alone")
    parser.add_argument("--trace", action="store_true", help="with --seed: print what happened")
    parser.add_argument("--mutation", choices=sorted(BY_NAME), help="run under this changed rule only")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="processes (default at most 2)")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return _one(options.seed, options.mutation, trace=options.trace)
    return _all(options.seeds, options.mutation, options.jobs)


def _one(seed: int, mutation: str | None, *, trace: bool) -> int:
    outcome = run_seed(seed, BY_NAME[mutation].rules if mutation else FULL, trace=trace)
    for line in outcome.trace:
        print(line)
    print(f"seed {seed}: faults {', '.join(outcome.faults) or 'none but the network'}; {outcome.accepted} readings")
    for line in outcome.first:
        print(f"  {line}")
    print(_summary(1, sum(outcome.violations.values()), 0, 0))
    return 1 if outcome.violations else 0


def _all(seeds: int, mutation: str | None, jobs: int) -> int:
    started = time.monotonic()
    rules = BY_NAME[mutation].rules if mutation else FULL
    broken: Counter[int] = Counter()
    total: Counter[int] = Counter()
    faults: Counter[str] = Counter()
    failing: list[Outcome] = []
    readings = given_up = 0
    for done, outcome in enumerate(run_seeds(seeds, jobs=jobs, rules=rules), 1):
        broken.update(outcome.violations.keys())
        total.update(outcome.violations)
        faults.update(outcome.faults)
        readings += outcome.accepted
        given_up += outcome.given_up
        if outcome.violations:
            failing.append(outcome)
        if done % 50 == 0 or done == seeds:
            progress(f"{done} of {seeds} seeds, {len(failing)} failing, {time.monotonic() - started:.0f} s")
    print(f"\n{seeds} runs, {readings} readings accepted, {given_up} blocks given up with a record")
    print("faults: " + ", ".join(f"{name} {count}" for name, count in faults.most_common()))
    print(f"{'invariant':<78} {'runs':>6} {'violations':>11}")
    for number, text in INVARIANTS.items():
        print(f"{number} {text:<76} {broken[number]:>6} {total[number]:>11}")
    again = f" --mutation {mutation}" if mutation else ""
    for outcome in failing[:10]:
        print(f"seed {outcome.seed} fails: {outcome.first[0]}")
        print(f"  replay: python -m tests.simulation --seed {outcome.seed} --trace{again}")
    caught = 0 if mutation else _mutations(jobs)
    print(f"took {time.monotonic() - started:.1f} s on {jobs} process(es)")
    count = 0 if mutation else len(MUTATIONS)
    print(_summary(seeds, sum(total.values()), count, caught))
    return 1 if total or caught < count else 0


def _mutations(jobs: int) -> int:
    print(f"\n{'changed rule':<26} {'of':<9} caught by (first of at most {MUTATION_SEEDS} seeds)")
    caught = 0
    for catch in run_mutations([mutation.name for mutation in MUTATIONS], jobs=jobs):
        mutation = BY_NAME[catch.name]
        if catch.seed is None:
            verdict = "NOT CAUGHT"
        else:
            caught += 1
            verdict = f"seed {catch.seed}, invariant {', '.join(map(str, catch.invariants))}"
        print(f"{catch.name:<26} {mutation.rule:<9} {verdict}")
        progress(f"{caught} of {len(MUTATIONS)} mutations caught")
    return caught


def _summary(runs: int, violations: int, mutations: int, caught: int) -> str:
    figures = {"runs": runs, "violations": violations, "mutations": mutations, "mutations_caught": caught}
    return json.dumps(figures)


if __name__ == "__main__":
    sys.exit(main())
