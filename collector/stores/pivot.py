"""Which readings stand in one line: those of one device at one time. Numpy.

Blocks come column by column, each column with the same times: a column that repeats the times of the one before it is
recognised by comparing, and only what is left is sorted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Lines to be, ordered by device and time.

    Attributes:
        of_reading: Row of each reading.
        group: Device of each row.
        time: Time of each row.
    """

    of_reading: Ints
    group: Ints
    time: Ints

    def only(self, kept: Ints) -> Rows:
        """The same rows for some of the readings."""
        return Rows(self.of_reading[kept], self.group, self.time)


def rows_of(series: npt.NDArray[np.int32], group: Ints, time: Ints) -> Rows:
    """Rows of readings.

    Args:
        series: Of each reading; a change of it begins a column.
        group: Device of each reading.
        time: Of each reading, at the store's precision.
    """
    count = len(series)
    begins = np.flatnonzero(np.concatenate([[True], series[1:] != series[:-1]]))
    length = np.diff(np.append(begins, count))
    column = np.repeat(np.arange(len(begins)), length)
    repeats = _repeats(begins, length, column, group, time)
    # Readings of a column that repeats stand where those of the nearest one before it that does not do.
    leader = np.maximum.accumulate(np.where(repeats, 0, np.arange(len(begins))))
    first = np.cumsum(np.where(repeats, 0, length)) - length * ~repeats
    place = np.arange(count) - begins[column] + first[leader[column]]
    leads = ~repeats[column]
    row, rows_group, rows_time = _ranked(group[leads], time[leads])
    return Rows(row[place], rows_group, rows_time)


def _repeats(begins: Ints, length: Ints, column: Ints, group: Ints, time: Ints) -> npt.NDArray[np.bool_]:
    """Columns of the device of the column before, with its very times."""
    alike = np.zeros(len(begins), bool)
    alike[1:] = (length[1:] == length[:-1]) & (group[begins[1:]] == group[begins[:-1]])
    if alike.any():
        before = np.arange(len(time)) - np.where(alike, length, 0)[column]
        alike &= np.logical_and.reduceat(time == time[before], begins)
    return alike


def _ranked(group: Ints, time: Ints) -> tuple[Ints, Ints, Ints]:
    """Rank of each pair among the distinct ones, and these, by group and time."""
    groups, lowest = int(group.max()) + 1, int(time.min())
    span = int(time.max()) - lowest + 1
    if groups * span < 1 << 63:
        keys, rank = np.unique(group * span + (time - lowest), return_inverse=True)
        return rank, keys // span, keys % span + lowest
    times, of_time = np.unique(time, return_inverse=True)
    keys, rank = np.unique(group * len(times) + of_time, return_inverse=True)
    return rank, keys // len(times), times[keys % len(times)]
