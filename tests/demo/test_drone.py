"""The demonstration's drone: where it flies, what it says of itself, and how its places are judged."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
from pathlib import Path

import pytest

from simulators.demo.flight import said_text
from simulators.demo.places import CHANNELS, judge_places
from simulators.demo.words import OF_A_FLIGHT, Word, judge_words
from simulators.emulators.survey import CRUISE_M_S, HEIGHT_M, Home, Survey
from simulators.emulators.vehicle_messages import ATTITUDE, GLOBAL_POSITION_INT, HEARTBEAT, STATUSTEXT
from simulators.oracle import Stored, Verdict
from tests.demo.test_demo import COMMAND, processes_that_name

S = 1_000_000_000
HOME = Home(18.52, 73.85, 560.0)


@pytest.mark.parametrize("seconds", [28.0, 33.0, 60.0, 300.0])
def test_a_survey_goes_up_flies_rows_and_is_home_in_time(seconds: float) -> None:
    survey = Survey(seconds)
    assert survey.rows >= 2
    assert survey.landed_s <= seconds
    way = [survey.at(step / 10) for step in range(int(seconds * 10) + 20)]
    assert way[0] == way[-1] == (0.0, 0.0, 0.0)
    assert max(spot.height for spot in way) == HEIGHT_M
    steps = [math.dist(one, other) for one, other in itertools.pairwise(way)]
    assert max(steps) <= CRUISE_M_S / 10 + 1e-9
    assert max(abs(later - step) for step, later in itertools.pairwise(steps)) <= 0.026, "it does not jerk"


def test_what_an_autopilot_says_is_written_down_as_the_wire_has_it() -> None:
    fields: dict[str, int | float | bytes] = {"time_boot_ms": 1400, "lat": 185_200_001, "lon": -5, "alt": 560_123}
    told = said_text(GLOBAL_POSITION_INT, fields, 1_700_000_001 * S + 400_000_000)
    assert told is not None
    assert told[0] == "drone-position"
    values = json.loads(told[1])
    assert values["time"] == "2023-11-14T22:13:21.400Z"
    assert (values["latitude"], values["longitude"], values["altitude"], values["heading"]) == (
        18.5200001,
        -5e-7,
        560_123,
        0,
    )
    turned = said_text(ATTITUDE, {"time_boot_ms": 0, "yaw": 0.1}, 0)
    assert turned is not None
    assert json.loads(turned[1])["yaw"] == 0.10000000149011612, "single precision"
    state = said_text(HEARTBEAT, {"type": 2, "base_mode": 0xD1}, 0)
    assert state is not None
    assert json.loads(state[1])["armed"] == 1
    assert said_text(STATUSTEXT, {"severity": 6}, 0) is None


def place(at_ns: int, latitude: float, error_m: float = 0.1) -> list[Stored]:
    values = (latitude, 73.85, 560.0, error_m)
    return [Stored("air", channel, at_ns, value) for channel, value in zip(CHANNELS, values, strict=True)]


def judged(placed: list[Stored], positions: list[int], instants: list[int]) -> tuple[Verdict, int, int]:
    verdict = Verdict()
    true = {S: (18.52, 73.85, 560.0), 5 * S: (18.52, 73.85, 560.0)}
    found = judge_places(true, placed, instants, positions, verdict)
    return verdict, found.placed, found.without


def test_places_near_the_truth_are_clean_and_one_without_positions_around_it_may_be_missing() -> None:
    verdict, placed, without = judged(place(S, 18.52 + 5e-7), [0, 2 * S, 7 * S], [S, 5 * S])
    assert (verdict.clean, placed, without) == (True, 1, 1)


@pytest.mark.parametrize(
    ("placed", "counts"),
    [
        (place(S, 18.52 + 1e-5), {"altered": 1}),
        ([], {"lost": 4}),
        (place(S, 18.52) + place(S, 18.52)[:1], {"duplicates": 1}),
        (place(S, 18.52)[:2], {"unexpected": 1}),
        (place(S, 18.52) + place(9 * S, 18.52), {"unexpected": 1}),
    ],
)
def test_a_place_that_is_wrong_missing_double_or_of_nothing_is_told(
    placed: list[Stored], counts: dict[str, int]
) -> None:
    verdict, _, _ = judged(placed, [0, 2 * S], [S])
    told = {name: getattr(verdict, name) for name in ("altered", "lost", "duplicates", "unexpected")}
    assert told == {"altered": 0, "lost": 0, "duplicates": 0, "unexpected": 0, **counts}
    assert not verdict.clean


def test_words_of_a_flight_are_all_there_and_none_twice() -> None:
    words = [Word("drone-status", channel, number, text) for number, (channel, text) in enumerate(OF_A_FLIGHT)]
    verdict = Verdict()
    assert judge_words(words, verdict) == len(words)
    assert verdict.clean
    judge_words([*words[1:], words[1]], verdict)
    assert (verdict.lost, verdict.duplicates) == (1, 1)


def test_a_flight_needs_time() -> None:
    done = subprocess.run(
        [*COMMAND, "--drone", "--seconds", "30"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "--drone takes --seconds 40 or more" in done.stderr


@pytest.mark.slow
def test_a_drone_flies_through_outage_and_kill_and_its_readings_have_their_places(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    words = ["--drone", "--seconds", "40", "--json", "--dir", str(folder), "--broker", "embedded"]
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=300, check=False)
    logs = "".join(path.read_text(encoding="utf-8") for path in sorted((folder / "logs").glob("*.log")))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{logs}"
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["stored"] == figures["accepted"] > 1000
    assert [figures[name] for name in ("altered", "pending", "recorded_loss", "duplicates", "lost")] == [0] * 5
    assert figures["placed"] > 50
    assert figures["place_error_p95_m"] <= 0.35
    assert figures["attitudes"] > 50
    assert figures["events"] >= len(OF_A_FLIGHT)
    assert "On board:" in done.stdout
    assert processes_that_name(folder) == []
