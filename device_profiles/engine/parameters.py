"""Deployment parameters over time: each value holds from its valid-from until the next."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Dated:
    """A value and since when it holds.

    Attributes:
        valid_from_ns: UTC Unix time. [ns]
        value: Number, or word of a choice.
        certificate: Calibration certificate it comes from, or empty.
    """

    valid_from_ns: int
    value: float | str = field(compare=False)
    certificate: str = field(default="", compare=False)


class History:
    """All dated values of one device, by parameter. Not changed once made."""

    def __init__(self, values: Mapping[str, Iterable[Dated]]) -> None:
        self._values = {name: sorted(dated) for name, dated in values.items()}
        self._times = {name: [item.valid_from_ns for item in dated] for name, dated in self._values.items()}

    def at(self, time_ns: int) -> dict[str, float | str]:
        """Every parameter that has a value at an instant; those before their first date are left to the defaults."""
        found: dict[str, float | str] = {}
        for name, times in self._times.items():
            index = bisect_right(times, time_ns)
            if index:
                found[name] = self._values[name][index - 1].value
        return found

    def changes(self, first_ns: int, last_ns: int) -> list[int]:
        """Instants in ``(first, last]`` at which a parameter changes: where a run of rows must be split."""
        return sorted({time for times in self._times.values() for time in times if first_ns < time <= last_ns})
