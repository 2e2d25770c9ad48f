"""Two devices that any agent reads: a logger that prints JSON lines, and a GNSS receiver that prints NMEA 0183."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from simulators.frames import Frame
from simulators.nmea_log import nmea_checksum
from simulators.scenario.ports import Measurement
from simulators.scenario.senses import METRES_PER_DEGREE

DECIMALS: Final = {
    "air_temperature": 2,
    "air_pressure": 1,
    "relative_humidity": 1,
    "wind_speed": 1,
    "wind_direction": 0,
    "solar_radiation": 0,
    "pm2_5": 0,
    "latitude": 7,
    "longitude": 7,
    "altitude": 3,
    "height_above_ground": 3,
    "ground_elevation": 3,
}
"""Digits after the point that such sensors give; two for all others."""


RECORD: Final = "record"
"""Channel with the number of a logger's line, as loggers keep it."""


def decimals(channel: str) -> int:
    """Digits after the point of a channel."""
    return DECIMALS.get(channel, 2)


class LineLogger:
    """One JSON object a measurement, with the logger's own time."""

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """The line; nothing when no sensor gave anything."""
        if not measurement.sensed:
            return ()
        values = ",".join(f'"{channel}":{value:.{decimals(channel)}f}' for channel, value in measurement.sensed.items())
        return (
            Frame(
                f'{{"time":"{_iso(measurement.clock_ns)}","{RECORD}":{measurement.number},{values}}}\r\n'.encode(
                    "ascii"
                )
            ),
        )


class Receiver:
    """RMC and GGA of where the station is, each second or whenever it is asked.

    Args:
        latitude_deg: Of the world's origin. [°]
        longitude_deg: Of it. [°]
    """

    def __init__(self, latitude_deg: float, longitude_deg: float) -> None:
        self._latitude = latitude_deg
        self._longitude = longitude_deg

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """Two sentences; without position while nothing is sensed."""
        moment = datetime.fromtimestamp(measurement.clock_ns // 1_000_000 / 1000, UTC)
        clock, date = moment.strftime("%H%M%S.") + f"{moment.microsecond // 10_000:02d}", moment.strftime("%d%m%y")
        here = measurement.sensed
        if "east" not in here or "north" not in here:
            return (_sentence(f"GNRMC,{clock},V,,,,,,,{date},,,N"), _sentence(f"GNGGA,{clock},,,,,0,00,,,M,,M,,"))
        latitude = self._latitude + here["north"] / METRES_PER_DEGREE
        longitude = self._longitude + here["east"] / (METRES_PER_DEGREE * math.cos(math.radians(self._latitude)))
        at = f"{_angle(latitude, 2)},{'N' if latitude >= 0 else 'S'},{_angle(longitude, 3)}"
        at += f",{'E' if longitude >= 0 else 'W'}"
        knots = here.get("ground_speed", 0.0) / 0.514444
        return (
            _sentence(f"GNRMC,{clock},A,{at},{knots:.2f},0.00,{date},,,A"),
            _sentence(f"GNGGA,{clock},{at},1,11,0.90,{here.get('elevation', 0.0):.1f},M,-64.0,M,,"),
        )


def quantised(values: Mapping[str, float]) -> dict[str, float]:
    """Values as a line writes them."""
    return {channel: float(f"{value:.{decimals(channel)}f}") for channel, value in values.items()}


def _iso(clock_ns: int) -> str:
    seconds, rest_ns = divmod(clock_ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest_ns // 1_000_000:03d}Z"


def _angle(degrees: float, digits: int) -> str:
    hundred_thousandths = round(abs(degrees) * 60 * 100_000)
    whole, rest = divmod(hundred_thousandths, 60 * 100_000)
    return f"{whole:0{digits}d}{rest / 100_000:08.5f}"


def _sentence(body: str) -> Frame:
    return Frame(f"${body}*{nmea_checksum(body.encode('ascii')):02X}\r\n".encode("ascii"))
