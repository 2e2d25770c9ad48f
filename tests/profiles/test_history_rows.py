"""Rows of history beside the frame's own row: neither takes the other's values."""

from __future__ import annotations

import pytest

from device_profiles import catalogue
from device_profiles.engine.compile import compile_profile
from device_profiles.engine.rows import Decoded

HEAD = """
language = 1
vendor = "Acme"
model = "Logger"
version = 1
title = { en = "Logger" }
order = "little"
[[documents]]
title = "manual"
[transport]
kind = "lorawan"
[channels]
soil_temperature = { range = [-40, 60] }
soil_moisture_percent = { range = [0, 100] }
[[frames]]
name = "uplink"
"""
TAGS = """
[[frames.parts]]
tag = "u8"
cases = [
  { tag = 1, fields = [{ name = "soil_temperature", type = "i16", scale = 0.1 }] },
  { tag = 2, fields = [{ name = "soil_moisture_percent", type = "u8" }] },
  { tag = 9, rows = true, fields = [
    { name = "_time", type = "u32", time = "unix_s" },
    { name = "soil_temperature", type = "i16", scale = 0.1, missing = [0x7FFF] },
  ] },
]
"""
REPEAT = """
fields = [{ name = "soil_temperature", type = "i16", scale = 0.1 }]
[[frames.parts]]
repeat = "rest"
rows = true
age_s = "(index + 1) * 600"
fields = [{ name = "soil_temperature", type = "i16", scale = 0.1 }]
"""


def _rows(body: str, hexadecimal: str) -> list[tuple[int | None, int | None, dict[str, float | None]]]:
    profile = compile_profile(catalogue.parse((HEAD + body).encode()), profile_id="acme/logger", digest=bytes(8))
    result = profile.decode(bytes.fromhex(hexadecimal))
    assert isinstance(result, Decoded), result
    return [
        (row.observed_at_ns, row.age_ns, {item.channel: item.value for item in profile.apply(row)})
        for row in result.rows
    ]


@pytest.mark.parametrize(
    ("frame", "rows"),
    [
        # History alone: no row of now.
        ("09 01000000 1901", [(10**9, None, {"soil_temperature": 28.1})]),
        # Now, then history.
        (
            "01 1A01 09 01000000 1901",
            [(10**9, None, {"soil_temperature": 28.1}), (None, None, {"soil_temperature": 28.2})],
        ),
        # History, then now; the moisture of now is not the history's.
        (
            "09 01000000 1901 01 1A01 02 32",
            [
                (10**9, None, {"soil_temperature": 28.1}),
                (None, None, {"soil_temperature": 28.2, "soil_moisture_percent": 50.0}),
            ],
        ),
        # Two of history around now; one of them is no measurement.
        (
            "09 01000000 1901 01 1A01 09 02000000 FF7F",
            [
                (10**9, None, {"soil_temperature": 28.1}),
                (2 * 10**9, None, {"soil_temperature": None}),
                (None, None, {"soil_temperature": 28.2}),
            ],
        ),
    ],
)
def test_tags(frame: str, rows: list[tuple[int | None, int | None, dict[str, float | None]]]) -> None:
    assert _rows(TAGS, frame) == rows


def test_repetitions() -> None:
    assert _rows(REPEAT, "1A01 1901 1801") == [
        (None, 600 * 10**9, {"soil_temperature": 28.1}),
        (None, 1200 * 10**9, {"soil_temperature": 28.0}),
        (None, None, {"soil_temperature": 28.2}),
    ]


def test_the_sensor_it_was_found_with() -> None:
    profile = catalogue.load("milesight/em500-smtc")
    result = profile.decode(bytes.fromhex("03671A0120CEC89ADA61F00019017616"), port=85)
    assert isinstance(result, Decoded)
    history, now = ({item.channel: item.value for item in profile.apply(row)} for row in result.rows)
    assert now == {"soil_temperature": 28.2}
    assert history == {"soil_conductivity": 240, "soil_temperature": 28.1, "soil_moisture_percent": 57.5}
