"""Weather, light and fine dust of one place: days, seasons, elevation and correlated noise over it.

Not a forecast model: each field behaves as its kind does, so that sensors near each other agree, a mountain is colder
than its valley, clouds darken the sun, and rain washes dust out of the air.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from simulators.world.fronts import Fronts
from simulators.world.noise import Array, Noise
from simulators.world.water import Water

EPOCH_NS: Final = 1_577_836_800_000_000_000
"""2020-01-01T00:00:00Z: times are counted from here, so that a double holds them finely. UTC Unix time. [ns]"""
_DAY_S: Final = 86_400.0
_YEAR_S: Final = 365.2425 * _DAY_S
_METRES_PER_DEGREE: Final = 111_320.0
_SOLAR_TILT_RAD: Final = math.radians(23.44)


@dataclass(frozen=True, slots=True)
class Points:
    """Where and when, one entry a point; the arrays have the same length.

    Attributes:
        east_m: East of the world's origin. [m]
        north_m: North of it. [m]
        elevation_m: Above mean sea level, a flying height included. [m]
        time_ns: UTC Unix time. [ns]
    """

    east_m: Array
    north_m: Array
    elevation_m: Array
    time_ns: np.typing.NDArray[np.int64]

    @property
    def time_s(self) -> Array:
        """Since the world's epoch. [s]."""
        seconds: Array = (self.time_ns - EPOCH_NS) / 1e9
        return seconds


