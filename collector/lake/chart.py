"""A short memory of one series for a small chart: at most `POINTS_MAX` points over at most a day."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

POINTS_MAX: Final = 48
SPAN_NS_MAX: Final = 86_400 * 10**9


@dataclass(slots=True)
class ChartMemory:
    """Points in time order. When it is full every second one goes and the distance doubles, so it spans what it can."""

    points: list[tuple[int, float]] = field(default_factory=list)
    spacing_ns: int = 0

    def add(self, observed_at_ns: int, value: float) -> None:
        """Take a point, unless it is too near the last one or before it."""
        if self.points and observed_at_ns < self.points[-1][0] + max(self.spacing_ns, 1):
            return
        self.points.append((observed_at_ns, value))
        if len(self.points) <= POINTS_MAX:
            return
        oldest = observed_at_ns - SPAN_NS_MAX
        self.points = [point for point in self.points if point[0] >= oldest]
        if len(self.points) > POINTS_MAX:
            self.points = self.points[::-2][::-1]
            self.spacing_ns = (self.points[-1][0] - self.points[0][0]) // (len(self.points) - 1)
