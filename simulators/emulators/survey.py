"""Where a survey drone is at every moment: up, to and fro over the field, home and down."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from simulators.emulators.mission import RETURN, TAKEOFF, WAYPOINT, Item

_METRES_PER_DEGREE: Final = 111_320.0
CRUISE_M_S: Final = 6.0
CLIMB_M_S: Final = 3.0
ACCELERATION: Final = 2.5
"""It stops at each corner, and gathers way and brakes by this much. [m/s2]"""
HEIGHT_M: Final = 8.0
ROW_M: Final = 20.0
SPACING_M: Final = 6.0
STANDS_S: Final = 1.0
"""Before it takes off. [s]"""


class Spot(NamedTuple):
    """Beside home, in metres."""

    east: float
    north: float
    height: float


class Home(NamedTuple):
    """Where it took off: degrees, and metres above mean sea level."""

    latitude: float
    longitude: float
    elevation: float

    def place(self, spot: Spot) -> tuple[float, float, float]:
        """Latitude, longitude [deg] and altitude [m] of a spot."""
        east_m = _METRES_PER_DEGREE * math.cos(math.radians(self.latitude))
        return (
            self.latitude + spot.north / _METRES_PER_DEGREE,
            self.longitude + spot.east / east_m,
            self.elevation + spot.height,
        )

    def mission(self, corners: Sequence[Spot]) -> tuple[Item, ...]:
        """What a drone is told to fly from home to home, by the corners of a survey."""
        up, *rest = ((*self.place(spot)[:2], spot.height) for spot in corners[1:-2])
        return (
            Item(WAYPOINT, *self),
            Item(TAKEOFF, *up),
            *(Item(WAYPOINT, *corner) for corner in rest),
            Item(RETURN, self.latitude, self.longitude, up[2]),
        )


class _Leg(NamedTuple):
    begins_s: float
    ends_s: float
    start: Spot
    end: Spot
    speed: float


class Survey:
    """As many rows as fit into a time.

    Attributes:
        landed_s: When it stands again. [s]
        rows: Rows flown.
        corners: From home to home.
    """

    def __init__(self, seconds: float) -> None:
        """Plan.

        Args:
            seconds: When it must have landed. [s]
        """
        self.rows = 0
        corners = _corners(0)
        while _length_s(_corners(self.rows + 1)) <= seconds:
            self.rows += 1
            corners = _corners(self.rows)
        self.corners = tuple(corners)
        self._legs = _legs(corners)
        self.landed_s = self._legs[-1].ends_s

    def at(self, since_s: float) -> Spot:
        """Where it is so long after it was switched on; before and after it stands at home."""
        leg = next((each for each in self._legs if since_s < each.ends_s), self._legs[-1])
        share = _share(leg, since_s)
        return Spot(*(a + share * (b - a) for a, b in zip(leg.start, leg.end, strict=True)))

    def is_in_row(self, since_s: float) -> bool:
        """Whether it is on its way along a row, where a sprayer sprays."""
        return any(leg.begins_s <= since_s < leg.ends_s for leg in self._rows())

    def in_rows_s(self, since_s: float) -> float:
        """How long it has been in rows so far. [s]."""
        return sum(max(0.0, min(since_s, leg.ends_s) - leg.begins_s) for leg in self._rows())

    def _rows(self) -> list[_Leg]:
        """Up and home are none; the way from row to row leads to the east."""
        return [leg for leg in self._legs[1:-2] if leg.start.east == leg.end.east]


def _corners(rows: int) -> list[Spot]:
    found = [Spot(0.0, 0.0, 0.0), Spot(0.0, 0.0, HEIGHT_M)]
    for row in range(rows):
        begins, ends = (0.0, ROW_M) if row % 2 == 0 else (ROW_M, 0.0)
        found += [Spot(row * SPACING_M, begins, HEIGHT_M), Spot(row * SPACING_M, ends, HEIGHT_M)]
    distinct = [spot for number, spot in enumerate(found) if number == 0 or spot != found[number - 1]]
    if distinct[-1][:2] != (0.0, 0.0):
        distinct.append(Spot(0.0, 0.0, HEIGHT_M))
    return [*distinct, Spot(0.0, 0.0, 0.0)]


def _legs(corners: list[Spot]) -> list[_Leg]:
    legs, at_s = [], STANDS_S
    for start, end in itertools.pairwise(corners):
        speed = CLIMB_M_S if start[:2] == end[:2] else CRUISE_M_S
        takes_s = _takes_s(math.dist(start, end), speed)
        legs.append(_Leg(at_s, at_s + takes_s, start, end, speed))
        at_s += takes_s
    return legs


def _length_s(corners: list[Spot]) -> float:
    return _legs(corners)[-1].ends_s


def _takes_s(length_m: float, speed: float) -> float:
    """From standing to standing: gather way, go on, brake."""
    if length_m < speed * speed / ACCELERATION:
        return 2 * math.sqrt(length_m / ACCELERATION)
    return length_m / speed + speed / ACCELERATION


def _share(leg: _Leg, since_s: float) -> float:
    """Part of a leg that is behind it."""
    length_m, whole_s = math.dist(leg.start, leg.end), leg.ends_s - leg.begins_s
    gone_s = min(max(since_s - leg.begins_s, 0.0), whole_s)
    if gone_s > whole_s / 2:
        return 1.0 - _begun(whole_s - gone_s, leg.speed) / length_m
    return _begun(gone_s, leg.speed) / length_m


def _begun(gone_s: float, speed: float) -> float:
    """Metres from standing."""
    way_s = speed / ACCELERATION
    if gone_s <= way_s:
        return 0.5 * ACCELERATION * gone_s * gone_s
    return 0.5 * speed * way_s + speed * (gone_s - way_s)
