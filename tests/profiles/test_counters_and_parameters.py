"""Counts over roll-over and reset; dated parameters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.engine.counters import Change, Step, step
from device_profiles.engine.parameters import Dated, History


@pytest.mark.parametrize(
    ("before", "now", "modulus", "expected"),
    [
        (None, 5, 256, Step(Change.FIRST, None)),
        (5, 5, 256, Step(Change.ROSE, 0)),
        (250, 4, 256, Step(Change.ROLLED_OVER, 10)),
        (150, 0, 256, Step(Change.ROLLED_OVER, 106)),
        (100, 3, 256, Step(Change.RESET, 3)),
        (1000, 3, None, Step(Change.RESET, 3)),
        (300, 3, 256, Step(Change.RESET, 3)),
    ],
)
def test_step(before: int | None, now: int, modulus: int | None, expected: Step) -> None:
    assert step(before, now, modulus) == expected


@given(start=st.integers(0, 65535), adds=st.lists(st.integers(0, 30000), max_size=50))
def test_a_counter_that_rolls_over_loses_nothing(start: int, adds: list[int]) -> None:
    count, total = start, 0
    for add in adds:
        now = (count + add) % 65536
        total += step(count, now, 65536).counts or 0
        count = now
    assert total == sum(adds)


def test_history() -> None:
    history = History({"datum": [Dated(200, 101.5, "survey 2"), Dated(100, 101.2)], "soil": [Dated(150, "clay")]})
    assert history.at(99) == {}
    assert history.at(100) == {"datum": 101.2}
    assert history.at(199) == {"datum": 101.2, "soil": "clay"}
    assert history.at(200) == {"datum": 101.5, "soil": "clay"}
    assert history.changes(100, 200) == [150, 200]
