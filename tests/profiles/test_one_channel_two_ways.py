"""One channel, read in different scales and with different sentinels by different parts of a frame."""

from __future__ import annotations

from device_profiles import catalogue
from device_profiles.engine.compile import compile_profile
from device_profiles.engine.profile import Profile
from device_profiles.engine.rows import Decoded

TEXT = b"""
language = 1
vendor = "Acme"
model = "Two ways"
version = 1
title = { en = "Temperature in two resolutions" }
[[documents]]
title = "manual"
[transport]
kind = "lorawan"
[channels]
air_temperature = { range = [-40, 80], resolution = 0.01 }
relative_humidity = { range = [0, 100], resolution = 1 }
[[frames]]
name = "uplink"
[[frames.parts]]
tag = "u8"
cases = [
  { tag = 2, fields = [{ name = "air_temperature", type = "i16", scale = 0.01, missing = [0x7FFF] }] },
  { tag = 3, fields = [{ name = "relative_humidity", type = "u8" }] },
  { tag = 0x45, fields = [
      { name = "air_temperature", type = "i16", scale = 0.1, missing = [
          { if = "air_temperature == -1000", reason = "no_sensor" },
      ] },
      { name = "_again", value = "air_temperature" },
      { name = "relative_humidity", value = "_again * 0" },
  ] },
]
"""


def _profile() -> Profile:
    return compile_profile(catalogue.parse(TEXT), profile_id="acme/two-ways", digest=bytes(8))


def _rows(text: str) -> list[dict[str, tuple[float | None, str]]]:
    profile = _profile()
    result = profile.decode(bytes.fromhex(text))
    assert isinstance(result, Decoded), result
    return [{item.channel: (item.value, item.reason) for item in profile.apply(row)} for row in result.rows]


def test_each_way_has_its_own_scale() -> None:
    assert _rows("02 0960") == [{"air_temperature": (24.0, "")}]
    assert _rows("45 00F0 03 32")[0]["air_temperature"] == (24.0, "")


def test_each_way_has_its_own_sentinels() -> None:
    assert _rows("02 7FFF") == [{"air_temperature": (None, "invalid")}]
    assert _rows("02 FC18") == [{"air_temperature": (-10.0, "")}]
    assert _rows("45 FC18")[0]["air_temperature"] == (None, "no_sensor")


def test_both_ways_in_one_frame_are_two_rows() -> None:
    rows = _rows("02 0960 45 00F1")
    assert [row["air_temperature"][0] for row in rows] == [24.0, 24.1]
