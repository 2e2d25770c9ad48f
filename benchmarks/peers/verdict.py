"""Value by value, what a store holds against what was sent: lost, twice, altered. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from benchmarks.peers.readings import CHANNELS, Readings


@dataclass(frozen=True, slots=True)
class SeriesHeld:
    """One series of a store.

    Attributes:
        station: Whose.
        channel: Which.
        times_ms: Of its values, as the store gives them; one that is there twice comes twice. [ms]
        values: The values.
    """

    station: str
    channel: str
    times_ms: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


@dataclass(slots=True)
class Verdict:
    """What became of the values sent.

    Attributes:
        sent: Values sent.
        lost: Of these, not in the store.
        twice: Values in the store beyond the first of their time.
        altered: Values in the store that are not the one sent for their time.
        strange: Values in the store that nobody sent.
        lost_by_minute: How many are lost of each row's number.
    """

    sent: int
    lost: int = 0
    twice: int = 0
    altered: int = 0
    strange: int = 0
    lost_by_minute: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def figures(self) -> dict[str, int]:
        """For the result."""
        return {
            "sent": self.sent,
            "lost": self.lost,
            "twice": self.twice,
            "altered": self.altered,
            "strange": self.strange,
        }


def judge(readings: Readings, held: Iterable[SeriesHeld]) -> Verdict:
    """Compare every value that a store holds with the one sent."""
    verdict = Verdict(readings.count, lost_by_minute=np.full(readings.minutes, readings.stations * len(CHANNELS)))
    wanted_ms, stations = readings.times_ms, set(readings.names)
    seen: dict[tuple[str, str], npt.NDArray[np.bool_]] = {}
    for series in held:
        if series.station not in stations:
            verdict.strange += len(series.values)
            continue
        column = readings.values[:, CHANNELS.index(series.channel)]
        place = np.minimum(np.searchsorted(wanted_ms, series.times_ms), len(wanted_ms) - 1)
        known = wanted_ms[place] == series.times_ms
        verdict.strange += int(np.count_nonzero(~known))
        place, values = place[known], series.values[known]
        verdict.altered += int(np.count_nonzero(values != column[place]))
        there = seen.setdefault((series.station, series.channel), np.zeros(len(wanted_ms), np.bool_))
        fresh = np.unique(place)
        fresh = fresh[~there[fresh]]
        there[fresh] = True
        verdict.twice += len(place) - len(fresh)
        verdict.lost_by_minute[fresh] -= 1
    verdict.lost = int(verdict.lost_by_minute.sum())
    return verdict
