"""The golden frames of all transports, and the harness itself: it must find what differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from device_profiles.checksums import crc16_modbus
from tests.golden.frames import Frames, Tally, main, run

S8: dict[str, Any] = {"id": "modbus/senseair-s8", "frame_hex": "FE04020190ACD8", "expect": {"co2_ppm": 400}}
SDI12: dict[str, Any] = {"id": "sdi12/crc-b", "line": "0+3.14+2.718+1.414Ipz", "expect": [3.14, 2.718, 1.414]}
WXT = "0R1,Dn=0m=032D,Sm=0.1M,Ta=27.9C,Ua=39.4P,Pa=1003.2H"


def _run(*vectors: dict[str, Any]) -> Tally:
    return run(list(vectors), Frames())


def test_equal_values_are_counted() -> None:
    tally = _run(S8, SDI12)
    assert (tally.frames, tally.supported, tally.decoded) == (2, 2, 2)
    assert (tally.values_checked, tally.equal, tally.differs, tally.unmapped) == (5, 5, 0, 0)


@pytest.mark.parametrize(
    "vector",
    [
        {**S8, "expect": {"co2_ppm": 401}},
        {**S8, "expect": {"rh_pct": 40}},
        {**S8, "frame_hex": "FE04020191ACD8"},
        {**S8, "expect": {"error": "checksum"}},
        {**SDI12, "expect": [3.14, 2.718]},
        {**SDI12, "expect": [3.14, 2.718, 1.415]},
        {"id": "ascii/wxt-garbled", "line": WXT.replace("27.9C", "27.8C"), "expect": "rejects Dn, keeps the others"},
        {"id": "ascii/wxt-garbled", "line": WXT.replace("0m=032D", "032D"), "expect": "rejects Dn, keeps the others"},
    ],
)
def test_what_differs_is_found(vector: dict[str, Any]) -> None:
    tally = _run(vector)
    assert tally.differs == 1, tally.details
    assert tally.decoded == 0


def test_a_word_without_a_channel_is_found() -> None:
    assert _run({**S8, "expect": {"colour": 1}}).unmapped == 1
    assert _run({**S8, "expect": "looks good"}).unmapped == 1


def test_a_further_frame_of_a_known_device_needs_no_code() -> None:
    frame = bytes.fromhex("010404FF330222")
    frame += crc16_modbus(frame).to_bytes(2, "little")
    vector = {"id": "modbus/xy-md02-second", "frame_hex": frame.hex(), "expect": {"temp_C": -20.5, "rh_pct": 54.6}}
    assert _run(vector).equal == 2


def test_an_expected_error_must_be_a_reject() -> None:
    assert _run({**S8, "frame_hex": "FE04020191ACD8", "expect": {"error": "checksum"}}).equal == 1


def test_a_device_without_a_profile_is_listed() -> None:
    tally = _run({**S8, "id": "modbus/nobody-knows"})
    assert (tally.supported, tally.unsupported) == (0, ["modbus/nobody-knows"])


def test_every_entry_of_the_map_names_a_profile_and_its_channels() -> None:
    frames = Frames()
    for entry in frames.entries:
        channels = frames.profile(entry).channels
        for rule in [*entry.get("fields", {}).values(), *entry.get("expect", {}).values()]:
            table = {"channel": rule} if isinstance(rule, str) else rule
            for channel in table.get("each", [table["channel"]] if "channel" in table else []):
                assert channel in channels, (entry["id"], channel)


def test_the_command_prints_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "frames.json"
    path.write_text(json.dumps({"vectors": [S8, {**S8, "expect": {"co2_ppm": 1}}]}), encoding="utf-8")
    assert main([str(path), "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert (printed["frames"], printed["equal"], printed["differs"]) == (2, 1, 1)
    assert printed["details"][0]["id"] == "modbus/senseair-s8"


def test_given_frames(captures: Path) -> None:
    path = captures.parent / "vectors" / "frames.json"
    if not path.is_file():
        pytest.skip("HARKARA_CAPTURES is not set")
    tally = run(json.loads(path.read_text(encoding="utf-8"))["vectors"], Frames())
    assert tally.details == []
    assert tally.unsupported == []
    assert tally.frames == tally.decoded
