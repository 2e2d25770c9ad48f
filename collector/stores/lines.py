"""Lines on their way to a store, in pieces that one request takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from collector.stores.lane import LANES

PIECE_LINES_MAX: Final = 20_000
PIECE_BYTES_MAX: Final = 4_000_000
"""Of one request, unless a single line is longer. [byte]"""

SHARED_BYTES_MIN: Final = 256 << 10
"""From here on lines are cut in `LANES` at least, to be sent at the same time. [byte]"""


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines in line protocol, each ended by a newline; none has one inside.

    Attributes:
        pieces: Whole lines each, small enough for one request.
        count: Lines in all pieces.
    """

    pieces: tuple[bytes, ...]
    count: int

    @property
    def size_bytes(self) -> int:
        """Bytes of all pieces."""
        return sum(map(len, self.pieces))

    def __add__(self, others: Lines) -> Lines:
        return Lines((*self.pieces, *others.pieces), self.count + others.count)


def cut(parts: Sequence[pl.Series]) -> Lines:
    """Cut columns of lines into pieces, in their order. What is worth it comes in `LANES` or more."""
    count = sum(map(len, parts))
    if not count:
        return Lines((), 0)
    # The old layout has all texts in one buffer: what is sent is cut from it and never joined.
    column = pl.concat(parts).rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, np.int64)[column.offset : column.offset + count + 1]
    view = memoryview(data)
    marks = _marks(ends, count)
    return Lines(tuple(bytes(view[ends[first] : ends[last]]) for first, last in pairwise(marks)), count)


def _marks(ends: npt.NDArray[np.int64], count: int) -> list[int]:
    """First line of each piece, and the end."""
    marks = [0]
    whole = int(ends[-1] - ends[0])
    # A line more than the share, so that no piece of a few lines is left over.
    share = -(-whole // LANES) + int(np.diff(ends).max())
    most = min(PIECE_BYTES_MAX, share if whole >= SHARED_BYTES_MIN else whole)
    while marks[-1] < count:
        first = marks[-1]
        fits = int(np.searchsorted(ends, ends[first] + most, side="right")) - 1
        marks.append(min(max(fits, first + 1), first + PIECE_LINES_MAX, count))
    return marks
