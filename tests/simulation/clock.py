"""The event queue of a simulated world."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable


class Timeline:
    """Seeded randomness and a queue of what happens when."""

    def __init__(self, seed: int, *, trace: bool) -> None:
        self.rng = random.Random(seed)
        self.now = 0.0
        self.lines: list[str] | None = [] if trace else None
        self.events = 0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def after(self, delay_s: float, what: Callable[[], None]) -> None:
        """Let something happen later."""
        self._count += 1
        heapq.heappush(self._heap, (self.now + delay_s, self._count, what))

    def run_until(self, end_s: float) -> None:
        """Let everything happen up to then."""
        heap = self._heap
        while heap and heap[0][0] <= end_s:
            self.now, _, what = heapq.heappop(heap)
            self.events += 1
            what()
        self.now = end_s

    def chance(self, probability: float) -> bool:
        return probability > 0 and self.rng.random() < probability

    def note(self, who: str, what: str) -> None:
        """A line of the trace, when one is wanted."""
        if self.lines is not None:
            self.lines.append(f"{self.now:10.3f}  {who:<12} {what}")
