"""The farm, whole: real agent, broker, collector and link, everything broken on its timetable, and the verdict."""

from __future__ import annotations

from pathlib import Path

from tests.simulators.conftest import Judged

FARM = Path(__file__).parents[2] / "examples" / "scenarios" / "farm.toml"


def test_farm_keeps_every_promise(judged: Judged) -> None:
    outcome, claims = judged(FARM, 400.0)
    assert {claim.state for claim in claims} == {"holds", "expected"}, outcome.examples
    figures = outcome.figures
    assert figures["said"] == figures["stored"] + figures["unheard"]
    assert figures["unheard"] > 0
    assert figures["labelled.stuck"] == 90
    assert outcome.scores["stuck"].labelled == 90
