"""The fuzzer, for a few seconds; ``python -m tests.profiles.fuzz --inputs 1000000`` for as long as it takes."""

from __future__ import annotations

import json
import random

import pytest

from device_profiles.engine.state import MAX_FRAME_BYTES
from tests.profiles import fuzz


def test_no_input_raises_or_takes_long() -> None:
    figures = fuzz.run(15_000, 20_261_124)
    assert figures.exceptions == []
    assert figures.decoded > 1000
    assert sum(figures.rejects.values()) + figures.decoded == 15_000
    # Thrice the limit: this runs beside other tests, on machines of any speed.
    assert figures.worst_s < 3 * fuzz.LIMIT_S, figures.worst


def test_inputs_are_of_every_length_and_never_longer() -> None:
    chance = random.Random(3)
    sizes = {len(fuzz.make(b"0+1.2-3", chance)) for _ in range(3000)}
    assert max(sizes) == MAX_FRAME_BYTES
    assert {0, 1, 7} <= sizes
    assert len(sizes) > 500


def test_the_same_seed_makes_the_same_inputs() -> None:
    first, second = random.Random(7), random.Random(7)
    assert [fuzz.make(b"abc", first) for _ in range(50)] == [fuzz.make(b"abc", second) for _ in range(50)]


def test_the_command_prints_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    status = fuzz.main(["--inputs", "500", "--seed", "4", "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert figures["inputs"] == 500
    assert figures["exceptions"] == 0
    assert sum(figures["rejects"].values()) + figures["decoded"] == 500
    assert status == int(figures["worst_ms"] > 1)
