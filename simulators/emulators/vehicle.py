"""A survey drone as its telemetry shows it: heartbeat, clock, position, attitude, a mission and a spraying run.

How to drive one::

    flight = SurveyFlight(seed=7)  # simulators.emulators.survey_flight
    vehicle = Vehicle(mission=flight.mission)
    for number in itertools.count(1):
        at_ns = boot_ns + (number - 1) * 200_000_000
        values = flight.values((at_ns - boot_ns) / 1e9)
        frames = vehicle.measure(Measurement(number=number, at_ns=at_ns, clock_ns=at_ns, values=values))

``messages`` gives the same before it is bytes; ``answer`` takes what a ground station orders. It needs ``latitude``,
``longitude`` and ``height_above_ground``, and says more where it is given more: ``ground_elevation`` (else the ground
is at sea level); ``flow`` with ``tank`` of the sprayer; ``battery_remaining``, ``battery_voltage`` and
``battery_current``; ``air_pressure``; ``air_temperature`` with ``relative_humidity``. What is None is not said, or said
to be unknown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from simulators.emulators import vehicle_gear
from simulators.emulators.mavlink_writer import Definition, Value, Writer
from simulators.emulators.mission import Item, Progress, field_around
from simulators.emulators.numbers import all_sensed, counted
from simulators.emulators.port import Measurement, Model
from simulators.emulators.vehicle_messages import (
    ATTITUDE,
    BATTERY_STATUS,
    EXTENDED_SYS_STATE,
    GLOBAL_POSITION_INT,
    GPS_RAW_INT,
    HEARTBEAT,
    HYGROMETER_SENSOR,
    MISSION_CURRENT,
    MISSION_ITEM_INT,
    MISSION_ITEM_REACHED,
    SCALED_PRESSURE,
    SERVO_OUTPUT_RAW,
    SPRAY_STATUS,
    STATUSTEXT,
    SYSTEM_TIME,
)
from simulators.emulators.vehicle_orders import Orders
from simulators.frames import Frame

_ARMED: Final = 0x80
_HOME_M: Final = 0.5
"""Below this height over the ground it stands. [m]"""
_STILL_M_S: Final = 0.2
"""Slower than this its nose stays where it was. [m/s]"""
_METRES_PER_DEGREE: Final = 111_320.0
_STANDS, _FLIES, _RISES, _SINKS = 1, 2, 3, 4
"""Of MAV_LANDED_STATE."""
_PLACE: Final = ("latitude", "longitude", "height_above_ground", "ground_elevation")
_I32: Final = (-(1 << 31), (1 << 31) - 1)
_I16: Final = (-(1 << 15), (1 << 15) - 1)
_PERIODIC: Final = (
    *(HEARTBEAT, SYSTEM_TIME, EXTENDED_SYS_STATE, GPS_RAW_INT, ATTITUDE, GLOBAL_POSITION_INT, MISSION_CURRENT),
    *(SPRAY_STATUS, SERVO_OUTPUT_RAW, BATTERY_STATUS, SCALED_PRESSURE, HYGROMETER_SENSOR),
)
"""Said again and again, at a rate that others may ask for."""

Said = list[tuple[Definition, dict[str, Value]]]


class Vehicle:
    """A multirotor under ArduPilot's conventions.

    It boots with its first measurement. Its clock is unset until it has a position; armed while it is off the ground.
    It tells its mission with the first position, and that it reached an item when it is there.

    Args:
        version: Of MAVLink.
        key: Signs version 2.
        system: System id.
        interval_s: Between two messages of a kind, as long as nobody asks for more or fewer; nought says all each time.
        mission: What it flies; a small field around its first position where none is given.
    """

    def __init__(
        self,
        *,
        version: int = 2,
        key: bytes = b"",
        system: int = 1,
        interval_s: float = 0.0,
        mission: Sequence[Item] = (),
    ) -> None:
        self._orders = Orders(system, [each.number for each in _PERIODIC], interval_s)
        self._writer = Writer(version=version, system=system, component=1, key=key)
        self._version = version
        self._booted_ns: int | None = None
        self._before: tuple[float, float, float, int] | None = None
        self._heading = 0.0
        self._flies = False
        self._has_time = False
        self._planned = tuple(mission)
        self._progress: Progress | None = None

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """Telemetry of one moment."""
        return [self.frame(definition, fields, measurement.at_ns) for definition, fields in self.messages(measurement)]

    def frame(self, definition: Definition, fields: Mapping[str, Value], at_ns: int) -> Frame:
        """One message as it goes over the link."""
        return Frame(self._writer.frame(definition, fields, at_ns))

    def answer(self, request: bytes, at_ns: int) -> Sequence[Frame]:
        """Say that it will do what it was told, or that it cannot."""
        return [self.frame(definition, fields, at_ns) for definition, fields in self._orders.take(request)]

    def messages(self, measurement: Measurement) -> Said:
        """What it says at one moment, before it is bytes."""
        at_ns, values = measurement.at_ns, measurement.values
        said: Said = []
        if self._booted_ns is None:
            self._booted_ns = at_ns
            said.append((STATUSTEXT, {"severity": 6, "text": b"survey drone ready"}))
        boot_ms = (at_ns - self._booted_ns) // 1_000_000
        place = all_sensed({"ground_elevation": 0.0, **values}, _PLACE)
        climb = 0.0
        if place is None:
            said.append((GPS_RAW_INT, _no_fix(boot_ms)))
        else:
            told, climb = self._where(place, at_ns, boot_ms)
            said += told + self._mission(place)
        base_mode = 0x51 | (_ARMED if self._flies else 0)
        status: dict[str, Value] = {"type": 2, "autopilot": 3, "base_mode": base_mode, "mavlink_version": 3}
        flying = {"custom_mode": 3 if self._flies else 0, "system_status": 4 if self._flies else 3}
        clock_us = measurement.clock_ns // 1000 if self._has_time else 0
        first: Said = [
            # The time first: what has none of its own goes by the newest before it.
            (SYSTEM_TIME, {"time_unix_usec": clock_us, "time_boot_ms": boot_ms}),
            (HEARTBEAT, {**status, **flying}),
            (EXTENDED_SYS_STATE, {"landed_state": self._landed(climb)}),
        ]
        said = first + said + vehicle_gear.said(values, boot_ms, flies=self._flies)
        # Version 1 has one byte for a message's number.
        said = [each for each in said if self._version == 2 or each[0].number <= 0xFF]
        return [each for each in said if self._orders.is_due(each[0].number, at_ns)]

    def _where(self, place: Sequence[float], at_ns: int, boot_ms: int) -> tuple[Said, float]:
        """Position and attitude; and how fast it climbs. [m/s]."""
        latitude, longitude, height, elevation = place
        self._has_time, self._flies = True, height > _HOME_M
        east, north, climb = self._speed(latitude, longitude, height, at_ns)
        speed = math.hypot(east, north)
        if speed > _STILL_M_S:
            self._heading = math.degrees(math.atan2(east, north)) % 360
        where: dict[str, Value] = {
            "lat": counted(latitude, 1e-7, -900_000_000, 900_000_000),
            "lon": counted(longitude, 1e-7, -1_800_000_000, 1_800_000_000),
            "alt": counted(elevation + height, 0.001, *_I32),
        }
        course = counted(self._heading, 0.01, 0, 36_000) % 36_000
        fix: dict[str, Value] = {"fix_type": 3, "satellites_visible": 14, "eph": 80, "epv": 120}
        moving: dict[str, Value] = {
            "vx": counted(north, 0.01, *_I16),
            "vy": counted(east, 0.01, *_I16),
            "vz": counted(-climb, 0.01, *_I16),
            "hdg": course,
            "relative_alt": counted(height, 0.001, *_I32),
        }
        vel = counted(speed, 0.01, 0, 0xFFFE)
        yaw = math.radians(self._heading if self._heading <= 180 else self._heading - 360)
        told: Said = [
            (GPS_RAW_INT, {"time_usec": boot_ms * 1000, **where, **fix, "vel": vel, "cog": course}),
            (GLOBAL_POSITION_INT, {"time_boot_ms": boot_ms, **where, **moving}),
            (ATTITUDE, {"time_boot_ms": boot_ms, "pitch": -0.02 * speed, "yaw": yaw}),
        ]
        return told, climb

    def _speed(self, latitude: float, longitude: float, height: float, at_ns: int) -> tuple[float, float, float]:
        """To the east, to the north and upwards since the moment before. [m/s]."""
        before, self._before = self._before, (latitude, longitude, height, at_ns)
        if before is None or at_ns <= before[3]:
            return 0.0, 0.0, 0.0
        each_s = 1e9 / (at_ns - before[3])
        metres = _METRES_PER_DEGREE * each_s
        east = (longitude - before[1]) * metres * math.cos(math.radians(latitude))
        return east, (latitude - before[0]) * metres, (height - before[2]) * each_s

    def _mission(self, place: Sequence[float]) -> Said:
        """The plan, once it knows where it is; then what it flies to, and what it reached."""
        latitude, longitude, height, elevation = place
        said: Said = []
        if self._progress is None:
            self._progress = Progress(self._planned or field_around(latitude, longitude, elevation))
            said += [(MISSION_ITEM_INT, _item(seq, item)) for seq, item in enumerate(self._progress.items)]
        progress = self._progress
        if not self._flies:
            progress.land()
            return said
        said += [(MISSION_ITEM_REACHED, {"seq": seq}) for seq in progress.fly(latitude, longitude, height)]
        return [*said, (MISSION_CURRENT, {"seq": min(progress.current, len(progress.items) - 1)})]

    def _landed(self, climb: float) -> int:
        progress = self._progress
        if not self._flies or progress is None:
            return _STANDS
        if progress.rises and climb > _STILL_M_S:
            return _RISES
        return _SINKS if progress.done and climb < -_STILL_M_S else _FLIES


def _no_fix(boot_ms: int) -> dict[str, Value]:
    """What autopilots send without a fix: nought for a place, the largest word for not known."""
    unknown: dict[str, Value] = {"eph": 0xFFFF, "epv": 0xFFFF, "vel": 0xFFFF, "cog": 0xFFFF}
    return {"time_usec": boot_ms * 1000, **unknown, "satellites_visible": 255}


def _item(seq: int, item: Item) -> dict[str, Value]:
    # Home's height is above mean sea level, the others' above home.
    frame = 0 if seq == 0 else 6
    where: dict[str, Value] = {"x": round(item.latitude * 1e7), "y": round(item.longitude * 1e7), "z": item.height}
    return {**where, "seq": seq, "command": item.command, "frame": frame, "autocontinue": 1, "target_system": 255}


VEHICLE: Final = Model(
    id="mavlink/position",
    transport="udp",
    period_s=0.2,
    channels={
        "latitude": 30.3165,
        "longitude": 78.0322,
        "height_above_ground": 30.0,
        "ground_elevation": 640.0,
        "flow": 1.2,
        "tank": 8.5,
    },
    make=lambda _: Vehicle(interval_s=1.0),
)
