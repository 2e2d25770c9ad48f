"""Whole columns give the same bits as row by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles import catalogue
from device_profiles.engine.apply_bulk import Column, apply_columns
from device_profiles.engine.profile import Profile
from device_profiles.engine.rows import Mark, Row
from device_profiles.quality import Flag

BENCH = b"""
language = 1
vendor = "Bench"
model = "every step"
version = 1
title = { en = "every step", hi = "x" }
documents = [{ title = "none" }]
transport = { kind = "lorawan" }
[channels]
count = { unit = "1" }
eighth = { unit = "1" }
fahrenheit = { unit = "Cel" }
loop = { unit = "m", transform = [{ loop = { low = 0, high = "param.span" } }], raw_unit = "mA" }
curve = { unit = "1", transform = [{ polynomial = [1, -0.5, 0.25] }, { affine = [2, "param.shift"] }] }
table = { unit = "1", from = "count", transform = [{ table = [[0, 0], [10, 5], [1000, 7]] }] }
log = { unit = "1", derived = "ln(count) * param.span + eighth" }
[channels.kind]
unit = "1"
from = "eighth"
transform = [{ choose = { parameter = "soil", cases = { a = [{ affine = [1, 1] }], b = [{ formula = "sqrt(x)" }] } } }]
[parameters]
span = { default = 2.5 }
shift = { default = -1 }
soil = { choices = ["a", "b"], default = "b" }
[[frames]]
name = "all"
fields = [
  { name = "count", type = "i16", scale = 0.1 },
  { name = "eighth", type = "i16", scale = 0.125, add = 3, divide = 3 },
  { name = "fahrenheit", type = "i16", scale = 0.01, unit = "[degF]" },
  { name = "loop", type = "u16", scale = 0.001 },
  { name = "curve", type = "f32" },
]
"""


def _profile() -> Profile:
    from device_profiles.engine.compile import compile_profile

    return compile_profile(catalogue.parse(BENCH), profile_id="bench/steps", digest=bytes(8))


PROFILE = _profile()
ROWS = st.lists(st.binary(min_size=12, max_size=12), min_size=1, max_size=20)


@given(frames=ROWS, soil=st.sampled_from(["a", "b"]), missing=st.integers(0, 30))
def test_same_bits(frames: list[bytes], soil: str, missing: int) -> None:
    parameters = PROFILE.parameters({"soil": soil})
    rows: list[Row] = []
    for index, frame in enumerate(frames):
        result = PROFILE.decode(frame)
        assert not hasattr(result, "reason")
        row = result.rows[0]
        if index == missing:
            row = Row(
                row.channels,
                row.units,
                [None, *row.mantissas[1:]],
                row.exponents,
                (Mark(0, Flag.FAIL, "invalid"), *row.marks),
            )
        rows.append(row)
    columns = {}
    for at, channel in enumerate(rows[0].channels):
        flags = np.full(len(rows), Flag.UNKNOWN, dtype=np.uint8)
        for index, row in enumerate(rows):
            for mark in row.marks:
                if mark.column == at:
                    flags[index] = mark.flag
        kind = np.float64 if rows[0].exponents[at] is None else np.int64
        values = np.array([0 if row.mantissas[at] is None else row.mantissas[at] for row in rows], dtype=kind)
        columns[channel] = Column(values, rows[0].exponents[at], rows[0].units[at], flags)
    bulk = apply_columns(PROFILE, columns, parameters)
    for index, row in enumerate(rows):
        for reading in PROFILE.apply(row, parameters):
            value, flag = bulk[reading.channel][0][index], bulk[reading.channel][1][index]
            assert flag == reading.flag, (reading, value)
            if reading.value is None:
                assert np.isnan(value)
            else:
                assert value == reading.value, reading


def test_dated_parameter_changes_the_past_without_new_bytes() -> None:
    profile = catalogue.load("meter/teros-12-sdi12")
    decoded = profile.decode(b"0+2493.4+27.8+22\r\n")
    row = decoded.rows[0]  # type: ignore[union-attr]
    mineral = {reading.channel: reading.value for reading in profile.apply(row)}
    soilless = {
        reading.channel: reading.value for reading in profile.apply(row, profile.parameters({"soil_type": "soilless"}))
    }
    assert mineral["soil_moisture"] == pytest.approx(0.27159, abs=1e-5)
    assert soilless["soil_moisture"] == pytest.approx(0.37418, abs=1e-5)
    assert mineral["soil_counts"] == soilless["soil_counts"] == 2493.4
