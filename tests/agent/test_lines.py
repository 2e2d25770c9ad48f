"""Lines of programs and instruments: numbers exactly as written, doubtful lines rejected, times to the nanosecond."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.framing.text_lines import LINE_BYTES_MAX, LineFramer
from device_profiles.rejects import FrameRejected, RejectReason
from device_profiles.wire.values import Scaled
from edge_agent.counters import as_text
from edge_agent.drivers.line_parser import LineParser, Wanted
from edge_agent.drivers.line_times import TimeUnreadable, time_ns
from edge_agent.drivers.ports import Number, Sample


def sample(parser: LineParser, line: str) -> Sample:
    found = parser.parse(line.encode(), 7)
    assert isinstance(found, Sample), found
    return found


def rejected(parser: LineParser, line: str) -> str:
    found = parser.parse(line.encode(), 7)
    assert isinstance(found, FrameRejected), found
    return found.detail


def values(found: Sample) -> dict[str, object]:
    return {number.channel: number.value for number in found.numbers}


# ---- JSON ---------------------------------------------------------------------------------------------------------
def test_json_numbers_keep_their_digits() -> None:
    found = sample(
        LineParser(),
        '{"time":"2026-11-23T22:03:28.250Z","air_temperature":21.50,"sample":17,"tiny":1e-3,"on":true,'
        '"deep":{"er":{"x":-0.10}},"name":"st1","none":null}',
    )
    assert found.observed_at_ns == 1_795_471_408_250_000_000
    assert found.arrived_ns == 7
    assert values(found) == {
        "air_temperature": Scaled(2150, -2),
        "sample": Scaled(17, 0),
        "tiny": Scaled(1, -3),
        "on": Scaled(1, 0),
        "deep.er.x": Scaled(-10, -2),
    }


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4))
def test_a_number_comes_back_as_the_text_it_was(value: object) -> None:
    text = str(value)
    number = values(sample(LineParser(), f'{{"x":{text}}}'))["x"]
    assert isinstance(number, Scaled | float)
    assert float(as_text(number)) == float(text)
    if isinstance(number, Scaled):
        assert as_text(number) == text


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"x":1', "no JSON"),
        ('{"x":1}}', "no JSON"),
        ("[1,2]", "no JSON object"),
        ('{"x":1,"x":2}', "twice"),
        ('{"a":{"b":1},"a.b":2}', "twice"),
        ('{"name":"only words"}', "no number"),
        ("{}", "no number"),
        ('{"x":NaN}', "no number"),
        ('{"time":"yesterday","x":1}', "no time"),
        ('{"time":"2026-02-30T00:00:00Z","x":1}', "no such day"),
        ('{"time":1e300,"x":1}', "no time"),
        ("[" * 5000, "nested|no JSON"),
        ("{" + ",".join(f'"k{n}":1' for n in range(300)) + "}", "300 numbers"),
    ],
)
def test_a_line_that_is_no_reading_says_why(line: str, why: str) -> None:

    assert re.search(why, rejected(LineParser(format="json"), line))


def test_configured_channels_are_there_or_missing_with_the_reason() -> None:
    wanted = {"t": Wanted("air_temperature", "Cel"), "rh": Wanted("relative_humidity", "%"), "p": Wanted("p", "hPa")}
    found = sample(LineParser(wanted=wanted), '{"t":"21.50","rh":null,"p":"E77","other":5}')
    assert [(n.channel, n.unit, n.value, n.reason) for n in found.numbers] == [
        ("air_temperature", "Cel", Scaled(2150, -2), ""),
        ("relative_humidity", "%", None, "not_measured"),
        ("p", "hPa", None, "garbled"),
    ]
    nan = sample(LineParser(wanted=wanted), '{"t":1,"rh":NaN}').numbers[1]
    assert (nan.value, nan.reason) == (None, "undefined")


# ---- CSV ----------------------------------------------------------------------------------------------------------
def test_a_named_channel_is_found_in_lists_and_deep_nesting_is_a_reject() -> None:
    parser = LineParser(format="json", wanted={"probes.1.t": Wanted("soil_temperature", "Cel")})
    found = parser.parse(b'{"probes": [{"t": 1.5}, {"t": 18.20}]}', 0)
    assert isinstance(found, Sample)
    assert found.numbers == (Number("soil_temperature", "Cel", Scaled(1820, -2)),)
    deep = LineParser(format="json").parse(b'{"a":' * 960 + b"1" + b"}" * 960, 0)
    assert isinstance(deep, FrameRejected)


def test_csv_with_columns_header_lines_and_separators() -> None:
    parser = LineParser(columns=("time", "t", "rh"))
    found = sample(parser, "2026-01-01 00:00:00.5,21.50, 55 ")
    assert found.observed_at_ns == 1_767_225_600_500_000_000
    assert values(found) == {"t": Scaled(2150, -2), "rh": Scaled(55, 0)}
    assert parser.parse(b"time,t,rh", 0) is None, "the header again, after the instrument restarted"
    named = LineParser(separator=";")
    assert named.parse(b"t;rh", 0) is None
    assert values(sample(named, "1.0;2")) == {"t": Scaled(10, -1), "rh": Scaled(2, 0)}
    blanks = LineParser(separator=" ", columns=("a", "b"))
    assert values(sample(blanks, "1   2")) == {"a": Scaled(1, 0), "b": Scaled(2, 0)}


def test_csv_of_the_wrong_width_or_before_its_header_is_rejected_and_comments_are_skipped() -> None:
    assert "3 fields" in rejected(LineParser(columns=("a", "b")), "1,2,3")
    assert "header" in rejected(LineParser(), "1,2,3")
    assert "header" in rejected(LineParser(), "booting"), "one word is a message, no header"
    assert LineParser().parse(b"# logger v1", 0) is None


@given(st.binary(max_size=200), st.sampled_from(["auto", "json", "csv"]))
def test_any_line_is_a_sample_a_reject_or_nothing(line: bytes, form: str) -> None:
    found = LineParser(format=form, columns=("a", "b")).parse(line, 0)
    assert found is None or isinstance(found, Sample | FrameRejected)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=8,
    )
)
def test_any_json_is_a_sample_or_a_reject(value: object) -> None:
    found = LineParser(format="json").parse(json.dumps(value).encode(), 0)
    assert isinstance(found, Sample | FrameRejected)


# ---- times --------------------------------------------------------------------------------------------------------
@given(
    st.datetimes(min_value=dt.datetime(1970, 1, 2), max_value=dt.datetime(2200, 1, 1)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
)
def test_iso_times_with_offsets_are_exact(moment: dt.datetime, offset_min: int) -> None:
    zone = dt.timezone(dt.timedelta(minutes=offset_min))
    text = moment.replace(tzinfo=zone).isoformat()
    delta = moment.replace(tzinfo=zone) - dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)  # noqa: UP017
    if delta < dt.timedelta(0):
        return
    expected = (delta.days * 86_400 + delta.seconds) * 10**9 + delta.microseconds * 1000
    assert time_ns(text, "s") == expected


def test_numbers_as_times() -> None:
    assert time_ns(Scaled(1_767_225_600, 0), "s") == 1_767_225_600 * 10**9
    assert time_ns(Scaled(1_767_225_600_123_456_789, -9), "s") == 1_767_225_600_123_456_789
    assert time_ns("1767225600123", "ms") == 1_767_225_600_123 * 10**6
    assert time_ns("2026-01-01T00:00:00.123456789Z", "s") == 1_767_225_600_123_456_789
    assert time_ns("2026-01-01T00:00Z", "s") == 1_767_225_600 * 10**9
    for bad in ("2026-01-01T00:00:00.1234567891Z", "1.0000000001", "-1", "1e40", "9e18", "", True, None, 1.5):
        with pytest.raises(TimeUnreadable):
            time_ns(bad, "s")


# ---- framing ------------------------------------------------------------------------------------------------------
def lines(data: bytes, *cuts: int) -> list[bytes | FrameRejected]:
    framer = LineFramer()
    out: list[bytes | FrameRejected] = []
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        out += framer.feed(data[start:end])
    return out + framer.flush()


pieces = st.one_of(
    st.binary(max_size=20),
    st.just(b"abc\r\n"),
    st.just(b"\n"),
    st.just(b"z" * LINE_BYTES_MAX),
    st.just(b"z" * (LINE_BYTES_MAX - 1)),
)


@given(st.lists(pieces, max_size=6).map(b"".join), st.lists(st.integers(0, 100_000), max_size=8))
def test_any_chunking_gives_the_same_lines(data: bytes, cuts: list[int]) -> None:
    assert lines(data, *cuts) == lines(data)


def test_long_and_broken_lines_are_rejected_and_the_next_comes() -> None:
    found = lines(b"x" * 100_000 + b"\ngood\nhal")
    assert [each.reason if isinstance(each, FrameRejected) else each for each in found] == [
        RejectReason.TOO_LONG,
        b"good",
        RejectReason.TRUNCATED,
    ]
