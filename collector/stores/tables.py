"""Tables of numbers to columns of lines: a row is a line, a column a field. Numpy and polars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from collector.stores.pivot import Ints, Rows
from collector.stores.series import StoreSeries

SPARSE: Final = 6
"""A table with more cells than this many times its numbers is none: its readings get a line each."""


@dataclass(frozen=True, slots=True)
class _Table:
    """Lines of devices with the same fields.

    Attributes:
        fields: Its columns.
        rows: Which rows it has.
        first: Its first cell; columns follow one another.
    """

    fields: tuple[str, ...]
    rows: Ints
    first: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each reading stands.

    Attributes:
        cell: Cell of each reading; two readings of one series and time have the same.
        cells: How many there are.
        tables: What they belong to.
        alone: Readings that get a line each.
    """

    cell: Ints
    cells: int
    tables: tuple[_Table, ...]
    alone: npt.NDArray[np.bool_]

    def only(self, kept: Ints) -> Layout:
        """The same cells for some of the readings."""
        return Layout(self.cell[kept], self.cells, self.tables, self.alone[kept])


def groups_of(series: Sequence[StoreSeries]) -> tuple[Ints, list[str]]:
    """Device of each series, numbered, and what its lines begin with."""
    numbers: dict[str, int] = {}
    of_series = [numbers.setdefault(each.head, len(numbers)) for each in series]
    return np.array(of_series, np.int64), list(numbers)


def lay_out(table: Sequence[StoreSeries], group: Ints, series: npt.NDArray[np.int32], rows: Rows) -> Layout:
    """Find each reading's cell.

    Args:
        table: What ``series`` counts in.
        group: Device of each entry of it.
        series: Of each reading.
        rows: And its row.
    """
    fields: list[set[str]] = [set() for _ in range(int(group.max()) + 1)]
    for number in np.flatnonzero(np.bincount(series, minlength=len(table))).tolist():
        fields[group[number]].add(table[number].field)
    shapes: dict[tuple[str, ...], int] = {}
    shape = np.array([shapes.setdefault(tuple(sorted(each)), len(shapes)) for each in fields], np.int64)
    places = [{name: place for place, name in enumerate(names)} for names in shapes]
    column = np.array(
        [places[shape[at]].get(each.field, 0) for at, each in zip(group.tolist(), table, strict=True)], np.int64
    )
    of_row = shape[rows.group]
    order = np.argsort(of_row, kind="stable")
    height = np.bincount(of_row, minlength=len(shapes))
    start = np.cumsum(height) - height
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order)) - start[of_row[order]]

    width = np.array([len(names) for names in shapes], np.int64)
    of_reading = shape[group][series]
    sparse = height * width > SPARSE * np.bincount(of_reading, minlength=len(shapes))
    cells = np.where(sparse, 0, height * width)
    first = np.cumsum(cells) - cells
    cell = (first[shape[group]] + column * height[shape[group]])[series] + place[rows.of_reading]
    total = int(cells.sum())
    alone = sparse[of_reading]
    if alone.any():
        pairs, cell[alone] = np.unique(rows.of_reading[alone] * len(table) + series[alone], return_inverse=True)
        cell[alone] += total
        total += len(pairs)
    tables = [
        _Table(names, order[start[number] : start[number] + height[number]], int(first[number]))
        for names, number in shapes.items()
        if cells[number]
    ]
    return Layout(cell, total, tuple(tables), alone)


def lines_of(
    layout: Layout,
    table: Sequence[StoreSeries],
    heads: Sequence[str],
    series: npt.NDArray[np.int32],
    rows: Rows,
    *,
    value: npt.NDArray[np.float64],
) -> list[pl.Series]:
    """Columns of lines. Numbers are always written as floats, so that a field's type never flips.

    Args:
        layout: Of these readings, no two in one cell.
        table: What ``series`` counts in.
        heads: Of the devices of ``rows``.
        series: Of each reading.
        rows: And its row.
        value: And its finite number, written with the fewest digits that give the same double back.
    """
    cells = np.full(layout.cells, np.nan)
    cells[layout.cell] = value
    heads_column = pl.Series(heads, dtype=pl.String)
    lines = [_table_lines(each, cells, heads_column, rows) for each in layout.tables]
    if layout.alone.any():
        begins = pl.Series([f"{each.head} {each.field}=" for each in table], dtype=pl.String)
        frame = pl.DataFrame(
            {
                "begin": begins.gather(pl.Series(series[layout.alone])),
                "value": value[layout.alone],
                "time": rows.time[rows.of_reading[layout.alone]],
            }
        )
        number, time = pl.col("value").cast(pl.String), pl.col("time").cast(pl.String)
        lines.append(frame.select(pl.concat_str(pl.col("begin"), number, pl.lit(" "), time, pl.lit("\n"))).to_series())
    return lines


def _table_lines(table: _Table, cells: npt.NDArray[np.float64], heads: pl.Series, rows: Rows) -> pl.Series:
    height = len(table.rows)
    columns = cells[table.first : table.first + height * len(table.fields)].reshape(len(table.fields), height)
    gaps: list[bool] = [bool(np.isnan(column).any()) for column in columns]
    data = {
        str(number): pl.Series(column, nan_to_null=gap)
        for number, (column, gap) in enumerate(zip(columns, gaps, strict=True))
    }
    frame = pl.DataFrame(
        {"head": heads.gather(pl.Series(rows.group[table.rows])), "time": rows.time[table.rows], **data}
    )
    pairs = [(pl.lit(f"{name}="), pl.col(str(number)).cast(pl.String)) for number, name in enumerate(table.fields)]
    # Whole columns first: what follows one may begin with a comma, whether it is there or not.
    whole = [pair for pair, gap in zip(pairs, gaps, strict=True) if not gap]
    gapped = [pl.concat_str(*pair) for pair, gap in zip(pairs, gaps, strict=True) if gap]
    parts: list[pl.Expr] = [pl.col("head"), pl.lit(" ")]
    for place, pair in enumerate(whole):
        parts += [*([pl.lit(",")] if place else []), *pair]
    if whole:
        parts += [pl.concat_str(pl.lit(","), pair) for pair in gapped]
    else:
        parts.append(pl.concat_str(gapped, separator=",", ignore_nulls=True))
    parts += [pl.lit(" "), pl.col("time").cast(pl.String), pl.lit("\n")]
    return frame.select(pl.concat_str(parts, ignore_nulls=bool(gapped))).to_series()
