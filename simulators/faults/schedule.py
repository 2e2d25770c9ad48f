"""When faults strike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
Mask = NDArray[np.bool_]
_FOR_EVER_NS = 1 << 62


@dataclass(frozen=True, slots=True)
class Schedule:
    """Windows of one fault, in time since the scenario's start.

    Attributes:
        at_ns: Begin of the first. [ns]
        duration_ns: Of each; None to the end. [ns]
        every_ns: From begin to begin; None for once. [ns]
    """

    at_ns: int
    duration_ns: int | None = None
    every_ns: int | None = None

    def round_of(self, since_ns: int) -> int:
        """Number of the window a moment lies in, from 0; -1 outside."""
        passed = since_ns - self.at_ns
        if passed < 0:
            return -1
        count, within = divmod(passed, self.every_ns) if self.every_ns else (0, passed)
        return count if self.duration_ns is None or within < self.duration_ns else -1

    def began_ns(self, number: int) -> int:
        """When a window begins. [ns]."""
        return self.at_ns + number * (self.every_ns or 0)

    def rounds(self, since_ns: Times) -> Times:
        """``round_of`` for many moments."""
        passed = since_ns - self.at_ns
        every = self.every_ns or _FOR_EVER_NS
        within = passed % every
        inside = (passed >= 0) & (within < (self.duration_ns if self.duration_ns is not None else _FOR_EVER_NS))
        found: Times = np.where(inside, passed // every, -1)
        return found

    def windows(self, length_ns: int) -> list[tuple[int, int]]:
        """Begin and end of each window that begins before ``length_ns``. [ns]."""
        found, number = [], 0
        while (begin := self.began_ns(number)) < length_ns:
            end = length_ns if self.duration_ns is None else min(length_ns, begin + self.duration_ns)
            found.append((begin, end))
            number += 1
            if self.every_ns is None:
                break
        return found