def standing(east_m: float, north_m: float, elevation_m: float, time_ns: np.typing.NDArray[np.int64]) -> Points:
    """Points of a station that stays where it is."""
    count = len(time_ns)
    return Points(np.full(count, east_m), np.full(count, north_m), np.full(count, elevation_m), time_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Fields that any number of sensors sample; it has no state, so order and number of questions change nothing.

    Attributes:
        seed: Decides every field.
        latitude_deg: Of the origin. [°]
        longitude_deg: Of the origin, east. [°]
        mean_temperature_c: At sea level over the year. [°C]
        season_k: Amplitude of the year. [K]
        day_k: Amplitude of a cloudless day. [K]
        dust_ug_m3: Usual PM2.5. [µg/m³]
        wetness: Of the season: 1 is a usual one, 0 has no rain, 4 is a monsoon.
    """

    seed: int
    latitude_deg: float = 18.52
    longitude_deg: float = 73.85
    mean_temperature_c: float = 27.0
    season_k: float = 4.0
    day_k: float = 6.0
    dust_ug_m3: float = 35.0
    wetness: float = 1.0
    _noises: dict[str, Noise] = field(default_factory=dict, init=False, repr=False, compare=False)
    _fronts: Fronts = field(init=False, repr=False, compare=False)
    _water: Water = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_fronts", Fronts(self.seed))
        object.__setattr__(self, "_water", Water(self._rain_rate))

    def sample(self, quantity: str, points: Points) -> Array:
        """The true value of a quantity at each point, in the unit the quantity catalogue gives it.

        Raises:
            KeyError: The world has no such field; ``QUANTITIES`` lists those it has.
        """
        return _FIELDS[quantity](self, points)

    def _noise(self, name: str, points: Points, *, length_m: float, time_s: float) -> Array:
        if name not in self._noises:
            self._noises[name] = Noise(self.seed, name, length_m=length_m, time_s=time_s)
        return self._noises[name].at(points.east_m, points.north_m, points.time_s)

    def _solar_hour(self, points: Points) -> Array:
        longitude = self.longitude_deg + points.east_m / (
            _METRES_PER_DEGREE * math.cos(math.radians(self.latitude_deg))
        )
        hour: Array = ((points.time_s / _DAY_S + longitude / 360.0) % 1.0) * 24.0
        return hour

    def _latitude_rad(self, points: Points) -> Array:
        return np.radians(self.latitude_deg + points.north_m / _METRES_PER_DEGREE)

    def _cloud(self, points: Points) -> Array:
        raw = self._noise("cloud", points, length_m=40_000, time_s=6 * 3600)
        for since_s, strength in self._passages(points):
            raw = raw + 2.0 * strength * np.exp(-((since_s / (4 * 3600)) ** 2))
        cloud: Array = 1.0 / (1.0 + np.exp(-2.0 * raw))
        return cloud

    def _passages(self, points: Points) -> list[tuple[Array, float]]:
        return self._fronts.passages(points.east_m, points.north_m, points.time_s)

    def _sun_height(self, points: Points) -> Array:
        """Sine of the sun's elevation; less than nought at night."""
        year = 2.0 * math.pi * points.time_s / _YEAR_S
        declination = -_SOLAR_TILT_RAD * np.cos(year + 2.0 * math.pi * 10.0 / 365.2425)
        latitude = self._latitude_rad(points)
        hour_angle = (self._solar_hour(points) - 12.0) / 12.0 * math.pi
        height: Array = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(
            hour_angle
        )
        return height

    def _solar_radiation(self, points: Points) -> Array:
        height = np.maximum(self._sun_height(points), 1e-3)
        # Haurwitz (1945) for a clear sky, Kasten and Czeplak (1980) for the clouds' share.
        clear = np.where(height > 1e-3, 1098.0 * height * np.exp(-0.057 / height), 0.0)
        light: Array = clear * (1.0 - 0.75 * self._cloud(points) ** 3.4)
        return light

    def _air_temperature(self, points: Points) -> Array:
        year = np.cos(2.0 * math.pi * (points.time_s / _YEAR_S - 0.54)) * math.copysign(1.0, self.latitude_deg)
        day = np.cos((self._solar_hour(points) - 14.5) / 12.0 * math.pi)
        wide = self._noise("temperature", points, length_m=300_000, time_s=3 * _DAY_S)
        near = self._noise("temperature/near", points, length_m=6_000, time_s=3600)
        value: Array = (
            self.mean_temperature_c
            + self.season_k * year
            + self.day_k * (1.0 - 0.6 * self._cloud(points)) * day
            - 0.0065 * points.elevation_m
            + 1.8 * wide
            + 0.4 * near
        )
        for since_s, strength in self._passages(points):
            # Behind a front the air is colder at once, and warms over two days.
            behind = np.maximum(since_s, 0.0)
            value = value - 3.0 * strength * (1.0 - np.exp(-behind / 1800.0)) * np.exp(-behind / (2 * _DAY_S))
        return value

    def _relative_humidity(self, points: Points) -> Array:
        moist = self._noise("humidity", points, length_m=150_000, time_s=2 * _DAY_S)
        temperature = self._air_temperature(points)
        depression = 9.0 - 6.0 * self._cloud(points) + 2.5 * moist
        depression += 4.0 * np.cos((self._solar_hour(points) - 14.5) / 12.0 * math.pi)
        dew = temperature - np.maximum(depression, 0.1)
        # Magnus formula with the constants of WMO-No. 8, annex 4.B.
        share = np.exp(17.62 * dew / (243.12 + dew) - 17.62 * temperature / (243.12 + temperature))
        humidity: Array = np.clip(100.0 * share, 2.0, 100.0)
        return humidity

    def _air_pressure(self, points: Points) -> Array:
        wide = self._noise("pressure", points, length_m=800_000, time_s=4 * _DAY_S)
        tide = np.cos((self._solar_hour(points) - 10.0) / 6.0 * math.pi)
        for since_s, strength in self._passages(points):
            wide = wide - 0.8 * strength * np.exp(-((since_s / (12 * 3600)) ** 2))
        # ISO 2533 standard atmosphere for the elevation.
        pressure: Array = (1010.0 + 4.0 * wide + 1.2 * tide) * (1.0 - 2.25577e-5 * points.elevation_m) ** 5.25588
        return pressure

    def _wind(self, points: Points) -> tuple[Array, Array]:
        east, north = (
            1.5
            + 2.2 * self._noise(f"wind/{way}", points, length_m=120_000, time_s=8 * 3600)
            + 0.6 * self._noise(f"wind/{way}/near", points, length_m=2_000, time_s=300)
            for way in ("east", "north")
        )
        return east, north

    def _wind_speed(self, points: Points) -> Array:
        speed: Array = np.hypot(*self._wind(points))
        return speed

    def _wind_direction(self, points: Points) -> Array:
        east, north = self._wind(points)
        direction: Array = np.degrees(np.arctan2(-east, -north)) % 360.0
        return direction

    def _precipitation_rate(self, points: Points) -> Array:
        if self.wetness <= 0:
            return np.zeros(len(points.time_ns))
        cell = self._noise("rain", points, length_m=12_000, time_s=2400)
        dry = 3.0 - 0.6 * math.log(self.wetness)
        rate: Array = 14.0 * np.maximum(cell + 2.6 * self._cloud(points) - dry, 0.0) ** 1.5
        return rate

    def _rain_rate(self, east_m: Array, north_m: Array, time_s: Array) -> Array:
        time_ns = EPOCH_NS + np.round(time_s * 1e3).astype(np.int64) * 1_000_000
        return self._precipitation_rate(Points(east_m, north_m, np.zeros(len(time_s)), time_ns))

    def _precipitation(self, points: Points) -> Array:
        return self._water.fallen(points.east_m, points.north_m, points.time_s)

    def _soil_moisture(self, points: Points) -> Array:
        return self._water.soil(points.east_m, points.north_m, points.time_s)

    def _water_level(self, points: Points) -> Array:
        return self._water.river(points.east_m, points.north_m, points.time_s)

    def _pm2_5(self, points: Points) -> Array:
        wide = self._noise("dust", points, length_m=25_000, time_s=10 * 3600)
        near = self._noise("dust/near", points, length_m=800, time_s=900)
        night = np.cos((self._solar_hour(points) - 4.0) / 12.0 * math.pi)
        washed = np.exp(-0.12 * self._precipitation_rate(points)) / (0.6 + 0.12 * self._wind_speed(points))
        dust: Array = self.dust_ug_m3 * np.exp(0.45 * wide + 0.12 * near + 0.3 * night) * washed
        return dust


_FIELDS: Final[dict[str, Callable[[World, Points], Array]]] = {
    "air_temperature": World._air_temperature,  # noqa: SLF001 - the table of the class above
    "relative_humidity": World._relative_humidity,  # noqa: SLF001
    "air_pressure": World._air_pressure,  # noqa: SLF001
    "wind_speed": World._wind_speed,  # noqa: SLF001
    "wind_direction": World._wind_direction,  # noqa: SLF001
    "precipitation_rate": World._precipitation_rate,  # noqa: SLF001
    "solar_radiation": World._solar_radiation,  # noqa: SLF001
    "pm2_5": World._pm2_5,  # noqa: SLF001
    "precipitation": World._precipitation,  # noqa: SLF001
    "soil_moisture": World._soil_moisture,  # noqa: SLF001
    "water_level": World._water_level,  # noqa: SLF001
}

QUANTITIES: Final = tuple(_FIELDS)
"""Every field the world has, by the name of its quantity."""
