"""The judge of a scenario: it finds what is lost, doubled, altered or invented, and excuses only what nobody heard."""

from __future__ import annotations

import pytest

from simulators.scenario.judgement import Spoken, judge_lines, judge_sentences, scores

SECOND_NS = 1_000_000_000
BEGIN_NS = 1_780_272_000 * SECOND_NS


def line(number: int, value: float) -> bytes:
    return f'{{"time":"2026-06-01T00:00:{number:02d}.000Z","record":{number},"x":{value:.2f}}}\r\n'.encode()


LINES = [line(number, 20 + number / 4) for number in range(10)]
SPOKEN = [Spoken(BEGIN_NS + number * SECOND_NS, text, heard=True) for number, text in enumerate(LINES)]
Row = tuple[str, int, float]
ROWS: list[Row] = [
    row
    for number in range(10)
    for row in (
        ("record", BEGIN_NS + number * SECOND_NS, float(number)),
        ("x", BEGIN_NS + number * SECOND_NS, 20 + number / 4),
    )
]


def test_whole_course_is_clean() -> None:
    tally = judge_lines("d", SPOKEN, LINES, [], ROWS)
    assert (tally.said, tally.stored, tally.once) == (20, 20, 20)
    assert tally.lost == tally.duplicated == tally.altered == tally.unexpected == tally.reordered == 0


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        (ROWS[:-1], "lost"),
        ([*ROWS, ROWS[3]], "duplicated"),
        ([*ROWS[:-1], (*ROWS[-1][:2], 9.5)], "altered"),
        ([*ROWS, ("x", BEGIN_NS + 99 * SECOND_NS, 1.0)], "unexpected"),
        ([*ROWS, ("y", BEGIN_NS, 1.0)], "unexpected"),
    ],
)
def test_each_wrong_is_counted_once_and_as_what_it_is(rows: list[Row], what: str) -> None:
    tally = judge_lines("d", SPOKEN, LINES, [], rows)
    wrong = {name: getattr(tally, name) for name in ("lost", "duplicated", "altered", "unexpected", "reordered")}
    assert wrong == {name: int(name == what) for name in wrong}
    assert tally.examples


def test_records_out_of_order_are_told() -> None:
    swapped = [*ROWS[:4], ("record", ROWS[4][1], 3.0), ROWS[5], ("record", ROWS[6][1], 2.0), *ROWS[7:]]
    assert judge_lines("d", SPOKEN, LINES, [], swapped).reordered == 1


def test_only_what_nobody_could_hear_is_excused() -> None:
    unheard = [each._replace(heard=number != 4) for number, each in enumerate(SPOKEN)]
    rows = [row for row in ROWS if row[1] != BEGIN_NS + 4 * SECOND_NS]
    assert judge_lines("d", unheard, LINES, [], rows).lost == 2  # heard is a word of the sender, not an excuse alone
    window = (BEGIN_NS + 4 * SECOND_NS - 1, BEGIN_NS + 4 * SECOND_NS + 1)
    tally = judge_lines("d", unheard, LINES, [window], rows)
    assert (tally.lost, tally.unheard) == (0, 2)


def test_line_said_twice_may_be_stored_twice_and_no_oftener() -> None:
    twice = [*SPOKEN, Spoken(BEGIN_NS + 10 * SECOND_NS, LINES[9], heard=True)]
    again = [*ROWS, *ROWS[-2:]]
    assert judge_lines("d", twice, LINES, [], again).duplicated == 0
    assert judge_lines("d", twice, LINES, [], [*again, ROWS[-1]]).duplicated == 1


def test_damaged_line_may_be_taken_or_refused_and_breaks_its_neighbour() -> None:
    spoilt = [each.data for each in SPOKEN]
    spoilt[4] = spoilt[4].replace(b"21.00", b"21.08")
    spoilt[6] = spoilt[6][:-2]  # its end is gone: the next line is glued to it
    spoken = [each._replace(data=data) for each, data in zip(SPOKEN, spoilt, strict=True)]
    gone = {BEGIN_NS + number * SECOND_NS for number in (4, 6, 7)}
    rows = [row for row in ROWS if row[1] not in gone]
    tally = judge_lines("d", spoken, LINES, [], rows)
    assert (tally.lost, tally.altered, tally.unexpected) == (0, 0, 0)
    taken = judge_lines("d", spoken, LINES, [], [*rows, ("x", BEGIN_NS + 4 * SECOND_NS, 21.08)])
    assert (taken.altered, taken.unexpected) == (0, 0)


def test_damaged_line_without_its_time_counts_as_it_came() -> None:
    spoilt = LINES[4].replace(b'"time"', b'"tyme"')
    spoken = [each._replace(data=spoilt) if number == 4 else each for number, each in enumerate(SPOKEN)]
    came = BEGIN_NS + 4 * SECOND_NS + 30_000_000
    rows = [row for row in ROWS if row[1] != BEGIN_NS + 4 * SECOND_NS] + [("record", came, 4.0), ("x", came, 21.0)]
    assert judge_lines("d", spoken, LINES, [], rows).unexpected == 0
    assert judge_lines("d", spoken, LINES, [], [*rows, ("x", came, 21.0)]).unexpected == 1


def test_sentences_of_a_receiver_are_judged() -> None:
    text = b"$GNRMC,060000.00,A,1831.20000,N,07351.00000,E,0.00,0.00,010526,,,A*66\r\n"
    body = text[1:-5]
    checksum = 0
    for byte in body:
        checksum ^= byte
    text = b"$%s*%02X\r\n" % (body, checksum)
    at_ns = 1_777_615_200 * SECOND_NS
    spoken = [Spoken(at_ns, text, heard=True)]
    rows = [
        ("latitude", at_ns, 1111.2),
        ("longitude", at_ns, 4431.0),
        ("speed_over_ground", at_ns, 0.0),
        ("course_over_ground", at_ns, 0.0),
    ]
    tally = judge_sentences("d", spoken, [text], [], rows)
    assert (tally.said, tally.once, tally.lost) == (4, 4, 0)
    assert judge_sentences("d", spoken, [text], [], rows[1:]).lost == 1


def test_precision_and_recall_by_kind_of_fault() -> None:
    readings = {("d", "x", number): number in {2, 3, 8} for number in range(10)}
    readings |= {("e", "x", number): number == 0 for number in range(10)}
    labels = {("d", "x", number): frozenset({"stuck"}) for number in (2, 3, 4, 5)}
    labels[("e", "x", 0)] = frozenset({"spike"})
    found = scores(labels, readings)
    assert (found["stuck"].labelled, found["stuck"].found) == (4, 2)
    assert found["stuck"].recall == 0.5
    assert found["stuck"].precision == pytest.approx(2 / 3)
    assert found["spike"].recall == found["spike"].precision == 1.0
    assert scores({}, readings) == {}
