"""The judge as a fixture: a scenario's text, played with real processes, and what the judge found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from simulators.demo.broker import find_mosquitto
from simulators.scenario.claims import Claim, check
from simulators.scenario.load import load
from simulators.scenario.play import Manner, Outcome, play

Judged = Callable[[Path, float], tuple[Outcome, list[Claim]]]


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    """Plays a scenario file at a speed with broker, collector and agents; gives the outcome and every assertion."""
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed")

    def judge(path: Path, speed: float) -> tuple[Outcome, list[Claim]]:
        scenario = load(path)
        folder = tmp_path / "run"
        outcome = play(scenario, Manner(speed=speed, folder=folder, stack=True), lambda _: None)
        return outcome, check(scenario, outcome.figures)

    return judge
