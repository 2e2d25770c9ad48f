"""Lines say what the columns said: a reader of its own gives every name, number and time back."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.stores.digits import inexact
from collector.stores.encoder import Encoded, Encoder
from collector.stores.import_form import VALUES_A_LINE
from collector.stores.lane import LANES
from collector.stores.lines import PIECE_BYTES_MAX, PIECE_LINES_MAX
from collector.stores.mapping import MappingOptions, Store
from collector.stores.ports import Readings, SeriesFacts, TextReading
from tests.stores.made import NOW_NS, facts, readings
from tests.stores.reader import Point, point, points, samples

STORES: tuple[Store, ...] = ("influxdb", "victoriametrics")
HARD = ["a,b", "a b", "a=b", 'say "so"', "वर्षा मिमी", "#hash", "a.b-c", "two\nlines", "ends in \\", "time", "_field"]
_NAMES = st.sampled_from(HARD) | st.text(min_size=1, max_size=12)
_TIMES = st.integers(0, 6) | st.integers(0, 2**60)


def encoded(given: Readings, store: Store = "influxdb", **options: object) -> Encoded:
    made = MappingOptions(store=store, **options)  # type: ignore[arg-type]
    result = Encoder(made, lambda agent: f"site of {agent}", clock_ns=lambda: 2**62).encode(given)
    assert result.values + sum(result.left_out.values()) == len(given.value) + len(given.texts)
    assert sum(piece.count(b"\n") for piece in result.lines.pieces) == result.lines.count
    return result


def values(result: Encoded) -> dict[tuple[str, str, int], float | str]:
    """By device, field and time; nothing may be there twice."""
    found: dict[tuple[str, str, int], float | str] = {}
    for device, name, time, value in told(result):
        assert (device, name, time) not in found
        found[device, name, time] = value
    return found


def told(result: Encoded) -> list[tuple[str, str, int, float | str]]:
    pieces = result.lines.pieces
    if pieces and pieces[0].startswith(b'{"metric"'):
        return [
            (dict(each.labels)["device"], each.name.removeprefix("reading_"), each.time_ms, each.value)
            for each in samples(pieces)
        ]
    return [
        (dict(each.tags)["device"], name, each.time, value) for each in points(pieces) for name, value in each.fields
    ]


def test_the_readings_of_one_device_and_time_share_a_line() -> None:
    table = [facts("level", "m"), facts("water_temperature", "Cel"), facts("level", "m", device="d2")]
    rows = [(0, 5, 1.5), (0, 6, 1.25), (1, 5, 20.0), (2, 5, -0.0)]
    assert encoded(readings(table, rows)).lines.pieces[0] == (
        b"reading,device=d1,site=site\\ of\\ a1 level_m=1.5,water_temperature_Cel=20.0 5\n"
        b"reading,device=d1,site=site\\ of\\ a1 level_m=1.25 6\n"
        b"reading,device=d2,site=site\\ of\\ a1 level_m=-0.0 5\n"
    )


@pytest.mark.parametrize("store", STORES)
@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), _TIMES, st.floats(), st.sampled_from([1, 2, 2, 4])), max_size=40))
def test_every_number_comes_back_bit_equal_or_is_counted(store: Store, said: list[tuple[int, int, float, int]]) -> None:
    rows, flags = [row[:3] for row in said], [row[3] for row in said]
    table = [facts(f"c{i % 3}", "m", device=f"d{i // 3}") for i in range(6)]
    result = encoded(readings(table, rows, flags=flags), store)
    unit = 1 if store == "influxdb" else 1_000_000
    # What each store itself would end with: the last of one time, or the largest.
    wanted: dict[tuple[str, str, int], tuple[tuple[float, int], float, int]] = {}
    for index, (series, at_ns, value) in enumerate(rows):
        if math.isfinite(value):
            key = f"d{series // 3}", f"c{series % 3}_m", at_ns // unit
            rank = (at_ns, index) if store == "influxdb" else (value, index)
            wanted[key] = max(wanted.get(key, (rank, value, flags[index])), (rank, value, flags[index]))
    assert result.left_out["not_finite"] == sum(not math.isfinite(row[2]) for row in rows)
    assert result.values == len(wanted)
    found = values(result)
    numbers = {key: value for key, value in found.items() if not key[1].endswith("_flag")}
    assert {key: float(value).hex() for key, value in numbers.items()} == {
        key: value.hex() for key, (_, value, _) in wanted.items()
    }
    assert {key: value for key, value in found.items() if key[1].endswith("_flag")} == {
        (device, f"{name}_flag", time): float(flag)
        for (device, name, time), (_, _, flag) in wanted.items()
        if flag != 2
    }


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 400), st.floats(-1e6, 1e6)),
        max_size=80,
        unique_by=lambda row: row[:2],
    ),
    st.permutations(range(41)),
)
@settings(max_examples=100, deadline=None)
def test_few_readings_of_many_channels_get_lines_of_their_own(
    rows: list[tuple[int, int, float]], order: list[int]
) -> None:
    table = [facts(f"c{number}", "") for number in order]
    found = values(encoded(readings(table, rows)))
    assert found == {("d1", f"c{order[series]}", time): value for series, time, value in rows}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_NAMES, _NAMES, _NAMES), min_size=1, max_size=6, unique=True), st.sampled_from(STORES))
def test_any_names_make_readable_lines_and_never_one_series_of_two(
    names: list[tuple[str, str, str]], store: Store
) -> None:
    table = [SeriesFacts(agent, device, "", channel, "m") for agent, device, channel in names]
    given_rows = [(number, 0, float(number)) for number in range(len(names))]
    encoder = Encoder(MappingOptions(store=store, tags=("agent", "device")), str, clock_ns=lambda: NOW_NS)
    result = encoder.encode(readings(table, given_rows))
    found: list[tuple[object, object, float | str]] = (
        [(each.name, each.labels, each.value) for each in samples(result.lines.pieces)]
        if store == "victoriametrics"
        else [
            ((each.measurement, name), each.tags, value)
            for each in points(result.lines.pieces)
            for name, value in each.fields
        ]
    )
    assert sorted(float(value) for *_, value in found) == [float(number) for number in range(len(names))]
    assert len({each[:2] for each in found}) == len(names) == len(encoder.names)


@pytest.mark.parametrize("name", [name for name in HARD if name not in {"two\nlines", "ends in \\", "_field"}])
def test_what_the_format_can_hold_comes_back_as_it_was(name: str) -> None:
    table = [SeriesFacts("a1", name, "", name, "m")]
    (each,) = points(encoded(readings(table, [(0, 1, 2.0)])).lines.pieces)
    assert dict(each.tags)["device"] == name
    assert each.fields == ((name + "_m", 2.0),)


@pytest.mark.parametrize("name", HARD)
def test_a_series_has_the_labels_that_its_line_would_have(name: str) -> None:
    """Who changes nothing but Harkara's version goes on with the series that are there."""
    given_readings = readings([SeriesFacts(name, name, "", name, "m")], [(0, 10**6, 2.0)])
    (line,) = points(encoded(given_readings).lines.pieces)
    (sample,) = samples(encoded(given_readings, "victoriametrics").lines.pieces)
    assert dict(sample.labels) == {"__name__": f"{line.measurement}_{line.fields[0][0]}", **dict(line.tags)}


