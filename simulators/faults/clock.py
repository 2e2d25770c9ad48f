"""Faults of a device's clock: the time it shows is not the time it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from simulators.faults.schedule import Schedule

SIZES: Final = {"skew": 100.0, "step": 3600.0, "unset": 0.0, "rollover": 0.0}
"""Usual sizes: a skew's in ppm, a step's in seconds, of an unset clock the Unix time it began with [s]."""
_GPS_WEEKS_NS: Final = 1024 * 7 * 86_400 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class ClockFault:
    """One fault of one clock.

    Attributes:
        kind: A word of ``CLOCK_FAULTS``.
        schedule: When.
        size: See ``SIZES``.
    """

    kind: str
    schedule: Schedule
    size: float | None = None

    def shown_ns(self, shown_ns: int, since_ns: int) -> int | None:
        """What the clock shows instead, UTC Unix time [ns]; None outside its time.

        Args:
            shown_ns: What it would show.
            since_ns: True time since the scenario's start. [ns]
        """
        number = self.schedule.round_of(since_ns)
        if number < 0:
            return None
        size = SIZES[self.kind] if self.size is None else self.size
        passed_ns = since_ns - self.schedule.began_ns(number)
        if self.kind == "skew":
            return shown_ns + round(passed_ns * size / 1e6)
        if self.kind == "step":
            return shown_ns + round(size * 1e9)
        if self.kind == "unset":
            # A clock without a battery begins with the same date at each power-on.
            return round(size * 1e9) + passed_ns
        return shown_ns - _GPS_WEEKS_NS
