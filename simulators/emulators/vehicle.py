"""A survey drone as its telemetry shows it: heartbeat, clock, position, attitude, a mission and a spraying run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from simulators.emulators.mavlink_writer import Definition, Value, Writer
from simulators.emulators.numbers import counted
from simulators.emulators.port import Measurement, Model
from simulators.emulators.vehicle_orders import Orders
from simulators.frames import Frame

_ARMED: Final = 0x80
_HOME_M: Final = 0.5
"""Below this height over the ground it stands. [m]"""
WAYPOINTS: Final = 6
_LEG_NS: Final = 10_000_000_000

HEARTBEAT: Final = Definition(
    0,
    "HEARTBEAT",
    (
        ("uint32_t", "custom_mode"),
        *(("uint8_t", name) for name in ("type", "autopilot", "base_mode", "system_status", "mavlink_version")),
    ),
)
SYSTEM_TIME: Final = Definition(2, "SYSTEM_TIME", (("uint64_t", "time_unix_usec"), ("uint32_t", "time_boot_ms")))
GPS_RAW_INT: Final = Definition(
    24,
    "GPS_RAW_INT",
    (
        ("uint64_t", "time_usec"),
        *(("int32_t", name) for name in ("lat", "lon", "alt")),
        *(("uint16_t", name) for name in ("eph", "epv", "vel", "cog")),
        *(("uint8_t", name) for name in ("fix_type", "satellites_visible")),
    ),
)
ATTITUDE: Final = Definition(
    30,
    "ATTITUDE",
    (
        ("uint32_t", "time_boot_ms"),
        *(("float", name) for name in ("roll", "pitch", "yaw", "rollspeed", "pitchspeed", "yawspeed")),
    ),
)
GLOBAL_POSITION_INT: Final = Definition(
    33,
    "GLOBAL_POSITION_INT",
    (
        ("uint32_t", "time_boot_ms"),
        *(("int32_t", name) for name in ("lat", "lon", "alt", "relative_alt")),
        *(("int16_t", name) for name in ("vx", "vy", "vz")),
        ("uint16_t", "hdg"),
    ),
)
MISSION_CURRENT: Final = Definition(42, "MISSION_CURRENT", (("uint16_t", "seq"),))
MISSION_ITEM_REACHED: Final = Definition(46, "MISSION_ITEM_REACHED", (("uint16_t", "seq"),))
MISSION_ITEM_INT: Final = Definition(
    73,
    "MISSION_ITEM_INT",
    (
        *(("float", name) for name in ("param1", "param2", "param3", "param4")),
        *(("int32_t", name) for name in ("x", "y")),
        ("float", "z"),
        *(("uint16_t", name) for name in ("seq", "command")),
        *(("uint8_t", name) for name in ("target_system", "target_component", "frame", "current", "autocontinue")),
    ),
)
STATUSTEXT: Final = Definition(253, "STATUSTEXT", (("uint8_t", "severity"), ("char[50]", "text")))
SPRAY_STATUS: Final = Definition(
    42_001,
    "SPRAY_STATUS",
    (("uint32_t", "time_boot_ms"), ("float", "flow"), ("float", "tank"), ("uint8_t", "pump")),
)
"""Of a dialect of the sprayer's maker: `SPRAY_XML` is its definition file. Flow in l/min, tank in l."""
SPRAY_XML: Final = """\
<?xml version="1.0"?>
<mavlink><messages>
  <message id="42001" name="SPRAY_STATUS">
    <description>State of the spraying gear.</description>
    <field type="uint32_t" name="time_boot_ms" units="ms">Since boot.</field>
    <field type="float" name="flow">Flow. [l/min]</field>
    <field type="float" name="tank">Rest in the tank. [l]</field>
    <field type="uint8_t" name="pump">1 while the pump runs.</field>
  </message>
</messages></mavlink>
"""

_PERIODIC: Final = (HEARTBEAT, SYSTEM_TIME, GPS_RAW_INT, ATTITUDE, GLOBAL_POSITION_INT, MISSION_CURRENT, SPRAY_STATUS)
"""Said again and again, at a rate that others may ask for."""


