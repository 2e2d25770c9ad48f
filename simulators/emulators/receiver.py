"""Positioning receivers: one that prints NMEA 0183 sentences, one that sends u-blox UBX frames."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from simulators.checksums import ubx_checksum
from simulators.emulators.numbers import counted
from simulators.emulators.port import Measurement, Model, Talker
from simulators.frames import Frame
from simulators.nmea_log import nmea_checksum

_KNOT_M_S: Final = 1852 / 3600
_GEOID_M: Final = -54.0
"""Height of the geoid over the ellipsoid about the place that the emulators stand at. [m]"""


class NmeaReceiver(Talker):
    """GGA and RMC a second, NMEA 0183 4.10; without position while the sky is blocked."""

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """Two sentences in one burst."""
        moment = datetime.fromtimestamp(measurement.clock_ns // 10**9, UTC)
        clock, date = moment.strftime("%H%M%S.00"), moment.strftime("%d%m%y")
        values = measurement.values
        latitude, longitude = values.get("latitude"), values.get("longitude")
        if latitude is None or longitude is None:
            return (_sentence(f"GNRMC,{clock},V,,,,,,,{date},,,N"), _sentence(f"GNGGA,{clock},,,,,0,00,,,M,,M,,"))
        at = f"{_angle(latitude, 2)},{'NS'[latitude < 0]},{_angle(longitude, 3)},{'EW'[longitude < 0]}"
        knots = (values.get("speed_over_ground") or 0.0) / _KNOT_M_S
        course, altitude = values.get("course_over_ground") or 0.0, values.get("altitude") or 0.0
        satellites, hdop = values.get("satellites_used") or 0.0, values.get("hdop") or 99.0
        return (
            _sentence(f"GNRMC,{clock},A,{at},{knots:.3f},{course:.2f},{date},,,A"),
            _sentence(f"GNGGA,{clock},{at},1,{satellites:02.0f},{hdop:.2f},{altitude:.1f},M,{_GEOID_M:.1f},M,,"),
        )


def _angle(degrees: float, digits: int) -> str:
    units = round(abs(degrees) * 60 * 10**6)
    whole, rest = divmod(units, 60 * 10**6)
    return f"{whole:0{digits}d}{rest / 10**6:09.6f}"


def _sentence(body: str) -> Frame:
    return Frame(f"${body}*{nmea_checksum(body.encode('ascii')):02X}\r\n".encode("ascii"))


class UbxReceiver(Talker):
    """UBX-NAV-PVT a second, u-blox M8 receiver description UBX-13003221, 32.17.15."""

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """One frame of 100 bytes."""
        body = struct.pack("<BBH", 0x01, 0x07, 92) + _nav_pvt(measurement.clock_ns, measurement.values)
        return (Frame(b"\xb5\x62" + body + ubx_checksum(body)),)


def _nav_pvt(clock_ns: int, values: Mapping[str, float | None]) -> bytes:
    moment = datetime.fromtimestamp(clock_ns // 10**9, UTC)
    has_fix = values.get("latitude") is not None and values.get("longitude") is not None

    def steps(name: str, step: float) -> int:
        return counted(values.get(name) or 0.0, step, -(1 << 31), (1 << 31) - 1)

    week_ms = (moment.isoweekday() % 7 * 86_400 + moment.hour * 3600 + moment.minute * 60 + moment.second) * 1000
    head = struct.pack(
        "<IH5BBIi",
        *(week_ms, moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second),
        *(0x07, 25, clock_ns % 10**9),
    )
    fix = struct.pack("<BBBB", 3 if has_fix else 0, int(has_fix), 0, counted(values.get("satellites") or 0, 1, 0, 255))
    altitude = steps("altitude", 0.001)
    place = struct.pack(
        "<4i2I",
        *(steps("longitude", 1e-7), steps("latitude", 1e-7), altitude + round(_GEOID_M * 1000), altitude),
        *(steps("position_accuracy", 0.001), steps("height_accuracy", 0.001)),
    )
    moving = ("speed_north", "speed_east", "speed_down", "ground_speed")
    motion = struct.pack("<5i2I", *(steps(name, 0.001) for name in moving), steps("course", 1e-5), 310, 460_000)
    return head + fix + place + motion + struct.pack("<HBBIi", steps("dilution", 0.01), 0, 0, 0, 0) + bytes(4)


NMEA_GNSS: Final = Model(
    id="nmea/gnss",
    transport="serial",
    period_s=1.0,
    channels={
        "latitude": 30.3165,
        "longitude": 78.0322,
        "altitude": 640.2,
        "speed_over_ground": 1.2,
        "course_over_ground": 87.5,
        "satellites_used": 11.0,
        "hdop": 0.9,
    },
    make=lambda _: NmeaReceiver(),
)
NAV_PVT: Final = Model(
    id="u-blox/nav-pvt",
    transport="serial",
    period_s=1.0,
    channels={
        "latitude": 30.3165,
        "longitude": 78.0322,
        "altitude": 640.2,
        "position_accuracy": 1.25,
        "satellites": 14.0,
        "height_accuracy": 1.9,
        "speed_north": 0.3,
        "speed_east": 1.1,
        "speed_down": -0.2,
        "ground_speed": 1.14,
        "course": 74.7,
        "dilution": 1.1,
    },
    make=lambda _: UbxReceiver(),
)
