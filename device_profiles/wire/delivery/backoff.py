"""How long to wait before asking again: doubling, jittered, with a floor and a ceiling."""

from __future__ import annotations

from collections.abc import Callable


class Backoff:
    """Waits that double while nothing helps and start afresh when something did.

    Jitter spreads a fleet that lost its collector at the same instant; it never goes below the floor.
    """

    def __init__(self, *, floor_s: float, ceiling_s: float, random: Callable[[], float]) -> None:
        """Set the bounds.

        Args:
            floor_s: Shortest wait. [s]
            ceiling_s: Longest wait. [s]
            random: Uniform numbers in [0, 1).
        """
        self._floor_s = floor_s
        self._ceiling_s = max(floor_s, ceiling_s)
        self._random = random
        self._failures = 0

    @property
    def failures(self) -> int:
        """Waits handed out since the last `reset`."""
        return self._failures

    def next_s(self) -> float:
        """The next wait, longer on average than the one before [s]."""
        # 2**6 * 5 s is past the ceiling of 5 min: the exponent needs no more room.
        reach_s = min(self._ceiling_s, self._floor_s * (1 << min(self._failures, 16)))
        self._failures += 1
        return max(self._floor_s, reach_s * (0.5 + 0.5 * self._random()))

    def ceiling_s(self) -> float:
        """A jittered wait of the longest kind [s]."""
        return max(self._floor_s, self._ceiling_s * (0.5 + 0.5 * self._random()))

    def reset(self) -> None:
        """Something came back: the next wait is the shortest again."""
        self._failures = 0
