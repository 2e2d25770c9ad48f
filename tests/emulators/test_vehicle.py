"""The drone's telemetry, read by pymavlink: both versions, signatures, a mission, a sprayer's own dialect."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from pymavlink.dialects.v10 import ardupilotmega as version_1
from pymavlink.dialects.v20 import ardupilotmega as version_2

from device_profiles.mavlink.profiles import load_dialect
from simulators.emulators import vehicle as drone
from simulators.emulators.mavlink_writer import Definition
from simulators.emulators.port import Measurement
from simulators.emulators.vehicle import Vehicle

AT_NS = 1_780_295_400 * 10**9
KEY = bytes(range(32))
DEFINITIONS = [each for each in vars(drone).values() if isinstance(each, Definition)]


def flight(vehicle: Vehicle, seconds: int = 40, *, sprays: bool = False) -> bytes:
    """On the ground without a fix, then up, a line to the east, and down again."""
    said = b""
    for second in range(seconds):
        values: dict[str, float | None] = {
            "latitude": 30.3165 if second >= 3 else None,
            "longitude": 78.0322 + 5e-5 * second if second >= 3 else None,
            "height_above_ground": 30.0 if 5 <= second < seconds - 3 else 0.0,
            "ground_elevation": 640.0,
            "flow": 1.2 if sprays and second % 2 else None,
            "tank": 8.5,
        }
        at_ns = AT_NS + second * 10**9
        frames = vehicle.measure(Measurement(number=second + 1, at_ns=at_ns, clock_ns=at_ns, values=values))
        said += b"".join(frame.data for frame in frames)
    return said


def read(dialect: Any, data: bytes, key: bytes = b"") -> list[Any]:
    reader = dialect.MAVLink(io.BytesIO())
    reader.robust_parsing = True
    if key:
        reader.signing.secret_key = key
        reader.signing.allow_unsigned_callback = lambda *_: False
    return list(reader.parse_buffer(data) or ())


@pytest.mark.parametrize("version", [1, 2])
def test_pymavlink_reads_every_frame_of_both_versions(version: int) -> None:
    dialect = version_1 if version == 1 else version_2
    messages = read(dialect, flight(Vehicle(version=version)))
    kinds = [message.get_type() for message in messages]
    assert "BAD_DATA" not in kinds
    assert kinds.count("HEARTBEAT") == 40
    assert kinds.count("MISSION_ITEM_INT") == drone.WAYPOINTS
    assert kinds.count("MISSION_ITEM_REACHED") == 3
    [text] = [message for message in messages if message.get_type() == "STATUSTEXT"]
    assert text.text == "survey drone ready"
    times = [message.time_unix_usec for message in messages if message.get_type() == "SYSTEM_TIME"]
    assert times[:3] == [0, 0, 0]
    assert times[3] == (AT_NS + 3 * 10**9) // 1000
    places = [message for message in messages if message.get_type() == "GLOBAL_POSITION_INT"]
    assert len(places) == 37
    assert (places[0].lat, places[0].alt) == (303_165_000, 640_000)
    # 5e-5 degrees a second to the east are 4.8 m/s at this latitude.
    assert {message.vy for message in places[1:]} <= {480, 481}
    armed = [bool(message.base_mode & 0x80) for message in messages if message.get_type() == "HEARTBEAT"]
    assert armed == [5 <= second < 37 for second in range(40)]


def test_the_checks_of_definitions_are_those_of_the_public_dialects() -> None:
    public = version_2.mavlink_map
    for definition in DEFINITIONS:
        if definition is drone.SPRAY_STATUS:
            continue
        theirs = public[definition.number]
        assert definition.crc_extra == theirs.crc_extra, definition.name
        assert definition.name == theirs.msgname


def test_signatures_are_pymavlink_s_and_a_changed_bit_is_noticed() -> None:
    data = flight(Vehicle(key=KEY), 10)
    signed = [message for message in read(version_2, data, KEY) if message.get_type() != "BAD_DATA"]
    plain = [message for message in read(version_2, flight(Vehicle(), 10)) if message.get_type() != "BAD_DATA"]
    assert [message.get_type() for message in signed] == [message.get_type() for message in plain]
    assert all(message.get_signed() for message in signed)
    other = [message for message in read(version_2, data, bytes(32)) if message.get_type() != "BAD_DATA"]
    assert other == []


def test_the_sprayer_s_own_dialect_is_read_by_its_definition_file(tmp_path: Path) -> None:
    file = tmp_path / "sprayer.xml"
    file.write_text(drone.SPRAY_XML, encoding="utf-8")
    dialect = load_dialect(file)
    [message] = [each for each in dialect.messages.values() if each.name == "SPRAY_STATUS"]
    assert message.crc_extra == drone.SPRAY_STATUS.crc_extra


def test_the_same_flight_gives_the_same_bytes() -> None:
    assert flight(Vehicle(key=KEY), sprays=True) == flight(Vehicle(key=KEY), sprays=True)
    assert len(flight(Vehicle(key=KEY), sprays=True)) > len(flight(Vehicle(key=KEY)))
