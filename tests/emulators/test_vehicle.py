"""The drone's telemetry, read by pymavlink: both versions, signatures, a mission, a sprayer's own dialect."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any

import pytest
from pymavlink.dialects.v10 import ardupilotmega as version_1
from pymavlink.dialects.v20 import ardupilotmega as version_2

from device_profiles.mavlink.profiles import load_dialect
from simulators.emulators import vehicle_messages as drone
from simulators.emulators.mavlink_writer import Definition
from simulators.emulators.port import Measurement
from simulators.emulators.survey_flight import FIX_AFTER_S, SurveyFlight
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
    items = [message for message in messages if message.get_type() == "MISSION_ITEM_INT"]
    assert [item.seq for item in items] == list(range(10))
    assert all(abs(item.x - 303_165_000) <= 1000 and abs(item.y - 780_322_000) <= 5000 for item in items)
    # It goes up and then away to the east, not to where it was told to go.
    assert [message.seq for message in messages if message.get_type() == "MISSION_ITEM_REACHED"] == [1]
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
    assert drone.SPRAY_STATUS.number not in public, "a maker's own message must not take another's number"
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


def survey(seed: int = 7, *, seconds: float, version: int = 2, step_ms: int = 200) -> list[Any]:
    """A whole survey as pymavlink hears it."""
    plan = SurveyFlight(seed)
    vehicle, said = Vehicle(version=version, mission=plan.mission), b""
    for number in range(int(seconds * 1000 / step_ms)):
        at_ns = AT_NS + number * step_ms * 1_000_000
        values = plan.values(number * step_ms / 1000)
        frames = vehicle.measure(Measurement(number=number + 1, at_ns=at_ns, clock_ns=at_ns, values=values))
        said += b"".join(frame.data for frame in frames)
    return read(version_2 if version == 2 else version_1, said)


def of(messages: list[Any], kind: str) -> list[Any]:
    return [message for message in messages if message.get_type() == kind]


def test_a_survey_flies_its_plan_sprays_its_rows_and_comes_home() -> None:
    plan = SurveyFlight(7)
    messages = survey(seconds=FIX_AFTER_S + plan.cycle_s)
    assert of(messages, "BAD_DATA") == []
    items = of(messages, "MISSION_ITEM_INT")
    assert [(item.seq, item.command) for item in items[:3]] == [(0, 16), (1, 22), (2, 16)]
    assert items[-1].command == 20
    reached = of(messages, "MISSION_ITEM_REACHED")
    assert [each.seq for each in reached] == list(range(1, len(items))), "each once, in order"
    states = [each.landed_state for each in of(messages, "EXTENDED_SYS_STATE")]
    assert [state for state, before in zip(states, [0, *states], strict=False) if state != before] == [1, 3, 2, 4, 1]
    armed = [bool(each.base_mode & 0x80) for each in of(messages, "HEARTBEAT")]
    assert armed == [state != 1 for state in states]
    places = of(messages, "GLOBAL_POSITION_INT")
    assert (places[0].lat, places[0].lon, places[0].relative_alt) == (places[-1].lat, places[-1].lon, 0)
    assert min(each.vz for each in places) < -200
    assert max(each.vz for each in places) > 200
    # The pump runs in rows, which are every second way from waypoint to waypoint.
    pumps = [each.servo7_raw for each in of(messages, "SERVO_OUTPUT_RAW")]
    assert set(pumps) == {1000, 1900}
    switched_on = sum(now > before for before, now in itertools.pairwise(pumps))
    assert switched_on == (len(items) - 2) // 2


def test_it_is_at_a_waypoint_when_it_says_that_it_reached_it() -> None:
    messages = survey(seconds=120)
    items = {item.seq: item for item in of(messages, "MISSION_ITEM_INT")}
    place = None
    for message in messages:
        if message.get_type() == "GLOBAL_POSITION_INT":
            place = message
        elif message.get_type() == "MISSION_ITEM_REACHED":
            assert place is not None
            item = items[message.seq]
            assert abs(place.lat - item.x) < 200, "two metres"
            assert abs(place.lon - item.y) < 220
            assert abs(place.relative_alt / 1000 - item.z) <= 2


def test_whoever_hovers_reaches_nothing() -> None:
    vehicle, said = Vehicle(), b""
    values = {"latitude": 30.0, "longitude": 78.0, "height_above_ground": 12.0, "ground_elevation": 640.0}
    for second in range(60):
        at_ns = AT_NS + second * 10**9
        frames = vehicle.measure(Measurement(number=second + 1, at_ns=at_ns, clock_ns=at_ns, values=values))
        said += b"".join(frame.data for frame in frames)
    messages = read(version_2, said)
    assert of(messages, "MISSION_ITEM_REACHED") == []
    assert {each.seq for each in of(messages, "MISSION_CURRENT")} == {1}


def test_what_a_drone_carries_is_read_as_it_is() -> None:
    messages = survey(seconds=30)
    plan = {name: value or 0.0 for name, value in SurveyFlight(7).values(29.8).items()}
    battery, pressure, air = (
        of(messages, kind)[-1] for kind in ("BATTERY_STATUS", "SCALED_PRESSURE", "HYGROMETER_SENSOR")
    )
    assert battery.battery_remaining == pytest.approx(plan["battery_remaining"], abs=0.51)
    assert sum(battery.voltages[:6]) / 1000 == pytest.approx(plan["battery_voltage"], abs=0.01)
    assert set(battery.voltages[6:]) == {0xFFFF}
    assert battery.current_battery / 100 == pytest.approx(plan["battery_current"], abs=0.01)
    assert pressure.press_abs == pytest.approx(plan["air_pressure"], abs=1e-3)
    assert air.temperature / 100 == pytest.approx(plan["air_temperature"], abs=0.01)
    assert air.humidity / 100 == pytest.approx(plan["relative_humidity"], abs=0.01)
    old = survey(seconds=10, version=1)
    assert of(old, "BATTERY_STATUS")
    assert {message.get_type() for message in old}.isdisjoint({"HYGROMETER_SENSOR", "SPRAY_STATUS", "BAD_DATA"})


@pytest.mark.parametrize("missing", ["latitude", "longitude", "height_above_ground", "ground_elevation"])
def test_a_place_that_is_not_known_is_no_place(missing: str) -> None:
    plan = SurveyFlight().values(30)
    values: dict[str, float | None] = {**plan, missing: None, "flow": None, "battery_voltage": None}
    frames = Vehicle().measure(Measurement(number=1, at_ns=AT_NS, clock_ns=AT_NS, values=values))
    messages = read(version_2, b"".join(frame.data for frame in frames))
    [fix] = of(messages, "GPS_RAW_INT")
    assert (fix.fix_type, fix.lat, fix.vel) == (0, 0, 0xFFFF)
    assert set(of(messages, "BATTERY_STATUS")[0].voltages) == {0xFFFF}
    silent = {"GLOBAL_POSITION_INT", "ATTITUDE", "MISSION_ITEM_INT", "SERVO_OUTPUT_RAW"}
    assert {message.get_type() for message in messages}.isdisjoint(silent)


def test_a_seed_decides_a_survey_and_time_alone_where_it_is() -> None:
    one, again, other = SurveyFlight(3), SurveyFlight(3), SurveyFlight(4)
    backwards = [one.values(second) for second in range(100, 0, -7)]
    assert backwards == [again.values(second) for second in range(100, 0, -7)]
    assert one.mission == again.mission
    assert one.mission != other.mission
    assert one.values(60) != other.values(60)
    assert one.values(60 + one.cycle_s)["latitude"] == pytest.approx(one.values(60)["latitude"], abs=1e-9)


def test_the_same_flight_gives_the_same_bytes() -> None:
    assert flight(Vehicle(key=KEY), sprays=True) == flight(Vehicle(key=KEY), sprays=True)
    assert len(flight(Vehicle(key=KEY), sprays=True)) > len(flight(Vehicle(key=KEY)))
