"""Readings as lines of VictoriaMetrics' import format: a series, its numbers, their times.

``{"metric":{"__name__":"soil_moisture_percent","device":"probe-3"},"values":[31.7,31.5],"timestamps":[…,…]}``

The server looks a series up once for a line instead of once for a number, which is most of what line protocol costs it.
Of several readings of one series and time it keeps the largest.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Self

import numpy as np
import polars as pl

from collector.stores.columns import Columns, Local
from collector.stores.pivot import Ints

VALUES_A_LINE: Final = 1_000
"""Some 20 kB of text: VictoriaMetrics takes 10 MB in a line, a proxy before it may take little more than one line."""

_MS: Final = 1_000_000
"""Nanoseconds in the format's unit of time."""


@dataclass(frozen=True, slots=True)
class ImportForm:
    """Some readings, and their order by series."""

    columns: Columns
    local: Local
    time_ms: Ints
    order: Ints = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", np.argsort(self.columns.series, kind="stable"))

    @classmethod
    def of(cls, columns: Columns, local: Local, unit_ns: int) -> Self:
        """Sort readings by series.

        Args:
            columns: The readings, at least one.
            local: Their series.
            unit_ns: Precision of the times, a millisecond or more. [ns]
        """
        return cls(columns, local, columns.at_ns // unit_ns * (unit_ns // _MS))

    def winners(self) -> Ints | None:
        """Which readings are written where several of a series have one time, the largest; None where none have."""
        series, time_ms = self.columns.series[self.order], self.time_ms[self.order]
        if bool(np.all((series[1:] != series[:-1]) | (time_ms[1:] > time_ms[:-1]))):
            return None
        order = np.lexsort((self.columns.value, self.time_ms, self.columns.series))
        series, time_ms = self.columns.series[order], self.time_ms[order]
        is_last = np.append((series[1:] != series[:-1]) | (time_ms[1:] != time_ms[:-1]), True)
        return None if bool(is_last.all()) else np.sort(order[is_last])

    def only(self, kept: Ints) -> Self:
        """These readings of them."""
        return replace(self, columns=self.columns.only(kept), time_ms=self.time_ms[kept])

    def with_flags(self, flags: Columns, of: Ints) -> Self:
        """These readings and flags of some of them.

        Args:
            flags: Flags as readings.
            of: Which reading each belongs to.
        """
        time_ms = np.concatenate([self.time_ms, self.time_ms[of]])
        return replace(self, columns=self.columns.with_more(flags), time_ms=time_ms)

    def lines(self) -> list[pl.Series]:
        """The lines, of at most `VALUES_A_LINE` numbers each."""
        series = self.columns.series[self.order]
        begins = np.flatnonzero(np.append(True, series[1:] != series[:-1]))
        length = np.diff(np.append(begins, len(series)))
        place = np.arange(len(series)) - np.repeat(begins, length)
        frame = pl.DataFrame(
            {
                "line": np.cumsum(place % VALUES_A_LINE == 0),
                "series": series,
                "value": self.columns.value[self.order],
                "time": self.time_ms[self.order],
            }
        )
        joined = (
            frame.with_columns(pl.col("value", "time").cast(pl.String))
            .group_by("line", maintain_order=True)
            .agg(pl.col("series").first(), pl.col("value", "time").str.join(","))
        )
        heads = pl.Series([each.head for each in self.local.table], dtype=pl.String).gather(joined["series"])
        parts = (
            *(pl.lit('{"metric":'), heads, pl.lit(',"values":['), pl.col("value")),
            *(pl.lit('],"timestamps":['), pl.col("time"), pl.lit("]}\n")),
        )
        return [joined.select(pl.concat_str(parts)).to_series()]
