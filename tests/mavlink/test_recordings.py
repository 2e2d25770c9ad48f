"""Recorded flights and dives: every whole message decodes, and says what its bytes say."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from device_profiles import catalogue
from device_profiles.engine.rows import Decoded, Reading
from device_profiles.mavlink import table
from device_profiles.mavlink.profiles import message_profile
from device_profiles.rejects import FrameRejected
from device_profiles.tools.recordings import frames, results

DIVE = "mavlink/ardusub_small.tlog"
FLIGHT = "mavlink/thayer_flight_pass53.mav"


def _readings(captures: Path, profile_id: str, file: str, frame: str) -> Iterator[dict[str, Reading]]:
    profile = catalogue.load(profile_id)
    for result in results(profile, (captures / file).read_bytes()):
        if isinstance(result, Decoded) and result.frame == frame:
            yield {reading.channel: reading for reading in profile.apply(result.rows[0])}


@pytest.mark.parametrize(("file", "whole"), [(DIVE, 35_912), (FLIGHT, 32_437)])
def test_every_message_of_the_public_definitions_decodes(captures: Path, file: str, whole: int) -> None:
    profile = message_profile(table.public().messages.values())
    found = [item for item in frames(profile, (captures / file).read_bytes()) if isinstance(item, bytes)]
    assert len(found) == whole
    decoded = Counter(type(profile.decode(item)) for item in found)
    assert decoded == {Decoded: whole}


def test_places_equal_the_bytes_and_none_is_nought_nought(captures: Path) -> None:
    profile = catalogue.load("mavlink/position")
    message = table.known("GLOBAL_POSITION_INT")
    for file, count in ((DIVE, 792), (FLIGHT, 1390)):
        seen = 0
        for item in frames(profile, (captures / file).read_bytes()):
            if isinstance(item, FrameRejected) or int.from_bytes(item[7:10], "little") != message.id:
                continue
            fields = struct.unpack("<IiiiihhhH", item[10:-2].ljust(28, b"\0")[:28])
            result = profile.decode(item)
            assert isinstance(result, Decoded)
            values = {reading.channel: reading.value for reading in profile.apply(result.rows[0])}
            assert (values["latitude"], values["longitude"]) != (0, 0)
            assert values["latitude"] == fields[1] / 1e7
            assert values["longitude"] == fields[2] / 1e7
            assert values["altitude"] == fields[3] / 1000
            assert values["heading"] == fields[8] / 100
            assert values["uptime"] == fields[0] / 1000
            seen += 1
        assert seen == count


def test_a_clock_that_is_not_set_gives_no_time(captures: Path) -> None:
    profile = catalogue.load("mavlink/status")
    times = [
        result.rows[0].observed_at_ns
        for result in results(profile, (captures / DIVE).read_bytes())
        if isinstance(result, Decoded) and result.frame == "system_time"
    ]
    assert times.count(None) == 792
    assert len(times) == 794


def test_no_battery_temperature_and_no_level_are_missing(captures: Path) -> None:
    for readings in _readings(captures, "mavlink/power", DIVE, "battery_status"):
        assert readings["battery_temperature"].reason == "no_sensor"
        assert readings["battery_level"].reason == "unknown"
        assert 14 < (readings["battery_voltage"].value or 0) < 18


def test_the_dies_are_warmer_than_the_water(captures: Path) -> None:
    dies = [
        item["device_temperature"].value for item in _readings(captures, "mavlink/pressure", DIVE, "scaled_pressure")
    ]
    water = [
        item["second_temperature"].value for item in _readings(captures, "mavlink/pressure", DIVE, "scaled_pressure2")
    ]
    assert min(value for value in dies if value is not None) > 29
    assert max(value for value in water if value is not None) < 20


def test_a_vehicle_on_the_ground_takes_off_and_lands(captures: Path) -> None:
    states: list[float | None] = []
    for readings in _readings(captures, "mavlink/status", FLIGHT, "extended_sys_state"):
        value = readings["landed_state"].value
        if not states or states[-1] != value:
            states.append(value)
    assert states == [1, 3, 2, 4, 1]