def test_a_long_series_is_several_lines_in_the_order_of_time() -> None:
    rows = [(0, number * 10**6, number / 7) for number in range(2 * VALUES_A_LINE + 1)]
    result = encoded(readings([facts()], rows), "victoriametrics")
    assert result.lines.count == 3
    assert [(each.time_ms, each.value) for each in samples(result.lines.pieces)] == [
        (at_ns // 10**6, value) for _, at_ns, value in rows
    ]


def test_names_that_become_one_are_told_apart_the_same_way_in_any_order_and_shown() -> None:
    table = [facts("wind_m", "/s"), facts("wind", "m/s"), facts("wind", "m/s", device="d2")]
    rows = [(0, 1, 1.0), (1, 1, 2.0), (2, 1, 3.0)]
    seen = []
    for order in ([0, 1, 2], [2, 1, 0]):
        encoder = Encoder(MappingOptions(), str)
        result = encoder.encode(
            readings([table[number] for number in order], [(order.index(row[0]), *row[1:]) for row in rows])
        )
        assert (encoder.names.told_apart_total, len(encoder.names.told_apart)) == (1, 1)
        assert encoder.names.told_apart[0].startswith("a1 d1 wind_m: ")
        seen.append(sorted(points(result.lines.pieces), key=repr))
    assert seen[0] == seen[1]
    assert len({name for each in seen[0] for name, _ in each.fields}) == 2


def test_a_better_profile_goes_on_with_the_series_of_a_device() -> None:
    encoder = Encoder(MappingOptions(measurement="m"), str)
    for profile in ("", "nova/sds011"):
        (each,) = points(encoder.encode(readings([facts(profile=profile)], [(0, 1, 1.0)])).lines.pieces)
        assert each == Point("m", (("device", "d1"), ("site", "a1")), (("level_m", 1.0),), 1)
    assert (len(encoder.names), encoder.names.told_apart) == (1, [])


def test_series_beyond_the_limit_are_counted_and_those_before_it_go_on() -> None:
    encoder = Encoder(MappingOptions(series_max=2), str)
    table = [facts(f"c{number}") for number in range(4)]
    for _ in range(2):
        result = encoder.encode(readings(table, [(number, 1, 1.0) for number in range(4)]))
        assert (result.values, result.left_out, len(encoder.names)) == (2, Counter(series_over_limit=2), 2)
    result = encoder.encode(readings(table[:1], [(0, 1, 1.0)], flags=[4]))
    assert (result.values, result.flags_left_out, encoder.flags_left_out) == (1, 1, 1)


def test_times_that_a_store_cannot_hold_are_left_out() -> None:
    day_ns = 86_400 * 10**9
    rows = [(0, -1, 1.0), (0, NOW_NS, 2.0), (0, NOW_NS + 3 * day_ns, 3.0), (0, -(2**63), 4.0)]
    left = {}
    for store in STORES:
        result = Encoder(MappingOptions(store=store), str, clock_ns=lambda: NOW_NS).encode(readings([facts()], rows))
        left[store] = result.left_out["time"]
    assert left == {"influxdb": 1, "victoriametrics": 3}


def test_time_is_cut_towards_the_past() -> None:
    rows = [(0, 1_999_999, 1.0), (0, -1, 2.0)]
    assert values(encoded(readings([facts()], rows), precision="ms")) == {
        ("d1", "level_m", 1): 1.0,
        ("d1", "level_m", -1): 2.0,
    }


def test_texts_are_strings_for_influxdb_and_counted_for_victoriametrics() -> None:
    said = ['it said "so", a=b \\', "two\nlines", "बरसात"]
    texts = [TextReading("a1", "d1", "", "note", number, text) for number, text in enumerate(said)]
    texts.append(TextReading("a1", "d1", "", "note", 0, "again"))
    given_readings = readings([facts("note", "")], [(0, 0, 1.0)], texts=texts)
    result = encoded(given_readings)
    assert result.left_out == Counter(folded=1)
    assert values(result) == {
        ("d1", "note", 0): 1.0,
        ("d1", "note_text", 0): "again",
        ("d1", "note_text", 1): "two\N{SYMBOL FOR NEWLINE}lines",
        ("d1", "note_text", 2): "बरसात",
    }
    assert encoded(given_readings, "victoriametrics").left_out == Counter(text=4)
    assert point(encoded(readings([], [], texts=texts[:1])).lines.pieces[0].decode()[:-1]).fields == (
        ("note_text", said[0]),
    )


def test_numbers_with_more_digits_than_the_store_keeps_are_counted() -> None:
    rows = [(0, 10**6, 0.1), (0, 2 * 10**6, 0.1 + 0.2), (0, 3 * 10**6, 2.0**60), (0, 4 * 10**6, 1e300)]
    assert encoded(readings([facts()], rows), "victoriametrics").inexact == 2
    assert encoded(readings([facts()], rows, mantissa=[1, 0, 2**60, 0]), "victoriametrics").inexact == 2
    assert encoded(readings([facts()], rows)).inexact == 0


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-(10**9), 10**9, places=3).map(float)))
def test_digits_are_counted_as_python_writes_them(numbers: list[float]) -> None:
    wanted = sum(len(repr(abs(each)).partition("e")[0].replace(".", "").strip("0")) > 15 for each in numbers)
    assert inexact(np.array(numbers, np.float64)) == wanted


