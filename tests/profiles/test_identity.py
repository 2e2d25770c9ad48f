"""A device that is not what it is said to be is told so; no number of it is believed."""

from __future__ import annotations

import pytest

from device_profiles import catalogue
from device_profiles.checksums import crc16_modbus
from device_profiles.engine.compile import compile_profile
from device_profiles.engine.identity import requests_to_ask
from device_profiles.engine.profile import Profile
from device_profiles.engine.rows import Decoded
from device_profiles.errors import ProfileError
from device_profiles.language.check import check
from device_profiles.rejects import FrameRejected

TEXT = """
language = 1
vendor = "Acme"
model = "Soil"
version = 1
title = { en = "Soil probe" }
[[documents]]
title = "manual"
[transport]
kind = "modbus-rtu"
[[requests]]
name = "who"
function = 3
address = 0x07D0
count = 2
[[requests]]
name = "data"
function = 3
address = 0
count = 2
[identity]
request = "who"
match = [{ at = 0, hex = "A5" }]
[[variants]]
name = "old"
probe = { request = "who", match = [{ at = 3, hex = "01" }] }
[[variants]]
name = "new"
probe = { request = "who", match = [{ at = 3, hex = "02" }] }
[channels]
soil_temperature = { range = [-40, 80], resolution = 0.1 }
soil_moisture_percent = { range = [0, 100], resolution = 0.1 }
[[frames]]
name = "old"
request = "data"
variants = ["old"]
fields = [
  { name = "soil_temperature", reg = 0, type = "i16", scale = 0.1 },
  { name = "soil_moisture_percent", reg = 1, type = "u16", scale = 0.1 },
]
[[frames]]
name = "new"
request = "data"
variants = ["new"]
fields = [
  { name = "soil_moisture_percent", reg = 0, type = "u16", scale = 0.1 },
  { name = "soil_temperature", reg = 1, type = "i16", scale = 0.1 },
]
"""


def _profile(variant: str | None = None) -> Profile:
    return compile_profile(catalogue.parse(TEXT.encode()), profile_id="acme/soil", digest=bytes(8), variant=variant)


def _answer(payload: str) -> bytes:
    body = bytes([1, 3, len(payload) // 2]) + bytes.fromhex(payload)
    return body + crc16_modbus(body).to_bytes(2, "little")


def test_a_variant_is_told_by_its_answer() -> None:
    profile = _profile()
    assert requests_to_ask(profile.probes) == ("who",)
    assert profile.identify("who", _answer("A5000001")) == "old"
    assert profile.identify("who", _answer("A5000002")) == "new"


def test_each_variant_has_its_own_map() -> None:
    frame = _answer("00D70140")
    values = {}
    for variant in ("old", "new"):
        profile = _profile(variant)
        result = profile.decode(frame, request="data")
        assert isinstance(result, Decoded)
        values[variant] = {reading.channel: reading.value for reading in profile.apply(result.rows[0])}
    assert values["old"] == {"soil_temperature": 21.5, "soil_moisture_percent": 32.0}
    assert values["new"] == {"soil_temperature": 32.0, "soil_moisture_percent": 21.5}


@pytest.mark.parametrize(
    ("frame", "reason", "words"),
    [
        (_answer("00000001"), "identity", "no acme/soil (variants: old, new) answers 'who' like this"),
        (_answer("A5000003"), "identity", "variants: old, new"),
        (bytes.fromhex("018302C0F1"), "exception", ""),
        (_answer("A5000001")[:-1] + b"\x00", "checksum", ""),
    ],
)
def test_another_model_is_an_identity_mismatch(frame: bytes, reason: str, words: str) -> None:
    outcome = _profile().identify("who", frame)
    assert isinstance(outcome, FrameRejected)
    assert outcome.reason == reason
    assert words in outcome.detail


def test_a_fixed_field_that_differs_rejects_the_frame() -> None:
    text = TEXT.replace(
        '{ name = "soil_temperature", reg = 0, type = "i16", scale = 0.1 },',
        '{ name = "_model", reg = 0, type = "u16", equals = [0x00D7, 0x00D8] },\n'
        '{ name = "soil_temperature", value = "_model", scale = 0.1 },',
        1,
    )
    profile = compile_profile(catalogue.parse(text.encode()), profile_id="acme/soil", digest=bytes(8))
    assert isinstance(profile.decode(_answer("00D70140"), request="data"), Decoded)
    outcome = profile.decode(_answer("00D90140"), request="data")
    assert isinstance(outcome, FrameRejected)
    assert outcome.reason == "identity"


def test_a_probe_that_asks_nothing_is_found() -> None:
    with pytest.raises(ProfileError, match="nearest: who"):
        compile_profile(
            catalogue.parse(TEXT.replace('request = "who"\nmatch', 'request = "whom"\nmatch').encode()),
            profile_id="acme/soil",
            digest=bytes(8),
        )
    same = TEXT.replace('hex = "02"', 'hex = "01"')
    assert any("never told: old" in problem.what for problem in check(same.encode(), path="a/b.toml", profile_id="a/b"))
    open_ = TEXT.replace(', match = [{ at = 3, hex = "02" }]', "")
    assert any("takes any answer" in item.what for item in check(open_.encode(), path="a/b.toml", profile_id="a/b"))
