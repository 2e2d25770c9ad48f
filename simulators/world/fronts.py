"""Weather fronts: bands that cross the land every few days and turn the weather of one place after another."""

from __future__ import annotations

import math
from typing import Final

from simulators.world.noise import Array
from simulators.world.streams import stream

_EVERY_S: Final = 5 * 86_400.0
_SPREAD_S: Final = 1.2 * 86_400.0


class Fronts:
    """Fronts of one world; each has its own moment, direction, speed and strength.

    Args:
        seed: The scenario's seed.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._known: dict[int, tuple[float, float, float, float]] = {}

    def passages(self, east_m: Array, north_m: Array, time_s: Array) -> list[tuple[Array, float]]:
        """Time since the passage of every front that matters at some points [s], with its strength (about 1)."""
        if not len(time_s):
            return []
        first = math.floor(float(time_s.min()) / _EVERY_S) - 2
        last = math.floor(float(time_s.max()) / _EVERY_S) + 1
        found: list[tuple[Array, float]] = []
        for number in range(first, last + 1):
            at_s, slow_east, slow_north, strength = self._front(number)
            since: Array = time_s - at_s - east_m * slow_east - north_m * slow_north
            found.append((since, strength))
        return found

    def _front(self, number: int) -> tuple[float, float, float, float]:
        """Moment at the origin [s], slowness east and north [s/m], strength."""
        if number not in self._known:
            draws = stream(self._seed, "world", "front", str(number))
            late, bearing, speed, strength = draws.uniform((-1.0, 0.2, 6.0, 0.4), (1.0, 1.4, 14.0, 1.4)).tolist()
            at_s = number * _EVERY_S + late * _SPREAD_S
            self._known[number] = (at_s, math.sin(bearing) / speed, math.cos(bearing) / speed, strength)
        return self._known[number]
