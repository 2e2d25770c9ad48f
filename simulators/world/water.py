"""What rain leaves behind: fallen amounts, wet soil, a rising river. Rain is summed on a fixed grid of hours and cells.

Sums of a day in a cell are always worked out the same way, whoever asks and in whatever order: so a passing drone, a
standing station and a second run get the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from simulators.world.noise import Array

_CELL_M: Final = 2_000.0
_HOURS: Final = 24
_LOOKS_AN_HOUR: Final = 4
_LOOK_BACK_DAYS: Final = 16
_DAY_S: Final = 86_400.0
_SOIL_DRIES_H: Final = 96.0
_RIVER_RISES_H: Final = 9.0
_UPSTREAM: Final = ((0.0, 6_000.0), (-5_000.0, 12_000.0), (5_000.0, 12_000.0), (0.0, 18_000.0))
"""Cells a river's water comes from, east and north of the place. [m]"""

Rate = Callable[[Array, Array, Array], Array]
"""Rain rate by east [m], north [m] and time since the world's epoch [s]. [mm/h]"""

_AGES: Final = np.arange(_LOOK_BACK_DAYS * _HOURS, dtype=np.float64)[::-1]
_SOIL: Final = np.exp(-_AGES / _SOIL_DRIES_H)
_RIVER: Final = _AGES / _RIVER_RISES_H**2 * np.exp(-_AGES / _RIVER_RISES_H)


class Water:
    """Sums of one world's rain.

    Args:
        rate: Its rain.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._rain: dict[tuple[int, int, int], Array] = {}
        self._levels: dict[tuple[str, int, int, int], Array] = {}

    def fallen(self, east_m: Array, north_m: Array, time_s: Array) -> Array:
        """Since the day began, UTC. [mm]."""
        return self._look("fallen", east_m, north_m, time_s)

    def soil(self, east_m: Array, north_m: Array, time_s: Array) -> Array:
        """Water in the soil by volume. [m³/m³]."""
        wet = self._look("soil", east_m, north_m, time_s)
        share: Array = 0.10 + 0.34 * (1.0 - np.exp(-wet / 45.0))
        return share

    def river(self, east_m: Array, north_m: Array, time_s: Array) -> Array:
        """Level of a river there, above its gauge's zero. [m]."""
        flow = sum(
            (self._look("river", east_m + east, north_m + north, time_s) for east, north in _UPSTREAM),
            np.zeros(len(time_s)),
        )
        level: Array = 0.6 + 1.5 * (flow / len(_UPSTREAM)) ** 0.6
        return level

    def _look(self, what: str, east_m: Array, north_m: Array, time_s: Array) -> Array:
        cells = np.stack([np.floor(east_m / _CELL_M), np.floor(north_m / _CELL_M), np.floor(time_s / _DAY_S)], axis=1)
        out = np.empty(len(time_s))
        for column, row, day in np.unique(cells, axis=0).astype(np.int64).tolist():
            here = (cells == (column, row, day)).all(axis=1)
            level = self._level(what, column, row, day)
            # Piece by piece as numpy's own interpolation is, but of one hour alone.
            hour = (time_s[here] / _DAY_S - day) * _HOURS
            whole = np.clip(np.floor(hour), 0, _HOURS - 1).astype(np.int64)
            out[here] = level[whole] + (hour - whole) * (level[whole + 1] - level[whole])
        return out

    def _level(self, what: str, column: int, row: int, day: int) -> Array:
        """At the begin of each hour of a day and at its end."""
        key = (what, column, row, day)
        if key not in self._levels:
            if what == "fallen":
                self._levels[key] = np.concatenate([np.zeros(1), np.cumsum(self._hours(column, row, day))])
            else:
                kernel = _SOIL if what == "soil" else _RIVER
                days = [self._hours(column, row, each) for each in range(day - _LOOK_BACK_DAYS, day + 1)]
                rain = np.concatenate(days)
                width = len(kernel)
                self._levels[key] = np.array([(rain[at : at + width] * kernel).sum() for at in range(_HOURS + 1)])
        return self._levels[key]

    def _hours(self, column: int, row: int, day: int) -> Array:
        """Rain of each hour. [mm]."""
        key = (column, row, day)
        if key not in self._rain:
            looks = _HOURS * _LOOKS_AN_HOUR
            time_s = day * _DAY_S + (np.arange(looks) + 0.5) * (_DAY_S / looks)
            east, north = np.full(looks, (column + 0.5) * _CELL_M), np.full(looks, (row + 0.5) * _CELL_M)
            rate = self._rate(east, north, np.asarray(time_s, np.float64))
            self._rain[key] = rate.reshape(_HOURS, _LOOKS_AN_HOUR).mean(axis=1)
        return self._rain[key]
