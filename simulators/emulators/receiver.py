"""Positioning receivers: one that prints NMEA 0183 sentences, one that sends u-blox UBX frames."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from simulators.checksums import ubx_checksum
from simulators.emulators.numbers import all_sensed, counted, known
from simulators.emulators.port import Measurement, Model, Talker
from simulators.frames import Frame
from simulators.nmea_log import nmea_checksum

_KNOT_M_S: Final = 1852 / 3600
_GEOID_M: Final = -54.0
"""Height of the geoid over the ellipsoid about the place that the emulators stand at. [m]"""
_MOTION: Final = ("speed_north", "speed_east", "speed_down", "ground_speed", "course")
_DILUTION_MAX: Final = 9999
"""What receivers say of a dilution that they do not know, in hundredths."""


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
        knots = _field(values, "speed_over_ground", ".3f", _KNOT_M_S)
        course, altitude = _field(values, "course_over_ground", ".2f"), _field(values, "altitude", ".1f")
        satellites, hdop = _field(values, "satellites_used", "02.0f"), _field(values, "hdop", ".2f")
        return (
            _sentence(f"GNRMC,{clock},A,{at},{knots},{course},{date},,,A"),
            _sentence(f"GNGGA,{clock},{at},1,{satellites},{hdop},{altitude},M,{_GEOID_M:.1f},M,,"),
        )


def _field(values: Mapping[str, float | None], name: str, form: str, unit: float = 1.0) -> str:
    """A number in its field; an empty field where it is not known."""
    value = values.get(name)
    return "" if value is None else f"{value / unit:{form}}"


def _angle(degrees: float, digits: int) -> str:
    units = round(abs(degrees) * 60 * 10**6)
    whole, rest = divmod(units, 60 * 10**6)
    return f"{whole:0{digits}d}{rest / 10**6:09.6f}"


def _sentence(body: str) -> Frame:
    return Frame(f"${body}*{nmea_checksum(body.encode('ascii')):02X}\r\n".encode("ascii"))


class UbxReceiver(Talker):
    """UBX-NAV-PVT a second, u-blox M8 receiver description UBX-13003221, 32.17.15."""

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """One frame of 100 bytes; none where the number of satellites is missing, for which it has no word."""
        if measurement.values.get("satellites") is None:
            return ()
        body = struct.pack("<BBH", 0x01, 0x07, 92) + _nav_pvt(measurement.clock_ns, measurement.values)
        return (Frame(b"\xb5\x62" + body + ubx_checksum(body)),)


def _nav_pvt(clock_ns: int, values: Mapping[str, float | None]) -> bytes:
    """Without position or speed there is no fix, without height a flat one; accuracies have a word for not known."""
    moment = datetime.fromtimestamp(clock_ns // 10**9, UTC)
    has_fix = all_sensed(values, ("latitude", "longitude", *_MOTION)) is not None
    altitude_m = values.get("altitude")
    fix_type = 0 if not has_fix else 2 if altitude_m is None else 3

    def steps(name: str, step: float) -> int:
        """Of what the fix vouches for; nought where there is none, as receivers send."""
        value = values.get(name)
        return 0 if value is None or not has_fix else counted(value, step, -(1 << 31), (1 << 31) - 1)

    def accuracy(name: str) -> int:
        return known(values.get(name) if has_fix else None, 0xFFFFFFFF, 0.001, 0, 0xFFFFFFFE)

    week_ms = (moment.isoweekday() % 7 * 86_400 + moment.hour * 3600 + moment.minute * 60 + moment.second) * 1000
    head = struct.pack(
        "<IH5BBIi",
        *(week_ms, moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second),
        *(0x07, 25, clock_ns % 10**9),
    )
    fix = struct.pack("<BBBB", fix_type, int(has_fix), 0, known(values.get("satellites"), 0, 1, 0, 255))
    altitude = steps("altitude", 0.001)
    place = struct.pack(
        "<4i2I",
        *(steps("longitude", 1e-7), steps("latitude", 1e-7), altitude + round(_GEOID_M * 1000), altitude),
        *(accuracy("position_accuracy"), accuracy("height_accuracy")),
    )
    *speeds, course = _MOTION
    motion = struct.pack("<5i2I", *(steps(name, 0.001) for name in speeds), steps(course, 1e-5), 310, 460_000)
    dilution = known(values.get("dilution") if has_fix else None, _DILUTION_MAX, 0.01, 0, _DILUTION_MAX)
    return head + fix + place + motion + struct.pack("<HBBIi", dilution, 0, 0, 0, 0) + bytes(4)


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
