"""Texts of one device that differ only in how many values they have."""

from __future__ import annotations

import pytest

from device_profiles import catalogue
from device_profiles.engine.compile import compile_profile
from device_profiles.engine.profile import Profile
from device_profiles.engine.rows import Decoded
from device_profiles.rejects import FrameRejected

HEAD = """
language = 1
vendor = "Acme"
model = "Probe"
version = 1
title = { en = "Probe" }
[[documents]]
title = "manual"
[transport]
kind = "KIND"
[channels]
soil_temperature = { range = [-40, 60] }
soil_moisture = { range = [0, 1] }
battery_voltage = { range = [0, 20] }
[[requests]]
name = "short"
command = "M"
count = 2
[[requests]]
name = "long"
command = "M3"
count = 3
"""
FRAMES = """
[[frames]]
name = "two"
request = "short"
when = { columns = 2 }
text = { kind = "SPLIT", SEPARATOR }
fields = [{ name = "soil_temperature" }, { name = "soil_moisture" }]
[[frames]]
name = "three"
request = "long"
when = { columns = 3 }
text = { kind = "SPLIT", SEPARATOR }
fields = [{ name = "soil_temperature" }, { name = "soil_moisture" }, { name = "battery_voltage" }]
"""


def _profile(kind: str, split: str, rest: str) -> Profile:
    text = (HEAD + FRAMES).replace("KIND", kind).replace("SPLIT", split).replace(", SEPARATOR", rest)
    return compile_profile(catalogue.parse(text.encode()), profile_id="acme/probe", digest=bytes(8))


@pytest.mark.parametrize(
    ("kind", "split", "rest", "texts"),
    [
        ("sdi-12", "numbers", "", ("0+21.5-0.25", "0+21.5-0.25+12", "0+1")),
        ("ascii", "columns", "", ("21.5,0.25", "21.5,0.25,12\r\n", "1")),
        ("ascii", "columns", ', separator = ""', (" 21.5  0.25 ", "21.5 0.25 12", "1")),
        ("ascii", "columns", ', strip = "#a,"', ("#a,21.5,0.25", "#a,21.5,0.25,12", "#a,1")),
    ],
)
def test_the_number_of_values_chooses(kind: str, split: str, rest: str, texts: tuple[str, str, str]) -> None:
    profile = _profile(kind, split, rest)
    outcomes = [profile.decode(text.encode()) for text in texts]
    assert [item.frame if isinstance(item, Decoded) else str(item.reason) for item in outcomes] == [
        "two",
        "three",
        "shape",
    ]
    assert isinstance(outcomes[2], FrameRejected)
    assert "1 values, expected 2 to 2" in outcomes[2].detail


def test_a_count_of_a_request_without_registers_asks_for_no_bytes() -> None:
    profile = _profile("sdi-12", "numbers", "")
    assert isinstance(profile.decode(b"0+21.5-0.25", request="short"), Decoded)
