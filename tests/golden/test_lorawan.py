"""The golden harness itself: it must find what differs, and what the map does not know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.golden.lorawan import Golden, chosen, run

EXAMPLE = {
    "codec": "decentlab/dl-trs12-codec",
    "what": "one",
    "port": 1,
    "hex": "0210d3000346be813d00000c80",
    "expect": {
        "data": {
            "battery_voltage": {"displayName": "Battery voltage", "unit": "V", "value": 3.2},
            "device_id": 4307,
            "protocol_version": 2,
            "soil_temperature": {"unit": "°C", "value": 31.7},
            "volumetric_water_content": {"unit": "m³⋅m⁻³", "value": 0.0068869},
        }
    },
}


def _run(*examples: dict[str, object]):  # type: ignore[no-untyped-def]
    return run(iter([json.dumps(example) for example in examples]), Golden())


def test_equal_values_are_counted() -> None:
    tally = _run(EXAMPLE)
    assert (tally.examples, tally.supported, tally.decoded) == (1, 1, 1)
    assert (tally.values_checked, tally.equal, tally.differs, tally.unmapped) == (4, 4, 0, 0)


@pytest.mark.parametrize(
    ("key", "value", "counter"),
    [
        ("soil_temperature", {"unit": "°C", "value": 31.8}, "differs"),
        ("soil_temperature", {"unit": "°F", "value": 31.7}, "differs"),
        ("soil_temperature", "no sensor", "differs"),
        ("a_word_nobody_knows", 1, "unmapped"),
    ],
)
def test_what_differs_is_found(key: str, value: object, counter: str) -> None:
    data = {**EXAMPLE["expect"]["data"], key: value}  # type: ignore[index]
    tally = _run({**EXAMPLE, "expect": {"data": data}})
    assert getattr(tally, counter) == 1
    assert tally.decoded == 0
    assert len(tally.details) == 1


def test_an_expected_error_must_be_a_reject() -> None:
    assert _run({**EXAMPLE, "expect": {"errors": ["x"]}}).differs == 1
    assert _run({**EXAMPLE, "hex": "01", "expect": {"errors": ["x"]}}).equal == 1


def test_a_codec_without_a_profile_is_listed() -> None:
    tally = _run({**EXAMPLE, "codec": "nobody/knows-codec"})
    assert tally.supported == 0
    assert tally.unsupported == {"nobody/knows-codec": 1}


def test_every_mapped_codec_names_a_profile_and_its_channels() -> None:
    golden = Golden()
    for codec, entry in golden.table["codecs"].items():
        profile = golden.profile(codec)
        assert profile is not None
        rules = [one for rule in entry.get("fields", {}).values() for one in _alternatives(rule)]
        for rule in rules:
            channel = rule.get("channel") if isinstance(rule, dict) else rule
            assert channel is None or channel in profile.channels, (codec, channel)


def _alternatives(rule: Any) -> list[Any]:
    return [*rule["is"].values(), rule.get("else")] if isinstance(rule, dict) and "is" in rule else [rule]


@pytest.mark.parametrize(
    ("by", "path", "channel"),
    [("id", "list.0.value", "wind_speed"), ("^.id", "list.1.status.state", "wind_gust"), ("id", "list.2.value", None)],
)
def test_an_item_of_a_list_is_mapped_by_another_key_of_it(by: str, path: str, channel: str | None) -> None:
    data = {"list": [{"id": 1, "value": 3}, {"id": 2, "status": {"state": 4}}, {"id": 9, "value": 5}]}
    assert chosen({"by": by, "is": {"1": "wind_speed", "2": "wind_gust"}}, data, path) == channel


def test_given_examples(captures: Path) -> None:
    path = captures.parent / "vectors" / "lorawan_uplinks.jsonl"
    if not path.is_file():
        pytest.skip("HARKARA_CAPTURES is not set")
    with path.open(encoding="utf-8") as lines:
        tally = run(lines, Golden())
    assert tally.differs == 0, tally.details
    assert tally.unmapped == 0, tally.details


RS1XX = {
    "codec": "laird/rs1xx-temp-rh-sensor-codec",
    "what": "two readings, and a firmware version",
    "port": 1,
    "hex": "02060000000502000000002134436222354463",
    "expect": {
        "data": {
            "options": ["Sensor configuration error", "Sensor alarm flag"],
            "timestamp": {"year": 2015, "month": "January", "day": 1, "hours": 0},
            "readings": [{"temperature": 98.67}, {"temperature": 99.68}],
        }
    },
}
VERSION = {**RS1XX, "hex": "0700140b05060101020304", "expect": {"data": {"releaseDate": "20/11/5"}}}


def test_bits_versions_and_parts_of_a_time_are_compared() -> None:
    tally = _run(RS1XX, VERSION)
    assert (tally.equal, tally.differs, tally.unmapped) == (9, 0, 0), tally.details


@pytest.mark.parametrize(
    ("example", "data"),
    [
        (RS1XX, {"options": ["None"]}),
        (RS1XX, {"options": ["Sensor reset flag"]}),
        (RS1XX, {"timestamp": {"year": 2000}}),
        (RS1XX, {"timestamp": {"month": "December"}}),
        (RS1XX, {"readings": [{"temperature": 99.68}]}),
        (VERSION, {"releaseDate": "20/11/6"}),
    ],
)
def test_other_bits_versions_and_times_differ(example: dict[str, object], data: dict[str, object]) -> None:
    assert _run({**example, "expect": {"data": data}}).differs == 1