class Vehicle:
    """A multirotor under ArduPilot's conventions.

    It boots with its first measurement. Its clock is unset until it has a position; armed while it is off the ground.

    Args:
        version: Of MAVLink.
        key: Signs version 2.
        system: System id.
        interval_s: Between two messages of a kind, as long as nobody asks for more or fewer; nought says all each time.
    """

    def __init__(self, *, version: int = 2, key: bytes = b"", system: int = 1, interval_s: float = 0.0) -> None:
        self._orders = Orders(system, [each.number for each in _PERIODIC], interval_s)
        self._writer = Writer(version=version, system=system, component=1, key=key)
        self._version = version
        self._booted_ns: int | None = None
        self._before: tuple[float, float, int] | None = None
        self._reached = 0
        self._leg_ns = 0

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """Telemetry of one moment."""
        return [self.frame(definition, fields, measurement.at_ns) for definition, fields in self.messages(measurement)]

    def frame(self, definition: Definition, fields: Mapping[str, Value], at_ns: int) -> Frame:
        """One message as it goes over the link."""
        return Frame(self._writer.frame(definition, fields, at_ns))

    def messages(self, measurement: Measurement) -> list[tuple[Definition, dict[str, Value]]]:
        """What it says at one moment, before it is bytes."""
        at_ns = measurement.at_ns
        if self._booted_ns is None:
            self._booted_ns = at_ns
        boot_ms = (at_ns - self._booted_ns) // 1_000_000
        values = measurement.values
        latitude, longitude = values.get("latitude"), values.get("longitude")
        height = values.get("height_above_ground") or 0.0
        flies = height > _HOME_M
        base_mode = 0x51 | (_ARMED if flies else 0)
        status = {"type": 2, "autopilot": 3, "base_mode": base_mode, "custom_mode": 3 if flies else 0}
        has_fix = latitude is not None and longitude is not None
        clock_us = measurement.clock_ns // 1000 if has_fix else 0
        said: list[tuple[Definition, dict[str, Value]]] = [
            (SYSTEM_TIME, {"time_unix_usec": clock_us, "time_boot_ms": boot_ms}),
            (HEARTBEAT, {**status, "system_status": 4 if flies else 3, "mavlink_version": 3}),
        ]
        if measurement.number == 1:
            said.append((STATUSTEXT, {"severity": 6, "text": b"survey drone ready"}))
            said += [(MISSION_ITEM_INT, self._item(seq, latitude, longitude)) for seq in range(WAYPOINTS)]
        said += self._where(measurement, boot_ms, height)
        if flies:
            said += self._mission(at_ns)
        if self._version == 2 and values.get("flow") is not None:
            flow, tank = values.get("flow") or 0.0, values.get("tank") or 0.0
            gear: dict[str, Value] = {"time_boot_ms": boot_ms, "flow": flow, "tank": tank, "pump": int(flow > 0)}
            said.append((SPRAY_STATUS, gear))
        return [each for each in said if self._orders.is_due(each[0].number, at_ns)]

    def answer(self, request: bytes, at_ns: int) -> Sequence[Frame]:
        """Say that it will do what it was told, or that it cannot."""
        return [self.frame(definition, fields, at_ns) for definition, fields in self._orders.take(request)]

    def _where(
        self, measurement: Measurement, boot_ms: int, height: float
    ) -> list[tuple[Definition, dict[str, Value]]]:
        values = measurement.values
        latitude, longitude = values.get("latitude"), values.get("longitude")
        if latitude is None or longitude is None:
            # What autopilots send without a fix: nought for a place, the largest word for not known.
            unknown: dict[str, Value] = {"eph": 0xFFFF, "epv": 0xFFFF, "vel": 0xFFFF, "cog": 0xFFFF}
            return [(GPS_RAW_INT, {"time_usec": boot_ms * 1000, **unknown, "satellites_visible": 255})]
        east, north = self._speed(latitude, longitude, measurement.at_ns)
        heading = math.degrees(math.atan2(east, north)) % 360
        place: dict[str, Value] = {
            "lat": counted(latitude, 1e-7, -900_000_000, 900_000_000),
            "lon": counted(longitude, 1e-7, -1_800_000_000, 1_800_000_000),
            "alt": counted((values.get("ground_elevation") or 0.0) + height, 0.001, -(1 << 31), (1 << 31) - 1),
        }
        course = counted(heading, 0.01, 0, 35_999)
        speed = counted(math.hypot(east, north), 0.01, 0, 0xFFFE)
        fix: dict[str, Value] = {"fix_type": 3, "satellites_visible": 14, "eph": 80, "epv": 120}
        moving: dict[str, Value] = {
            "vx": counted(north, 0.01, -32_768, 32_767),
            "vy": counted(east, 0.01, -32_768, 32_767),
            "hdg": course,
            "relative_alt": counted(height, 0.001, -(1 << 31), (1 << 31) - 1),
        }
        return [
            (GPS_RAW_INT, {"time_usec": boot_ms * 1000, **place, **fix, "vel": speed, "cog": course}),
            (GLOBAL_POSITION_INT, {"time_boot_ms": boot_ms, **place, **moving}),
            (ATTITUDE, {"time_boot_ms": boot_ms, "pitch": -0.02 * speed / 100, "yaw": math.radians(heading)}),
        ]

    def _speed(self, latitude: float, longitude: float, at_ns: int) -> tuple[float, float]:
        """To the east and to the north since the moment before. [m/s]."""
        before, self._before = self._before, (latitude, longitude, at_ns)
        if before is None or at_ns <= before[2]:
            return 0.0, 0.0
        each_s = 1e9 / (at_ns - before[2])
        north = (latitude - before[0]) * 111_320.0 * each_s
        return (longitude - before[1]) * 111_320.0 * math.cos(math.radians(latitude)) * each_s, north

    def _mission(self, at_ns: int) -> list[tuple[Definition, dict[str, Value]]]:
        """A waypoint each ten seconds in the air."""
        self._leg_ns = self._leg_ns or at_ns
        said: list[tuple[Definition, dict[str, Value]]] = [(MISSION_CURRENT, {"seq": self._reached})]
        if at_ns - self._leg_ns >= _LEG_NS and self._reached < WAYPOINTS:
            self._leg_ns = at_ns
            said.append((MISSION_ITEM_REACHED, {"seq": self._reached}))
            self._reached += 1
        return said

    @staticmethod
    def _item(seq: int, latitude: float | None, longitude: float | None) -> dict[str, Value]:
        """A lawnmower over the field: to and fro, a strip further each time."""
        north, east = (latitude or 0.0) + 1e-4 * (seq % 4 in {1, 2}), (longitude or 0.0) + 1e-4 * (seq // 2)
        place: dict[str, Value] = {"x": round(north * 1e7), "y": round(east * 1e7), "z": 30.0}
        return {**place, "seq": seq, "command": 16, "frame": 6, "autocontinue": 1, "target_system": 255}


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
