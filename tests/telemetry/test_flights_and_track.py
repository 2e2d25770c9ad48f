"""What the messages tell together: clocks, flights, places between positions."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pytest

from device_profiles.codecs.mavlink_copies import Copies
from device_profiles.codecs.mavlink_scan import Frame
from device_profiles.codecs.mavlink_time import VehicleClock
from edge_agent.telemetry.flights import Flights
from edge_agent.telemetry.track import (
    GAP_NS_MAX,
    Attitude,
    Fix,
    Track,
    angle_between,
    distance_m,
    euler,
    quaternion,
)
from tests.telemetry.recorded import FLIGHT, frames_of, timed_kinds

S = 1_000_000_000


def position(frame: Frame, at_ns: int) -> Fix:
    payload = frame.payload.ljust(28, b"\0")
    lat, lon, alt = (int.from_bytes(payload[at : at + 4], "little", signed=True) for at in (4, 8, 12))
    return Fix(at_ns, lat / 1e7, lon / 1e7, alt / 1e3)


def heard(path: Path) -> tuple[VehicleClock, Flights, list[Fix]]:
    """The recorded flight, heard once."""
    frames = frames_of(path)
    kinds = timed_kinds(frames)
    copies, clock, flights, fixes = Copies(kinds), VehicleClock(), Flights(), []
    for frame in frames:
        if frame.system != 1 or copies.is_copy(frame):
            continue
        at_ns = clock.hear(frame, kinds.get(frame.message))
        if at_ns is None:
            continue
        flights.hear(frame, at_ns)
        if frame.message == 33 and frame.payload[4:12].strip(b"\0"):
            fixes.append(position(frame, at_ns))
    return clock, flights, fixes


def test_the_recorded_vehicle_was_armed_three_times_and_flew_once(captures: Path) -> None:
    clock, flights, _ = heard(captures / FLIGHT)
    assert (len(flights.flights), len(flights.arm_windows)) == (1, 3)
    assert flights.flights[0].ended_ns is not None
    assert (flights.flights[0].ended_ns - flights.flights[0].began_ns) / S == pytest.approx(196.45, abs=0.1)
    assert clock.offset_ns is not None
    assert clock.offset_ns // S == 1_723_733_565, "its UTM_GLOBAL_POSITION tells UTC; it sends no SYSTEM_TIME"


def test_every_second_position_left_out_is_met_within_35_cm(captures: Path) -> None:
    _, _, fixes = heard(captures / FLIGHT)
    track = Track()
    for fix in fixes[::2]:
        track.add(fix)
    met = [(place, fix) for fix in fixes[1::2] if (place := track.at(fix.at_ns)) is not None]
    errors = sorted(distance_m(place, fix) for place, fix in met)
    assert len(errors) >= 300
    assert errors[int(0.95 * len(errors))] <= 0.35
    assert all(distance_m(place, fix) <= place.error_m + 0.05 for place, fix in met), "within its own bound"


def test_a_place_is_the_same_in_whatever_order_the_positions_came(captures: Path) -> None:
    _, _, fixes = heard(captures / FLIGHT)
    forward, backward = Track(), Track()
    for fix in fixes:
        forward.add(fix)
    for fix in [*reversed(fixes), *fixes]:
        backward.add(fix)
    instants = range(fixes[0].at_ns, fixes[-1].at_ns, S // 3)
    assert [forward.at(at) for at in instants] == [backward.at(at) for at in instants]


def test_nothing_is_said_before_the_first_behind_the_last_and_in_a_gap() -> None:
    track = Track()
    for at, latitude in ((0, 30.0), (S, 30.1), (S + GAP_NS_MAX + 1, 30.2)):
        track.add(Fix(at, latitude, 78.0, 600.0))
    assert track.at(-1) is None
    assert track.at(2 * S) is None, "a gap of more than two seconds"
    assert track.at(4 * S) is None
    place = track.at(S // 2)
    assert place is not None
    assert place.latitude == pytest.approx(30.05)
    assert place.error_m == pytest.approx(0.5 * 5.0 * 0.25)


def test_over_the_date_line_the_way_is_short() -> None:
    track = Track()
    track.add(Fix(0, 0.0, 179.9999, 0.0))
    track.add(Fix(S, 0.0, -179.9999, 0.0))
    place = track.at(S // 4)
    assert place is not None
    assert place.longitude == pytest.approx(179.99995)


def test_attitude_turns_the_shortest_way() -> None:
    def yaw(degrees: float, at_ns: int, sign: float = 1.0) -> Attitude:
        half = math.radians(degrees) / 2
        return Attitude(at_ns, sign * math.cos(half), 0.0, 0.0, sign * math.sin(half))

    track = Track()
    track.turn(yaw(350, 0))
    track.turn(yaw(10, S, sign=-1.0))
    middle = track.attitude_at(S // 2)
    assert middle is not None
    assert math.degrees(2 * math.atan2(middle.z, middle.w)) % 360 == pytest.approx(0.0, abs=1e-6)
    assert track.attitude_at(2 * S) is None


def frame(message: int, payload: bytes) -> Frame:
    return Frame(1, 1, message, payload, 0, len(payload), 0)


def test_a_vehicle_whose_clock_is_unset_says_no_utc_and_one_that_learns_it_does() -> None:
    clock = VehicleClock()
    boot = (5_000).to_bytes(4, "little")
    assert clock.hear(frame(2, bytes(8) + boot), None) == 5 * S
    assert (clock.utc_ns(5 * S), clock.unset) == (None, 1)
    clock.hear(frame(2, (1_700_000_000_000_000).to_bytes(8, "little") + boot), None)
    assert clock.utc_ns(6 * S) == 1_700_000_001 * S


def test_a_restarted_vehicle_does_not_know_the_time_until_it_says_so_again() -> None:
    clock = VehicleClock()
    clock.hear(frame(2, (1_700_000_000_000_000).to_bytes(8, "little") + (60_000).to_bytes(4, "little")), None)
    clock.hear(frame(2, bytes(8) + (100).to_bytes(4, "little")), None)
    assert (clock.boot, clock.boot_ns, clock.utc_ns(S)) == (2, S // 10, None)


def test_armed_and_high_is_a_flight_of_an_autopilot_that_does_not_say_whether_it_landed() -> None:
    flights = Flights()
    beat = bytes(4) + bytes((2, 3, 0x80, 4, 3))
    high = bytes(16) + (5_000).to_bytes(4, "little") + bytes(8)
    flights.hear(frame(33, high), 1)
    assert flights.flights == [], "carried, not armed"
    flights.hear(frame(0, beat), 2)
    flights.hear(frame(33, high), 3)
    assert [span.began_ns for span in flights.flights] == [3]
    flights.hear(frame(0, bytes(4) + bytes((6, 8, 0, 4, 3))), 4)
    assert flights.is_armed, "a ground station's heartbeat is not the vehicle's"
    flights.hear(frame(0, bytes(4) + bytes((2, 3, 0, 4, 3))), 5)
    assert [(span.began_ns, span.ended_ns) for span in flights.flights] == [(3, 5)]


def test_every_second_attitude_left_out_is_met_within_its_bound(captures: Path) -> None:
    frames = frames_of(captures / FLIGHT)
    kinds = timed_kinds(frames)
    copies, clock, attitudes = Copies(kinds), VehicleClock(), []
    for each in frames:
        if each.system != 1 or copies.is_copy(each):
            continue
        at_ns = clock.hear(each, kinds.get(each.message))
        if each.message == 30 and at_ns is not None:
            roll, pitch, yaw = struct.unpack("<fff", each.payload.ljust(28, b"\0")[4:16])
            attitudes.append(quaternion(at_ns, roll, pitch, yaw))
    track = Track()
    for attitude in attitudes[::2]:
        track.turn(attitude)
    met = [(track.attitude_at(each.at_ns), each) for each in attitudes[1::2]]
    errors = sorted((angle_between(place, each), track.attitude_error(each.at_ns)) for place, each in met if place)
    assert len(errors) >= 1000
    assert errors[int(0.95 * len(errors))][0] <= math.radians(1)
    assert sum(error > bound for error, bound in errors) <= 1, "the jolt of landing"


@pytest.mark.parametrize("angles", [(0.1, -0.2, 3.0), (-3.0, 1.5, -1.0), (0.0, 0.0, 0.0)])
def test_angles_of_an_attitude_come_back(angles: tuple[float, float, float]) -> None:
    assert euler(quaternion(5, *angles)) == pytest.approx(angles)
