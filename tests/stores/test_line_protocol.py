"""Lines say what the columns said: a reader of its own gives every name, number and time back."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.stores.line_protocol import Precision, lines_of, series_head

_HARD = ["a,b", "a b", "a=b", 'say "so"', "वर्षा मिमी", "#hash", "a.b-c"]
_FLOATS = st.floats(allow_nan=True, allow_infinity=True)


def _split(text: str, at: str) -> list[str]:
    return re.split(rf"(?<!\\){at}", text)


def _plain(text: str) -> str:
    return re.sub(r"\\([, =])", r"\1", text)


@pytest.mark.parametrize("name", _HARD)
def test_names_come_back(name: str) -> None:
    head = series_head("m " + name, {name: name}, name)
    key, field = _split(head.removesuffix("="), " ")
    measurement, tag = _split(key, ",")
    assert _plain(measurement) == "m " + name
    assert [_plain(part) for part in _split(tag, "=")] == [name, name]
    assert _plain(field) == name


@pytest.mark.parametrize("name", ["two\nlines", "two\r\nlines", "ends in \\"])
def test_nothing_in_a_name_ends_the_line_or_escapes_what_follows(name: str) -> None:
    head = series_head(name, {"t": name}, name)
    assert not set("\r\n") & set(head)
    assert len(_split(head, " ")) == 2
    assert not head.endswith("\\=")


def test_a_measurement_is_never_a_comment_and_an_empty_tag_is_left_out() -> None:
    assert series_head("#m", {"b": "2", "a": "1", "c": ""}, "f") == "\N{FULLWIDTH NUMBER SIGN}m,a=1,b=2 f="
    with pytest.raises(ValueError, match="need a name"):
        series_head("", {}, "f")


@given(st.lists(st.tuples(st.integers(0, 2), _FLOATS, st.integers(-(2**60), 2**60)), max_size=30))
def test_numbers_and_times_come_back_bit_equal(rows: list[tuple[int, float, int]]) -> None:
    heads = [series_head("m", {"n": str(i)}, "f") for i in range(3)]
    lines = lines_of(
        heads,
        np.array([row[0] for row in rows], np.int32),
        np.array([row[1] for row in rows], np.float64),
        np.array([row[2] for row in rows], np.int64),
    )
    kept = [row for row in rows if np.isfinite(row[1])]
    assert (lines.count, lines.left_out) == (len(kept), len(rows) - len(kept))
    got = lines.body.decode().splitlines()
    assert len(got) == len(kept)
    for line, (series, value, time_ns) in zip(got, kept, strict=True):
        key, number, at = line.rsplit("=", 1)[0] + "=", *line.rsplit("=", 1)[1].split(" ")
        assert key == heads[series]
        assert "." in number or "e" in number
        assert float(number).hex() == value.hex()
        assert int(at) == time_ns


def test_time_is_cut_towards_the_past() -> None:
    times = np.array([1_999_999, -1], np.int64)
    lines = lines_of(["m f="], np.zeros(2, np.int32), np.ones(2), times, precision=Precision.MILLISECONDS)
    assert lines.body == b"m f=1.0 1\nm f=1.0 -1\n"
