"""A weather station that does not exist: values by season-less days, gusts and noise, the same for the same seed.

The station speaks as many loggers do: one JSON object a line, every number as decimal text with the digits its sensor
resolves (``21.50``, never ``21.5``). That text is the truth an oracle compares with, so it is made once, here.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

_DAY_S: Final = 86_400.0
_MS_NS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Quantity:
    """How one channel of the station behaves.

    Attributes:
        channel: Channel id.
        unit: UCUM unit of the text.
        decimals: Digits after the point: the resolution of the sensor.
        mean: Value around which the day swings, in ``unit``.
        swing: Amplitude of the day, reached at ``peak_h``, in ``unit``.
        peak_h: Local solar hour of the largest value. [h]
        noise: Standard deviation of the slow wander added, in ``unit``.
        low: Smallest value the sensor can say, in ``unit``.
        high: Largest value the sensor can say, in ``unit``.
        wraps: True for a direction: the value runs round from ``high`` to ``low``.
        daylight: True for light: nothing of it remains after sunset.
    """

    channel: str
    unit: str
    decimals: int
    mean: float
    swing: float
    peak_h: float
    noise: float
    low: float
    high: float
    wraps: bool = False
    daylight: bool = False


QUANTITIES: Final[tuple[Quantity, ...]] = (
    Quantity("air_temperature", "Cel", 2, 26.4, 5.8, 14.5, 0.35, -40.0, 80.0),
    Quantity("relative_humidity", "%", 1, 61.0, -18.0, 14.5, 1.6, 0.0, 100.0),
    Quantity("air_pressure", "hPa", 2, 948.30, 1.60, 10.0, 0.20, 300.0, 1100.0),
    Quantity("wind_speed", "m/s", 2, 2.80, 1.60, 15.0, 0.90, 0.0, 60.0),
    Quantity("wind_direction", "deg", 0, 245.0, 30.0, 15.0, 16.0, 0.0, 360.0, wraps=True),
    Quantity("global_irradiance", "W/m2", 1, 0.0, 930.0, 12.0, 25.0, 0.0, 2000.0, daylight=True),
    Quantity("soil_temperature", "Cel", 2, 24.10, 1.90, 17.0, 0.05, -40.0, 80.0),
    Quantity("soil_moisture", "%", 1, 31.0, -0.8, 15.0, 0.15, 0.0, 100.0),
    Quantity("leaf_wetness", "%", 0, 22.0, -20.0, 14.0, 4.0, 0.0, 100.0),
    Quantity("pm2_5", "ug/m3", 1, 38.0, -12.0, 15.0, 3.0, 0.0, 1000.0),
    Quantity("battery_voltage", "V", 3, 12.850, 0.420, 13.0, 0.012, 0.0, 30.0),
)
"""What the station measures. ``sample_number`` and ``rain_total`` are counters and stand beside it."""

CHANNELS: Final[tuple[str, ...]] = ("sample_number", *(quantity.channel for quantity in QUANTITIES), "rain_total")
"""Every channel of a line, in the order of the line."""

UNITS: Final[dict[str, str]] = {
    "sample_number": "1",
    **{quantity.channel: quantity.unit for quantity in QUANTITIES},
    "rain_total": "mm",
}
"""UCUM unit of every channel."""


@dataclass(slots=True)
class WeatherStation:
    """A station that gives the same lines for the same seed and the same times.

    Each channel draws from a stream of its own, so that adding a channel does not change the others.

    Attributes:
        seed: What decides every draw.
        longitude_deg: East longitude: moves the day. [°]
        first_number: Number of the next sample; a station started again goes on from where it was.
    """

    seed: int
    longitude_deg: float = 73.9
    first_number: int = 1
    _number: int = field(init=False)
    _streams: dict[str, random.Random] = field(init=False)
    _wander: dict[str, float] = field(init=False)
    _tips: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._number = self.first_number
        # S311: a simulator wants a repeatable stream, not an unguessable one.
        self._streams = {name: random.Random(f"{self.seed}/{self.first_number}/{name}") for name in CHANNELS}  # noqa: S311
        self._wander = dict.fromkeys(CHANNELS, 0.0)

    def sample(self, observed_at_ns: int) -> dict[str, str]:
        """Measure once.

        Args:
            observed_at_ns: When, UTC Unix time; decides the hour of the day. [ns]

        Returns:
            Decimal text by channel, in the order of ``CHANNELS``.
        """
        solar_h = ((observed_at_ns / 1e9 / _DAY_S + self.longitude_deg / 360.0) % 1.0) * 24.0
        values = {"sample_number": str(self._number)}
        self._number += 1
        for quantity in QUANTITIES:
            values[quantity.channel] = self._text(quantity, solar_h)
        # A tipping bucket of 0.2 mm: a counter that only grows, and seldom.
        self._tips += self._streams["rain_total"].random() < 0.02
        values["rain_total"] = f"{self._tips * 0.2:.1f}"
        return values

    def _text(self, quantity: Quantity, solar_h: float) -> str:
        stream = self._streams[quantity.channel]
        wander = self._wander[quantity.channel] * 0.9 + stream.gauss(0.0, quantity.noise) * 0.436
        self._wander[quantity.channel] = wander
        phase = math.cos((solar_h - quantity.peak_h) / 12.0 * math.pi)
        if quantity.daylight:
            phase = max(0.0, phase)
            wander *= phase
        value = quantity.mean + quantity.swing * phase + wander
        if quantity.wraps:
            value = quantity.low + (value - quantity.low) % (quantity.high - quantity.low)
        value = min(max(value, quantity.low), quantity.high)
        # Adding zero turns "-0.0" into "0.0": a sensor's display has no negative zero.
        return f"{round(value, quantity.decimals) + 0.0:.{quantity.decimals}f}"


def whole_millisecond_ns(time_ns: int) -> int:
    """The last whole millisecond not after ``time_ns``: the station's clock shows no more."""
    return time_ns - time_ns % _MS_NS


def json_line(observed_at_ns: int, values: dict[str, str]) -> bytes:
    """One line as the station writes it: ``{"time":"…Z","sample_number":17,"air_temperature":21.50,…}``, line feed.

    Args:
        observed_at_ns: A whole millisecond, UTC Unix time. [ns]
        values: Decimal text by channel; written digit for digit.
    """
    moment = datetime.fromtimestamp(observed_at_ns // 1_000_000_000, UTC)
    milliseconds = observed_at_ns // _MS_NS % 1000
    body = ",".join(f'"{channel}":{text}' for channel, text in values.items())
    return f'{{"time":"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z",{body}}}\n'.encode("ascii")
