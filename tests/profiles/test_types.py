"""Field types: what the same bytes are as each of them."""

from __future__ import annotations

import pytest

from device_profiles.engine.leap_seconds import utc_of_gps
from device_profiles.engine.types import field_type
from device_profiles.errors import ProfileError


@pytest.mark.parametrize(
    ("word", "order", "data", "value"),
    [
        ("u16", "big", "0102", 0x0102),
        ("u16", "little", "0102", 0x0201),
        ("i24", "big", "FFFFFE", -2),
        ("u32", "big-swap", "56781234", 0x12345678),
        ("u32", "little-swap", "34127856", 0x12345678),
        ("f32", "big-swap", "00004148", 12.5),
        ("sm16", "big", "8005", -5),
        ("bcd:2", "big", "1234", 1234),
        ("bcd:2", "big", "12AB", None),
        ("digits:4", "big", "30303432", 42),
        ("hexdigits:2", "big", "4646", 255),
        ("text:4", "big", "41420000", "AB"),
        ("hex:3", "big", "0A0B0C", "0a0b0c"),
        ("dotted:4", "big", "01000300", "1.0.3.0"),
        ("dotted:3", "little", "030201", "1.2.3"),
    ],
)
def test_bytes_as_each_type(word: str, order: str, data: str, value: object) -> None:
    kind = field_type(word, order)
    assert kind.size == len(data) // 2
    assert kind.reader(b"\xff" + bytes.fromhex(data), 1) == value


def test_the_rest_of_a_frame_as_text() -> None:
    assert field_type("dotted:rest", "big").reader(b"\x00\x01\x02", 1) == "1.2"
    assert field_type("hex:rest", "big").reader(b"\x00\xab", 1) == "ab"


def test_no_such_type_is_told_with_those_there_are() -> None:
    with pytest.raises(ProfileError, match="dotted:N"):
        field_type("u17", "big")


@pytest.mark.parametrize(
    ("gps_s", "utc_s"),
    [
        (0, 315_964_800),
        # Around the leap second at the end of 2016: GPS counts on, UTC repeats.
        (1_167_264_016, 1_483_228_799),
        (1_167_264_018, 1_483_228_800),
        (1_384_000_018, 1_699_964_800),
    ],
)
def test_gps_time_loses_its_leap_seconds(gps_s: int, utc_s: int) -> None:
    assert utc_of_gps((315_964_800 + gps_s) * 10**9) == utc_s * 10**9
