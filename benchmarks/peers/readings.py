"""The readings that every path gets: one recorded day of a weather station, laid end to end, at so many stations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.recordings import Recording
from device_profiles.wire.model import ColumnSpec, Row
from device_profiles.wire.values import Scaled, scaled_to_float

CHANNELS: Final = (
    *("dni", "dhi", "ghi_a", "ghi_b", "t_chp", "t_cm_a", "t_cm_b"),
    *("t_log", "batt", "t_air", "rh", "p", "ws", "wd", "gust"),
)
"""Names as loggers give them, short: bytes and parsing of line protocol grow with them, those of blocks hardly."""
_DAY_NS: Final = 86_400 * 10**9


@dataclass(frozen=True)
class Readings:
    """What there is to send, and so what each store must hold in the end.

    Attributes:
        recording: The day.
        stations: Stations that all record it.
        minutes: Rows of each, one a minute; after a day the recording begins again, a day later.
    """

    recording: Recording
    stations: int
    minutes: int

    def __post_init__(self) -> None:
        if len(self.recording.specs) != len(CHANNELS) or any(None in row.values for row in self.recording.rows):
            raise ValueError(f"the recording {self.recording.name} is not the one that this harness knows")

    @property
    def names(self) -> list[str]:
        """Station ids; also those of Harkara's agents."""
        return [f"st-{number:03d}" for number in range(1, self.stations + 1)]

    @property
    def specs(self) -> tuple[ColumnSpec, ...]:
        """Columns under their short names."""
        return tuple(
            ColumnSpec(channel, spec.unit) for channel, spec in zip(CHANNELS, self.recording.specs, strict=True)
        )

    @property
    def count(self) -> int:
        """Values of all stations."""
        return self.stations * self.minutes * len(CHANNELS)

    def rows(self, first: int = 0, last: int | None = None) -> Iterator[Row]:
        """Rows of any one station."""
        day = self.recording.rows
        for number in range(first, self.minutes if last is None else min(last, self.minutes)):
            row = day[number % len(day)]
            yield Row(row.observed_at_ns + number // len(day) * _DAY_NS, row.values)

    @cached_property
    def times_ms(self) -> npt.NDArray[np.int64]:
        """When the rows are, in order. [ms]."""
        return np.array([row.observed_at_ns // 10**6 for row in self.rows()], dtype=np.int64)

    @cached_property
    def values(self) -> npt.NDArray[np.float64]:
        """Doubles nearest to the decimals recorded, a row a minute, a column a channel."""
        return np.array([numbers(row) for row in self.rows()], dtype=np.float64).reshape(self.minutes, len(CHANNELS))

    def total(self, channel: str) -> float:
        """Sum of one channel over all stations."""
        return self.stations * math.fsum(self.values[:, CHANNELS.index(channel)])


def numbers(row: Row) -> list[float]:
    """The values of a row as doubles."""
    return [scaled_to_float(value) if isinstance(value, Scaled) else float(value or 0.0) for value in row.values]
