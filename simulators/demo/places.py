"""The places that the agent gave to readings on board, against where the sensor really was."""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from simulators.oracle import Stored, Verdict

CHANNELS: Final = ("latitude", "longitude", "altitude", "position_error")
ATTITUDE: Final = ("roll", "pitch", "yaw", "attitude_error")
"""What the agent adds beside."""
GAP_NS_MAX: Final = 2_000_000_000
"""Positions further apart than this give no place between them. [ns]"""
STEPS_M: Final = 0.03
"""Positions and places are counted in steps of 1e-7 degrees and millimetres. [m]"""
_METRES_PER_DEGREE: Final = 111_320.0


@dataclass(slots=True)
class Places:
    """What the judge found, in places.

    Attributes:
        placed: Readings' instants that have a place.
        without: Instants without, where positions were too far apart or not heard: what the agent should do.
        readings: Stored values that are places or attitudes, not readings of the sensor.
        attitudes: Of the instants, with an attitude.
        errors_m: Of each place from the true one, in order of size. [m]
    """

    placed: int = 0
    without: int = 0
    readings: int = 0
    attitudes: int = 0
    errors_m: list[float] = field(default_factory=list)

    def share(self, part: float) -> float:
        """The error that this part of the places does not exceed; nought without places. [m]."""
        return round(self.errors_m[math.ceil(part * len(self.errors_m)) - 1], 3) if self.errors_m else 0.0


def read_places(path: Path) -> dict[int, tuple[float, float, float]]:
    """Where the sensor was, by instant."""
    with path.open(encoding="ascii") as file:
        rows = [json.loads(line) for line in file]
    return {row["at_ns"]: (row["latitude"], row["longitude"], row["altitude"]) for row in rows}


def judge_places(
    true: Mapping[int, tuple[float, float, float]],
    placed: Iterable[Stored],
    instants: Iterable[int],
    positions: Iterable[int],
    verdict: Verdict,
) -> Places:
    """Compare; what is wrong goes into the verdict.

    Args:
        true: Where the sensor was.
        placed: Stored values of `CHANNELS` and `ATTITUDE` of the sensor's device.
        instants: When its stored readings were taken.
        positions: When the stored positions of the vehicle were.
        verdict: Of the sensors; a place further off than it says is altered, one that should be there is lost.
    """
    found: dict[int, dict[str, float]] = {}
    result = Places()
    for row in placed:
        result.readings += 1
        result.attitudes += row.channel == ATTITUDE[-1]
        at = found.setdefault(row.observed_at_ns, {})
        if row.channel in at:
            verdict.duplicates += 1
            verdict.note("placed again", *row[:3])
        at[row.channel] = row.value
    known = sorted(set(positions))
    wanted = set(instants)
    for at_ns in sorted(wanted | found.keys()):
        place = found.get(at_ns, {})
        if not place.keys() & set(CHANNELS):
            if _lies_between(known, at_ns):
                verdict.lost += len(CHANNELS)
                verdict.note("no place, though positions lie around it", "air", "latitude", at_ns)
            else:
                result.without += 1
            continue
        if at_ns not in true or at_ns not in wanted or not place.keys() >= set(CHANNELS):
            verdict.unexpected += 1
            verdict.note("a place of nothing", "air", "latitude", at_ns)
            continue
        result.placed += 1
        error_m = distance_m(true[at_ns], (place["latitude"], place["longitude"], place["altitude"]))
        result.errors_m.append(error_m)
        if error_m > place["position_error"] + STEPS_M:
            verdict.altered += 1
            verdict.note(f"{error_m:.2f} m off, said was {place['position_error']:.2f} m", "air", "latitude", at_ns)
    result.errors_m.sort()
    return result


def split(rows: Iterable[Stored], device: str, places: list[Stored]) -> Iterator[Stored]:
    """Readings of the sensors themselves; what are places of ``device`` goes into ``places``."""
    for row in rows:
        if row.device == device and row.channel in (*CHANNELS, *ATTITUDE):
            places.append(row)
        else:
            yield row


def distance_m(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """Between two places near each other: latitude, longitude [deg] and altitude [m]."""
    north = (one[0] - other[0]) * _METRES_PER_DEGREE
    east = (one[1] - other[1]) * _METRES_PER_DEGREE * math.cos(math.radians(one[0]))
    return math.sqrt(north * north + east * east + (one[2] - other[2]) ** 2)


def _lies_between(known: list[int], at_ns: int) -> bool:
    after = bisect_left(known, at_ns)
    return 0 < after < len(known) and known[after] - known[after - 1] <= GAP_NS_MAX
