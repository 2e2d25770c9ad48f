"""Noise that is correlated over place and time and can be asked anywhere, at any time, in any order.

A sum of plane waves with random directions and frequencies: near points at near times get near values, and there is no
state, so that a passing drone and a standing station read the same field.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulators.world.streams import stream

Array = NDArray[np.float64]
_WAVES: Final = 48
_POINTS_AT_ONCE: Final = 4096


class Noise:
    """One correlated field with mean 0 and, over the waves' random phases, variance 1.

    Args:
        seed: The scenario's seed.
        name: Which field; another name gives an independent one.
        length_m: Distance over which values stay alike. [m]
        time_s: Time over which values stay alike. [s]
    """

    def __init__(self, seed: int, name: str, *, length_m: float, time_s: float) -> None:
        draws = stream(seed, "world", name)
        # Normal wave numbers give a Gaussian correlation: exp(-distance^2 / (2 length^2)), and so in time.
        self._east = draws.standard_normal(_WAVES) / length_m
        self._north = draws.standard_normal(_WAVES) / length_m
        self._time = draws.standard_normal(_WAVES) / time_s
        self._phase = draws.uniform(0.0, 2.0 * math.pi, _WAVES)

    def at(self, east_m: Array, north_m: Array, time_s: Array) -> Array:
        """The value at each point.

        Args:
            east_m: East of the world's origin. [m]
            north_m: North of it. [m]
            time_s: Since the world's epoch. [s]
        """
        parts = [
            self._some(
                east_m[low : low + _POINTS_AT_ONCE],
                north_m[low : low + _POINTS_AT_ONCE],
                time_s[low:][:_POINTS_AT_ONCE],
            )
            for low in range(0, len(time_s), _POINTS_AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.empty(0)

    def _some(self, east_m: Array, north_m: Array, time_s: Array) -> Array:
        angle = np.outer(east_m, self._east) + np.outer(north_m, self._north) + np.outer(time_s, self._time)
        waves: Array = np.cos(angle + self._phase).sum(axis=1)
        return waves * math.sqrt(2.0 / _WAVES)
