"""Run seeds, alone or on several processes, under the full rules or under a mutation."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat

from tests.simulation.mutations import BY_NAME, MUTATIONS
from tests.simulation.rules import FULL, Rules
from tests.simulation.world import World

MUTATION_SEEDS = 200
CHUNK = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one seed showed."""

    seed: int
    violations: Counter[int]
    first: list[str]
    faults: list[str]
    accepted: int
    given_up: int
    excused: int
    trace: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Catch:
    """Whether a mutation broke something.

    Attributes:
        name: The mutation.
        seed: First seed that showed it; None when none did.
        invariants: Which invariants broke there.
        seeds: How many seeds were run.
    """

    name: str
    seed: int | None
    invariants: tuple[int, ...]
    seeds: int


def run_seed(seed: int, rules: Rules = FULL, *, trace: bool = False) -> Outcome:
    """One world from beginning to end."""
    world = World(seed, rules, trace=trace)
    world.run()
    oracle = world.oracle
    return Outcome(
        seed=seed,
        violations=oracle.violations,
        first=oracle.first,
        faults=world.faults,
        accepted=len(oracle.accepted),
        given_up=len(oracle.given),
        excused=len(oracle.excused),
        trace=world.time.lines or [],
    )


def run_mutation(name: str, seeds: int = MUTATION_SEEDS) -> Catch:
    """Seeds from 0 on, until one breaks an invariant."""
    rules = BY_NAME[name].rules
    for seed in range(seeds):
        outcome = run_seed(seed, rules)
        if outcome.violations:
            return Catch(name, seed, tuple(sorted(outcome.violations)), seed + 1)
    return Catch(name, None, (), seeds)


def _name_of(rules: Rules) -> str:
    return next((mutation.name for mutation in MUTATIONS if mutation.rules is rules), "")


def _run_chunk(seeds: range, name: str) -> list[Outcome]:
    rules = BY_NAME[name].rules if name else FULL
    return [run_seed(seed, rules) for seed in seeds]


def run_seeds(seeds: int, *, jobs: int, rules: Rules = FULL) -> Iterator[Outcome]:
    """Outcomes of the seeds ``0 … seeds - 1``, in order."""
    name = _name_of(rules)
    chunks = [range(start, min(start + CHUNK, seeds)) for start in range(0, seeds, CHUNK)]
    if jobs <= 1:
        for chunk in chunks:
            yield from _run_chunk(chunk, name)
        return
    with ProcessPoolExecutor(jobs) as pool:
        for outcomes in pool.map(_run_chunk, chunks, repeat(name)):
            yield from outcomes


def run_mutations(names: list[str], *, jobs: int) -> Iterator[Catch]:
    """Each mutation until it is caught, in order."""
    if jobs <= 1:
        yield from map(run_mutation, names)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(run_mutation, names)


def progress(text: str) -> None:
    """One line on stderr that replaces itself on a terminal; in a log only now and then."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
    else:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
