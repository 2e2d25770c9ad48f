"""A survey drone's day as a function of time: it stands, finds its place, sprays its rows, comes home, and again.

Everything follows from the seed and the time since it was switched on; asked twice it says the same. See
`simulators.emulators.vehicle` for how to drive a vehicle along it.
"""

from __future__ import annotations

import math
import random
from typing import Final

from simulators.emulators.mission import Item
from simulators.emulators.survey import Home, Spot, Survey

FIX_AFTER_S: Final = 4.0
"""Until then the receiver has no position. [s]"""
FLIGHT_S: Final = 150.0
"""No flight lasts longer. [s]"""
TURN_S: Final = 20.0
"""On the ground between two flights: another battery, a full tank. [s]"""
_LATITUDE, _LONGITUDE, _ELEVATION_M = 30.3165, 78.0322, 640.0
_APART_DEG: Final = 2e-4
"""Farthest that another seed's home is from there."""
_TANK_L: Final = 10.0
_FLOW_L_MIN: Final = 2.4
_WORK_PERCENT_S: Final = 0.4
_FULL_V, _SAG_V_PERCENT, _WORK_A, _REST_A = 25.2, 0.03, 28.0, 0.6


class SurveyFlight:
    """One drone's flights over one field.

    Args:
        seed: Decides where home is and how the field lies.

    Attributes:
        home: Where it takes off and lands.
        mission: What it flies, as a vehicle tells it.
        cycle_s: From one take-off to the next. [s]
    """

    def __init__(self, seed: int = 0) -> None:
        draws = random.Random(f"survey {seed}")  # noqa: S311 - a field, no secret
        self.home = Home(
            _LATITUDE + draws.uniform(-_APART_DEG, _APART_DEG),
            _LONGITUDE + draws.uniform(-_APART_DEG, _APART_DEG),
            _ELEVATION_M,
        )
        self._turned = draws.uniform(0, 2 * math.pi)
        self._survey = Survey(FLIGHT_S)
        self.cycle_s = self._survey.landed_s + TURN_S
        self.mission: tuple[Item, ...] = self.home.mission([self._turn(corner) for corner in self._survey.corners])

    def values(self, since_s: float) -> dict[str, float | None]:
        """What is true so long after it was switched on, as `Vehicle` takes it.

        Args:
            since_s: [s]
        """
        flown_s = max(0.0, since_s - FIX_AFTER_S) % self.cycle_s
        spot = self._turn(self._survey.at(flown_s))
        latitude, longitude, altitude = self.home.place(spot)
        has_fix = since_s >= FIX_AFTER_S
        works = spot.height > 0
        used = _WORK_PERCENT_S * min(flown_s, self._survey.landed_s)
        standing = flown_s >= self._survey.landed_s + TURN_S / 2
        remaining = 100.0 if standing else 100.0 - used
        sprayed_s = 0.0 if standing else self._survey.in_rows_s(flown_s)
        breath = math.sin(2 * math.pi * since_s / 37)
        return {
            "latitude": latitude if has_fix else None,
            "longitude": longitude if has_fix else None,
            "height_above_ground": spot.height,
            "ground_elevation": self.home.elevation,
            "flow": _FLOW_L_MIN if self._survey.is_in_row(flown_s) else 0.0,
            "tank": _TANK_L - sprayed_s * _FLOW_L_MIN / 60,
            "battery_remaining": remaining,
            "battery_voltage": _FULL_V - _SAG_V_PERCENT * (100 - remaining),
            "battery_current": _WORK_A + breath if works else _REST_A,
            "air_temperature": 24.0 - 0.0065 * spot.height + 0.2 * breath,
            "relative_humidity": 55.0 - breath,
            "air_pressure": 1013.25 * (1 - 2.25577e-5 * altitude) ** 5.25588,
        }

    def _turn(self, spot: Spot) -> Spot:
        """The field as it lies, which seldom is to the north."""
        cosine, sine = math.cos(self._turned), math.sin(self._turned)
        return Spot(spot.east * cosine - spot.north * sine, spot.east * sine + spot.north * cosine, spot.height)
