"""Readings as line protocol, for InfluxDB: ``measurement,tag=value field=number,field=number time``.

A line has the readings of one device at one instant. Of several readings of one series and time the store keeps the
last that it was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import polars as pl

from collector.stores.columns import Columns, Local
from collector.stores.pivot import Ints, Rows, rows_of
from collector.stores.tables import Layout, groups_of, lay_out, lines_of


@dataclass(frozen=True, slots=True)
class LineForm:
    """Some readings, and where each stands."""

    columns: Columns
    local: Local
    heads: Sequence[str]
    rows: Rows
    layout: Layout

    @classmethod
    def of(cls, columns: Columns, local: Local, unit_ns: int) -> Self:
        """Find the lines of readings.

        Args:
            columns: The readings, at least one.
            local: Their series.
            unit_ns: Unit in which time is written. [ns]
        """
        group, heads = groups_of(local.table)
        rows = rows_of(columns.series, group[columns.series], columns.at_ns // unit_ns)
        return cls(columns, local, heads, rows, lay_out(local.table, group, columns.series, rows))

    def winners(self) -> Ints | None:
        """Which readings are written where several of a series have one time; None where none have.

        The one that was written last, in whatever batches they came: the later one or, at the very same time, the one
        that comes later here.
        """
        filled = np.zeros(self.layout.cells, bool)
        filled[self.layout.cell] = True
        if np.count_nonzero(filled) == len(self.layout.cell):
            return None
        order = np.lexsort((self.columns.at_ns, self.layout.cell))
        cell = self.layout.cell[order]
        return np.sort(order[np.append(cell[1:] != cell[:-1], True)])

    def only(self, kept: Ints) -> Self:
        """These readings of them."""
        return replace(self, columns=self.columns.only(kept), rows=self.rows.only(kept), layout=self.layout.only(kept))

    def with_flags(self, flags: Columns, of: Ints) -> Self:
        """These readings and flags of some of them, in the lines of those.

        Args:
            flags: Flags as readings.
            of: Which reading each belongs to.
        """
        columns = self.columns.with_more(flags)
        rows = replace(self.rows, of_reading=np.concatenate([self.rows.of_reading, self.rows.of_reading[of]]))
        group, _ = groups_of(self.local.table)  # A flag has the device of its reading, so none is new.
        return replace(self, columns=columns, rows=rows, layout=lay_out(self.local.table, group, columns.series, rows))

    def lines(self) -> list[pl.Series]:
        """The lines."""
        columns = self.columns
        return lines_of(self.layout, self.local.table, self.heads, columns.series, self.rows, value=columns.value)
