"""Run seeds, alone or on several processes, under the full rules or under a mutation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.rules import FULL, Rules
from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one seed showed."""

    seed: int
    violations: Counter[int]
    first: list[str]
    faults: list[str]
    events: int
    accepted: int
    lost_blocks: int
    excused: int
    duration_s: float
    trace: list[str] = field(default_factory=list)


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
        events=world.time.events,
        accepted=len(oracle.accepted),
        lost_blocks=len(oracle.given),
        excused=len(oracle.excused),
        duration_s=world.time.now,
        trace=world.time.lines or [],
    )
