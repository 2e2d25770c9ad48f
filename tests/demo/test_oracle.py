"""The judge finds what is lost, doubled, altered and invented, and excuses only what the agent could not hear."""

from __future__ import annotations

import pytest

from simulators.oracle import Expected, Stored, Window, expectations, judge
from simulators.truth import Emission
from simulators.weather import CHANNELS, WeatherStation, json_line

START_NS = 1_795_471_738_250_000_000
SECOND_NS = 1_000_000_000


def emissions(lines: int = 10) -> list[Emission]:
    station = WeatherStation(seed=3)
    return [
        Emission(
            device="weather",
            form="json",
            text=json_line(at_ns, station.sample(at_ns)).decode().rstrip("\n"),
            emitted_at_ns=at_ns + 1_000_000,
            heard=True,
        )
        for at_ns in (START_NS + number * SECOND_NS for number in range(lines))
    ]


def rows(expected: list[Expected]) -> list[Stored]:
    return [Stored(each.device, each.channel, each.observed_at_ns or 0, each.value) for each in expected]


@pytest.fixture
def expected() -> list[Expected]:
    return expectations(emissions())


def test_everything_stored_once_is_clean(expected: list[Expected]) -> None:
    verdict = judge(expected, rows(expected))
    assert verdict.clean
    assert verdict.emitted == verdict.stored == verdict.once == 10 * len(CHANNELS)


def test_lost_reading_is_found(expected: list[Expected]) -> None:
    verdict = judge(expected, rows(expected)[:-1])
    assert (verdict.lost, verdict.unread_while_down, verdict.clean) == (1, 0, False)
    assert "lost" in verdict.examples[0]


def test_duplicate_is_found(expected: list[Expected]) -> None:
    verdict = judge(expected, [*rows(expected), rows(expected)[5]])
    assert (verdict.duplicates, verdict.lost, verdict.clean) == (1, 0, False)


def test_last_bit_altered_is_found(expected: list[Expected]) -> None:
    stored = rows(expected)
    stored[7] = stored[7]._replace(value=stored[7].value * (1 + 2**-52))
    verdict = judge(expected, stored)
    assert (verdict.altered, verdict.lost, verdict.clean) == (1, 0, False)


def test_reading_nobody_made_is_found(expected: list[Expected]) -> None:
    verdict = judge(expected, [*rows(expected), Stored("weather", "air_temperature", START_NS + 17, 21.5)])
    assert (verdict.unexpected, verdict.clean) == (1, False)


def test_right_value_under_wrong_time_is_lost_and_unexpected(expected: list[Expected]) -> None:
    stored = rows(expected)
    stored[0] = stored[0]._replace(observed_at_ns=stored[0].observed_at_ns + 1)
    verdict = judge(expected, stored)
    assert (verdict.unexpected, verdict.lost) == (1, 1)


def test_missing_reading_is_excused_only_within_its_devices_window(expected: list[Expected]) -> None:
    kept = [row for row in rows(expected) if row.observed_at_ns != START_NS + 4 * SECOND_NS]
    around = Window("weather", START_NS + 3 * SECOND_NS + 1_500_000, START_NS + 5 * SECOND_NS)
    verdict = judge(expected, kept, [around])
    assert (verdict.unread_while_down, verdict.lost, verdict.clean) == (len(CHANNELS), 0, True)
    elsewhere = Window("gnss", around.from_ns, around.to_ns)
    assert judge(expected, kept, [elsewhere]).lost == len(CHANNELS)


def test_duplicate_within_a_window_is_not_excused(expected: list[Expected]) -> None:
    always = Window("weather", 0, 2 * START_NS)
    assert judge(expected, [*rows(expected), rows(expected)[0]], [always]).duplicates == 1


def test_sum_of_the_verdict_is_what_was_emitted(expected: list[Expected]) -> None:
    stored = rows(expected)
    stored[3] = stored[3]._replace(value=-1.0)
    window = Window("weather", START_NS, START_NS + 2_000_000)
    verdict = judge(expected, stored[3:], [window])
    assert verdict.once + verdict.altered + verdict.unread_while_down + verdict.lost == verdict.emitted


def test_sensor_that_says_one_thing_twice_cannot_be_judged_by() -> None:
    with pytest.raises(ValueError, match="twice"):
        expectations([*emissions(1), *emissions(1)])


def test_decimal_text_is_compared_as_the_nearest_double() -> None:
    emission = emissions(1)[0]
    values = {each.channel: each.value for each in expectations([emission])}
    assert f'"air_temperature":{values["air_temperature"]:.2f},' in emission.text
