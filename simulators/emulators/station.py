"""A weather station on an SDI-12 bus: METER ATMOS 41, integrator guide 18171-08."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from simulators.emulators.numbers import counted
from simulators.emulators.port import Model
from simulators.emulators.sdi12 import Sdi12Probe

_NO_VALUE: Final = "-9999"
_ALWAYS_NOUGHT: Final = "_null"
_PARAMETERS: Final = (
    ("solar_radiation", 1.0, 0, 0, 1750),
    ("precipitation", 1.0, 3, 0, 400),
    ("lightning_count", 1.0, 0, 0, 65_535),
    ("lightning_distance", 1.0, 0, 0, 40),
    ("wind_speed", 1.0, 2, 0, 30),
    ("wind_direction", 1.0, 0, 0, 359),
    ("wind_gust", 1.0, 2, 0, 30),
    ("air_temperature", 1.0, 1, -50, 60),
    ("vapour_pressure", 1.0, 2, 0, 47),
    ("air_pressure", 0.1, 2, 50, 110),
    ("relative_humidity", 0.01, 3, 0, 1),
    ("device_temperature", 1.0, 1, -40, 60),
    ("tilt_x", 1.0, 1, -90, 90),
    ("tilt_y", 1.0, 1, -90, 90),
    (_ALWAYS_NOUGHT, 1.0, 0, 0, 0),
    ("wind_speed_north", 1.0, 2, -30, 30),
    ("wind_speed_east", 1.0, 2, -30, 30),
)
"""In the order of ``aR0!``: channel, factor to the unit on the line (pressure in kPa, humidity as a share), digits
after the point, and its range on the line."""


def _parameters(values: Mapping[str, float | None]) -> tuple[str, ...]:
    said: list[str] = []
    for name, factor, digits, low, high in _PARAMETERS:
        value = 0.0 if name == _ALWAYS_NOUGHT else values.get(name)
        if value is None:
            said.append(_NO_VALUE)
            continue
        steps = counted(value * factor, 10**-digits, low * 10**digits, high * 10**digits)
        said.append(f"{steps / 10**digits:+.{digits}f}")
    return tuple(said)


ATMOS_41: Final = Model(
    id="meter/atmos-41-sdi12",
    transport="sdi-12",
    period_s=10.0,
    channels={
        "solar_radiation": 623.0,
        "precipitation": 0.017,
        "lightning_count": 2.0,
        "lightning_distance": 14.0,
        "wind_speed": 2.35,
        "wind_direction": 271.0,
        "wind_gust": 4.1,
        "air_temperature": -1.5,
        "vapour_pressure": 0.45,
        "air_pressure": 981.2,
        "relative_humidity": 83.1,
        "device_temperature": -1.2,
        "tilt_x": 0.5,
        "tilt_y": -1.1,
        "wind_speed_north": -0.04,
        "wind_speed_east": 2.35,
    },
    make=lambda address: Sdi12Probe(chr(address), "13METER   ATM41 417410000123", _parameters, ready_s=1),
    address=ord("0"),
    requests="sdi-12",
)