def test_pieces_are_bounded_and_whole() -> None:
    rows = [(0, number, number / 7) for number in range(5 * PIECE_LINES_MAX)]
    result = encoded(readings([facts("c" * 60)], rows))
    counts = [piece.count(b"\n") for piece in result.lines.pieces]
    assert sum(counts) == len(rows)
    assert counts[0] == PIECE_LINES_MAX == max(counts)
    for store in STORES:
        spread = [(0, number * 10**6, number / 7) for number in range(24_000)]
        shares = list(map(len, encoded(readings([facts()], spread), store).lines.pieces))
        assert len(shares) == LANES
        assert max(shares) - min(shares) < 120_000
    long = [TextReading("a1", "d1", "", "note", number, "x" * 4000) for number in range(2_500)]
    result = encoded(readings([], [], texts=long))
    assert max(map(len, result.lines.pieces)) <= PIECE_BYTES_MAX
    assert len(result.lines.pieces) > 1
    assert all(piece.endswith(b"\n") for piece in result.lines.pieces)


def test_nothing_gives_nothing() -> None:
    assert encoded(readings([facts()], [])).lines.pieces == ()


def test_rows_of_blocks_of_any_order_are_found() -> None:
    """Columns that repeat times, that have gaps, and devices that take turns, against a plain grouping."""
    rng = np.random.default_rng(7)
    table = [facts(f"c{number % 5}", "m", device=f"d{number // 5}") for number in range(15)]
    rows = []
    for block in range(40):
        device = int(rng.integers(3))
        times = block * 100 + np.cumsum(rng.integers(1, 4, 12))
        for column in range(5):
            kept = times[rng.random(12) < rng.choice([1.0, 1.0, 0.7])]
            rows += [(device * 5 + column, int(time), float(rng.normal())) for time in kept]
    found = values(encoded(readings(table, rows)))
    assert found == {(f"d{series // 5}", f"c{series % 5}_m", time): value for series, time, value in rows}
    by_line = defaultdict(set)
    for series, time, _ in rows:
        by_line[series // 5, time].add(series)
    assert encoded(readings(table, rows)).lines.count == len(by_line)
