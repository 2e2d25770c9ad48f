"""Readings on their way into a form: columns of what the store can hold, numbered by the store's own series."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from collector.stores.pivot import Ints
from collector.stores.ports import SeriesFacts
from collector.stores.series import StoreSeries


@dataclass(frozen=True, slots=True)
class Columns:
    """Readings that the store can hold. ``series`` counts in a `Local` table."""

    series: npt.NDArray[np.int32]
    at_ns: Ints
    value: npt.NDArray[np.float64]
    flag: npt.NDArray[np.uint8]
    mantissa: Ints | None

    def only(self, kept: npt.NDArray[np.bool_] | Ints) -> Columns:
        """These of them."""
        mantissa = None if self.mantissa is None else self.mantissa[kept]
        return Columns(self.series[kept], self.at_ns[kept], self.value[kept], self.flag[kept], mantissa)

    def flags(self, kept: Ints, series: npt.NDArray[np.int32]) -> Columns:
        """The flags of these as readings of series of their own."""
        flag = self.flag[kept]
        return Columns(series, self.at_ns[kept], flag.astype(np.float64), flag, None)

    def with_more(self, more: Columns) -> Columns:
        """These and others."""
        return Columns(
            np.concatenate([self.series, more.series]),
            np.concatenate([self.at_ns, more.at_ns]),
            np.concatenate([self.value, more.value]),
            np.concatenate([self.flag, more.flag]),
            None,
        )


@dataclass(slots=True)
class Local:
    """The store's series of one batch, numbered from 0, each with facts that it was named by."""

    table: list[StoreSeries] = field(default_factory=list)
    facts: list[SeriesFacts] = field(default_factory=list)
    _numbers: dict[int, int] = field(default_factory=dict)

    def number(self, series: StoreSeries, facts: SeriesFacts) -> int:
        """The number of a series, a new one when it has none yet."""
        found = self._numbers.get(series.number)
        if found is None:
            found = self._numbers[series.number] = len(self.table)
            self.table.append(series)
            self.facts.append(facts)
        return found
