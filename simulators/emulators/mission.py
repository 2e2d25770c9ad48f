"""A drone's mission: items as ground stations write them, and which of them are behind it where it really is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

WAYPOINT: Final = 16
RETURN: Final = 20
TAKEOFF: Final = 22
_NEAR_M: Final = 2.0
"""An item is reached within this distance to the side, and in height."""
_METRES_PER_DEGREE: Final = 111_320.0
_TURNS: Final = 8


class Item(NamedTuple):
    """One item.

    Attributes:
        command: ``WAYPOINT``, ``RETURN`` or ``TAKEOFF``.
        latitude: Of the place, in degrees.
        longitude: Of the place, in degrees.
        height: Above home; of item 0, which is home itself, above mean sea level. [m]
    """

    command: int
    latitude: float
    longitude: float
    height: float


def field_around(latitude: float, longitude: float, elevation: float) -> tuple[Item, ...]:
    """What is planned where nobody says otherwise: four strips of eleven metres, thirty metres up."""
    step = 1e-4
    corners = [
        (latitude + step * (turn % 4 in {1, 2}), longitude + step * (turn // 2), 30.0) for turn in range(1, _TURNS)
    ]
    return (
        Item(WAYPOINT, latitude, longitude, elevation),
        Item(TAKEOFF, latitude, longitude, 30.0),
        *(Item(WAYPOINT, *corner) for corner in corners),
        Item(RETURN, latitude, longitude, 30.0),
    )


class Progress:
    """Which item is flown to.

    Attributes:
        items: The mission.
        current: The item that is flown to; item 0 is home and is never flown to.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = tuple(items)
        self.current = 1

    @property
    def rises(self) -> bool:
        """Whether it is still on its way up for the first time."""
        return self.current == 1

    @property
    def done(self) -> bool:
        """Whether every item is behind it."""
        return self.current >= len(self.items)

    def fly(self, latitude: float, longitude: float, height: float) -> list[int]:
        """Items that are reached now that it is here, in order."""
        reached: list[int] = []
        while not self.done and self._is_at(self.items[self.current], latitude, longitude, height):
            reached.append(self.current)
            self.current += 1
        return reached

    def land(self) -> None:
        """It stands; with the next take-off the mission begins anew."""
        self.current = 1

    @staticmethod
    def _is_at(item: Item, latitude: float, longitude: float, height: float) -> bool:
        if item.command == TAKEOFF:
            return height >= item.height - _NEAR_M / 4
        east = (longitude - item.longitude) * _METRES_PER_DEGREE * math.cos(math.radians(latitude))
        north = (latitude - item.latitude) * _METRES_PER_DEGREE
        return math.hypot(east, north) <= _NEAR_M and abs(height - item.height) <= _NEAR_M
