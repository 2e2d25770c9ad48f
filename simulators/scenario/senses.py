"""What a device of a scenario can sense: fields of the world, what follows from them, and where its station is."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from simulators.faults.sensor import Values
from simulators.scenario.model import Scenario, StationTable, WorldTable
from simulators.world.fields import QUANTITIES, Points, World

METRES_PER_DEGREE: Final = 111_320.0

PLACE_CHANNELS: Final = ("east", "north", "elevation", "ground_speed")
"""Channels that tell of the station itself, not of the world around it. [m], [m/s]"""

FOLLOWING: Final = {
    # Soil at probe depth follows the air by two fifths, around the mean of the plains.
    "soil_temperature": ("air_temperature", 0.4, 16.2),
    "temperature": ("air_temperature", 1.0, 0.0),
    "probe_temperature": ("air_temperature", 1.0, 0.0),
    "indoor_temperature": ("air_temperature", 0.5, 12.0),
    # TEROS 11/12 integrator guide 18225, mineral soils: content = 3.879e-4 * counts - 0.6956.
    "soil_counts": ("soil_moisture", 1 / 3.879e-4, 0.6956 / 3.879e-4),
    "soil_moisture_percent": ("soil_moisture", 100.0, 0.0),
    "soil_conductivity": ("soil_moisture", 900.0, 0.0),
    "sea_level_pressure": ("air_pressure", 1.0, 62.0),
    "pm1": ("pm2_5", 0.65, 0.0),
    "pm4": ("pm2_5", 1.3, 0.0),
    "pm10": ("pm2_5", 1.6, 0.0),
    "precipitation_total": ("precipitation", 1.0, 0.0),
    "precipitation_event": ("precipitation", 1.0, 0.0),
    "panel_power": ("solar_radiation", 0.08, 0.0),
}
"""Channels that follow a field of the world: its name, a factor, and what is added."""

SENSED: Final = frozenset({*QUANTITIES, *FOLLOWING})
"""Every channel that the world gives."""


def sample(world: World, channel: str, points: Points) -> Values:
    """A channel's true values at some points; see ``SENSED``."""
    source, factor, added = FOLLOWING.get(channel, (channel, 1.0, 0.0))
    found: Values = world.sample(source, points)
    return found if channel not in FOLLOWING else found * factor + added


def where(station: StationTable, start_ns: int, since_ns: np.typing.NDArray[np.int64]) -> tuple[Points, Values]:
    """Where a station is at some times, and how fast [m/s]: it flies straight from point to point of its path."""
    if not station.path:
        size = len(since_ns)
        places = [np.full(size, value) for value in (station.east_m, station.north_m, station.elevation_m)]
        return Points(places[0], places[1], places[2], start_ns + since_ns), np.zeros(size)
    at_s = since_ns / 1e9
    when = [point.at for point in station.path]
    axes = [[getattr(point, name) for point in station.path] for name in ("east_m", "north_m", "elevation_m")]
    places = [np.interp(at_s, when, axis) for axis in axes]
    later = [np.interp(at_s + 0.5, when, axis) - np.interp(at_s - 0.5, when, axis) for axis in axes[:2]]
    return Points(places[0], places[1], places[2], start_ns + since_ns), np.hypot(*later)


def of_the_station(
    world: World | WorldTable, station: StationTable, points: Points, speed: Values
) -> dict[str, Values]:
    """Every channel that tells of the station itself."""
    ground = station.path[0].elevation_m if station.path else station.elevation_m
    east_deg = points.east_m / (METRES_PER_DEGREE * math.cos(math.radians(world.latitude_deg)))
    return {
        "east": points.east_m,
        "north": points.north_m,
        "elevation": points.elevation_m,
        "ground_speed": speed,
        "latitude": world.latitude_deg + points.north_m / METRES_PER_DEGREE,
        "longitude": world.longitude_deg + east_deg,
        "altitude": points.elevation_m,
        "height_above_ground": points.elevation_m - ground,
        "ground_elevation": np.full(len(speed), ground),
    }


def position(scenario: Scenario, station: StationTable, at_ns: int) -> tuple[float, float, float]:
    """Where a station is at an instant: latitude, longitude [°], altitude [m]."""
    points, speed = where(station, scenario.start_ns, np.array([at_ns - scenario.start_ns]))
    found = of_the_station(scenario.world, station, points, speed)
    return float(found["latitude"][0]), float(found["longitude"][0]), float(found["altitude"][0])
