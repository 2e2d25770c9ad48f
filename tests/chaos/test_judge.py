"""The judge of chaos finds what is wrong, and only that."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulators.chaos.course import plan
from simulators.chaos.faults import FAULTS
from simulators.chaos.judge import Columns, Findings, Gauge, compare, excuses
from simulators.chaos.site import Deaf
from simulators.chaos.values import Said, channel, hundredths, line, pack, unpack

SECOND = 1_000_000_000
GAUGE = Gauge("chaos-00", 1_790_000_000 * SECOND, SECOND, 3)
SAID = [Said(number, GAUGE.instant_ns(number), heard=True) for number in range(10)]
NONE = np.zeros(len(SAID), np.bool_)


def rows() -> list[tuple[int, int, float]]:
    """What a faithful collector gives: time [ns], channel index, value."""
    return [
        (GAUGE.instant_ns(each.number), index, each.number if index == 0 else hundredths(each.number, index) / 100)
        for each in SAID
        for index in range(GAUGE.channels + 1)
    ]


def judged(stored: list[tuple[int, int, float]], excused: NDArray[np.bool_] = NONE) -> Findings:
    findings = Findings()
    times, indexes, values = zip(*stored, strict=True)
    columns = Columns(np.array(times, np.int64), np.array(indexes, np.int64), np.array(values, np.float64))
    compare(GAUGE, SAID, excused, [columns], findings)
    return findings


def test_faithful_store_is_clean() -> None:
    findings = judged(rows())
    assert findings.clean
    assert (findings.said, findings.stored) == (40, 40)


def test_missing_reading_is_lost_and_named() -> None:
    stored = rows()
    del stored[5]
    findings = judged(stored)
    assert findings.lost == 1
    assert findings.missing == [(SAID[1].at_ns, 1)]
    assert "line 1 of chaos-00" in findings.examples[0]


def test_missing_reading_of_a_deaf_time_is_unheard() -> None:
    excused = NONE.copy()
    excused[1] = True
    stored = rows()
    del stored[5]
    findings = judged(stored, excused)
    assert findings.clean
    assert findings.unheard == 1


def test_row_stored_again_is_duplicated() -> None:
    stored = rows()
    assert judged([*stored, stored[7]]).duplicated == 1


@pytest.mark.parametrize("change", [(0, 0, 0.01), (SECOND // 2, 0, 0.0), (100 * SECOND, 0, 0.0), (0, 0, float("nan"))])
def test_other_value_time_or_channel_is_altered(change: tuple[int, int, float]) -> None:
    stored = rows()
    at_ns, index, value = stored[6]
    stored[6] = (at_ns + change[0], index + change[1], value + change[2])
    findings = judged(stored)
    assert (findings.altered, findings.lost) == (1, 1)


def test_channel_nobody_has_is_altered() -> None:
    assert judged([*rows(), (SAID[2].at_ns, -1, 1.0)]).altered == 1


def test_lines_in_another_order_are_reordered() -> None:
    stored = rows()
    first, second = stored[4], stored[8]
    stored[4], stored[8] = (first[0], 0, second[2]), (second[0], 0, first[2])
    assert judged(stored).reordered > 0


def test_deaf_time_ends_a_moment_after_the_first_line_heard() -> None:
    said = [Said(n, n * SECOND // 2, heard=not 4 <= n < 8) for n in range(20)]
    excused = excuses(said, [Deaf(0, 3 * SECOND // 2, 3 * SECOND)])
    # Heard again from line 8 on; what follows within a second may have been thrown away with the opened port.
    assert np.flatnonzero(excused).tolist() == list(range(3, 11))


def test_deaf_time_that_nobody_ended_lasts() -> None:
    said = [Said(n, n * SECOND, heard=n < 5) for n in range(10)]
    assert np.flatnonzero(excuses(said, [Deaf(0, 4 * SECOND)])).tolist() == [4, 5, 6, 7, 8, 9]


@given(st.integers(0, 10**9), st.integers(1, 200))
def test_line_says_what_the_judge_expects(number: int, channels: int) -> None:
    said = json.loads(line(number, GAUGE.begin_ns, 20_000_000, channels))
    assert said["line_number"] == number
    index = np.arange(1, channels + 1)
    expected = hundredths(np.full(channels, number, np.int64), index) / 100
    assert [said[channel(i)] for i in index.tolist()] == expected.tolist()


def test_log_cut_short_gives_its_whole_records() -> None:
    data = b"".join(pack(each) for each in SAID)
    assert unpack(data) == SAID
    assert unpack(data[:-1]) == SAID[:-1]


def test_every_deck_has_every_kind_and_a_cycle_is_the_same_alone() -> None:
    cycles = plan(3 * len(FAULTS), 7)
    for deck in range(3):
        assert {each.kind for each in cycles[deck * len(FAULTS) : (deck + 1) * len(FAULTS)]} == set(FAULTS)
    assert plan(1, 7, only=23) == [cycles[23]]
    assert plan(5, 7) == cycles[:5]
    assert [each.kind for each in plan(len(FAULTS), 8)] != [each.kind for each in cycles[: len(FAULTS)]]
