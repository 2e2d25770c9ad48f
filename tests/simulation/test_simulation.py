"""The full rules hold in every seed, every changed rule is caught, and a seed is the same world twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.mutations import MUTATIONS
from tests.simulation.runner import run_mutation, run_seed

SEEDS = 60
MUTATION_SEEDS = 200


@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_invariant_breaks_under_the_full_rules(seed: int) -> None:
    outcome = run_seed(seed)
    assert not outcome.violations, f"seed {seed}: {outcome.first}"
    assert outcome.accepted > 0, "nothing happened in this world"


@pytest.mark.parametrize("name", [mutation.name for mutation in MUTATIONS])
def test_every_rule_is_needed(name: str) -> None:
    assert run_mutation(name, MUTATION_SEEDS).seed is not None


def test_a_seed_is_the_same_world_twice() -> None:
    assert run_seed(7, trace=True).trace == run_seed(7, trace=True).trace


def test_worlds_have_faults() -> None:
    kinds = {fault for seed in range(SEEDS) for fault in run_seed(seed).faults}
    assert len(kinds) >= 8, kinds


def test_the_documentation_names_every_mutation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "delivery.md").read_text(encoding="utf-8")
    assert [mutation.name for mutation in MUTATIONS if f"| `{mutation.name}` |" not in page] == []
